"""Quantized operators of com.microsoft: computed on dequantized values, rounded as ONNX Runtime does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.layout import nhwc_axis
from modelport_converters.onnx_to_tensorflow.ops.contrib import DOMAIN
from modelport_converters.onnx_to_tensorflow.ops.quantization import (
    dequantize_linear,
    exact_product,
    quantize_linear,
    rounded,
)
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, Unsupported, op, operators


def dequantized(x: tf.Tensor, scale: tf.Tensor, zero: tf.Tensor | None = None, axis: int | None = None) -> tf.Tensor:
    """Dequantize: (x - zero) * scale, per tensor or per axis."""
    wide = tf.cast(x, tf.int32)
    wide = wide if zero is None else wide - tf.cast(_along(zero, x, axis), tf.int32)
    return tf.cast(wide, scale.dtype) * _along(scale, x, axis)


def quantized(y: tf.Tensor, scale: tf.Tensor, zero: tf.Tensor | None = None, axis: int | None = None) -> tf.Tensor:
    """Quantize: round(y / scale) half to even + zero, saturated to the type of zero (uint8 where it is absent)."""
    shift = None if zero is None else tf.cast(_along(zero, y, axis), tf.float32)
    return rounded(y / _along(scale, y, axis), shift, tf.uint8 if zero is None else zero.dtype)


def _along(parameter: tf.Tensor, x: tf.Tensor, axis: int | None) -> tf.Tensor:
    if parameter.shape.rank == 0:
        return parameter
    if parameter.shape.num_elements() == 1:
        return tf.reshape(parameter, [])
    if axis is None:
        return parameter
    return tf.reshape(parameter, [-1, *[1] * (x.shape.rank - 1 - axis % x.shape.rank)])


def _standard(name: str) -> Callable[..., tf.Tensor]:
    """Return the function of an ai.onnx operator."""
    found = operators.find("", name)
    if found is None:
        raise Unsupported(f"{name} has no form")
    return found.function


for _name, _function in (("QuantizeLinear", quantize_linear), ("DequantizeLinear", dequantize_linear)):
    op(_name, domain=DOMAIN, layout=LayoutRule.QUANTIZED)(_function)


def _binary(name: str, function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> None:
    @op(name, domain=DOMAIN, layout=LayoutRule.ELEMENTWISE)
    def compute(
        a: tf.Tensor, a_scale: tf.Tensor, a_zero: tf.Tensor | None, b: tf.Tensor, b_scale: tf.Tensor,
        b_zero: tf.Tensor | None, c_scale: tf.Tensor, c_zero: tf.Tensor | None = None,
    ) -> tf.Tensor:  # fmt: skip
        y = function(dequantized(a, a_scale, a_zero), dequantized(b, b_scale, b_zero))
        return quantized(y, c_scale, tf.zeros([], a.dtype) if c_zero is None else c_zero)


_binary("QLinearAdd", tf.add)
_binary("QLinearMul", tf.multiply)


def _unary(
    x: tf.Tensor, x_scale: tf.Tensor, x_zero: tf.Tensor | None, y_scale: tf.Tensor, y_zero: tf.Tensor | None,
    function: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:  # fmt: skip
    y = function(dequantized(x, x_scale, x_zero))
    return quantized(y, y_scale, tf.zeros([], x.dtype) if y_zero is None else y_zero)


@op("QLinearSigmoid", domain=DOMAIN, layout=LayoutRule.ELEMENTWISE)
def q_linear_sigmoid(
    x: tf.Tensor, x_scale: tf.Tensor, x_zero: tf.Tensor | None, y_scale: tf.Tensor, y_zero: tf.Tensor | None = None
) -> tf.Tensor:
    """Sigmoid of a quantized tensor."""
    return _unary(x, x_scale, x_zero, y_scale, y_zero, tf.sigmoid)


@op("QLinearLeakyRelu", domain=DOMAIN, layout=LayoutRule.ELEMENTWISE)
def q_linear_leaky_relu(
    x: tf.Tensor, x_scale: tf.Tensor, x_zero: tf.Tensor | None, y_scale: tf.Tensor, y_zero: tf.Tensor | None = None,
    *, alpha: float = 0.01,
) -> tf.Tensor:  # fmt: skip
    """Leaky ReLU of a quantized tensor."""
    return _unary(x, x_scale, x_zero, y_scale, y_zero, lambda value: tf.nn.leaky_relu(value, alpha))


@op("QLinearSoftmax", domain=DOMAIN)
def q_linear_softmax(
    x: tf.Tensor, x_scale: tf.Tensor, x_zero: tf.Tensor | None, y_scale: tf.Tensor, y_zero: tf.Tensor | None,
    *, axis: int = -1, opset: int,
) -> tf.Tensor:  # fmt: skip
    """Softmax of a quantized tensor; before opset 13 over all dimensions from axis on."""
    if opset >= 13 or axis % x.shape.rank == x.shape.rank - 1:
        return _unary(x, x_scale, x_zero, y_scale, y_zero, lambda value: tf.nn.softmax(value, axis))
    rows = tf.reshape(x, [tf.reduce_prod(tf.shape(x)[: axis % x.shape.rank]), -1])
    return tf.reshape(_unary(rows, x_scale, x_zero, y_scale, y_zero, tf.nn.softmax), tf.shape(x))


@op("QLinearAveragePool", domain=DOMAIN, layout=LayoutRule.SPATIAL)
def q_linear_average_pool(
    x: tf.Tensor, x_scale: tf.Tensor, x_zero: tf.Tensor | None, y_scale: tf.Tensor, y_zero: tf.Tensor | None = None,
    *, auto_pad: str = "NOTSET", ceil_mode: int = 0, channels_last: int = 0, count_include_pad: int = 0,
    kernel_shape: Sequence[int], pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> tf.Tensor:  # fmt: skip
    """Average pooling of a quantized tensor, which is channels-last."""
    if channels_last:
        raise Unsupported("channels_last")
    pool, given = (
        _standard("AveragePool"),
        {"auto_pad": auto_pad, "ceil_mode": ceil_mode, "pads": pads, "strides": strides},
    )
    return _unary(
        x, x_scale, x_zero, y_scale, y_zero,
        lambda value: pool(value, kernel_shape=kernel_shape, count_include_pad=count_include_pad, **given),
    )  # fmt: skip


@op("QLinearGlobalAveragePool", domain=DOMAIN, layout=LayoutRule.SPATIAL)
def q_linear_global_average_pool(
    x: tf.Tensor, x_scale: tf.Tensor, x_zero: tf.Tensor | None, y_scale: tf.Tensor, y_zero: tf.Tensor | None,
    *, channels_last: int = 0,
) -> tf.Tensor:  # fmt: skip
    """Global average pooling of a quantized tensor, which is channels-last."""
    rank = x.shape.rank
    axes = [nhwc_axis(axis, rank) for axis in (range(1, rank - 1) if channels_last else range(2, rank))]
    return _unary(x, x_scale, x_zero, y_scale, y_zero, lambda value: tf.reduce_mean(value, axes, keepdims=True))


@op("QLinearConcat", domain=DOMAIN, layout=LayoutRule.AXIS)
def q_linear_concat(*values: tf.Tensor, axis: int) -> tf.Tensor:
    """Concatenation of quantized tensors with a scale each; the first two inputs are the result's scale and zero point."""
    scale, zero, rest = values[0], values[1], values[2:]
    parts = [dequantized(*rest[start : start + 3]) for start in range(0, len(rest), 3)]
    return quantized(tf.concat(parts, axis), scale, zero)


@op("QLinearWhere", domain=DOMAIN)
def q_linear_where(
    condition: tf.Tensor, x: tf.Tensor, x_scale: tf.Tensor, x_zero: tf.Tensor | None, y: tf.Tensor, y_scale: tf.Tensor,
    y_zero: tf.Tensor | None, z_scale: tf.Tensor, z_zero: tf.Tensor | None,
) -> tf.Tensor:  # fmt: skip
    """Where on quantized tensors, requantized to the scale of z."""
    return quantized(
        tf.where(condition, dequantized(x, x_scale, x_zero), dequantized(y, y_scale, y_zero)), z_scale, z_zero
    )


@op("QGemm", domain=DOMAIN)
def q_gemm(
    a: tf.Tensor, a_scale: tf.Tensor, a_zero: tf.Tensor | None, b: tf.Tensor, b_scale: tf.Tensor,
    b_zero: tf.Tensor | None, c: tf.Tensor | None = None, y_scale: tf.Tensor | None = None,
    y_zero: tf.Tensor | None = None,
    *, alpha: float = 1.0, trans_a: int = 0, trans_b: int = 0,
) -> tf.Tensor:  # fmt: skip
    """Gemm of quantized matrices; c is int32 in steps of alpha * a_scale * b_scale, b may have a scale per column of B'."""
    left, right = tf.transpose(a) if trans_a else a, tf.transpose(b) if trans_b else b
    product = exact_product(left, a_zero, right, b_zero)
    if c is not None:
        product = tf.cast(tf.cast(product, tf.int32) + c, tf.float32)
    scale = alpha * a_scale * b_scale
    if y_scale is None:
        return product * scale
    if y_zero is None:
        raise Unsupported("y_scale without y_zero_point")
    return rounded(product * (scale / y_scale), tf.cast(y_zero, tf.float32), y_zero.dtype)


@op("MatMulIntegerToFloat", domain=DOMAIN)
def mat_mul_integer_to_float(
    a: tf.Tensor, b: tf.Tensor, a_scale: tf.Tensor, b_scale: tf.Tensor, a_zero: tf.Tensor | None = None,
    b_zero: tf.Tensor | None = None, bias: tf.Tensor | None = None,
) -> tf.Tensor:  # fmt: skip
    """Matrix product of quantized matrices, dequantized to float."""
    y = tf.matmul(dequantized(a, a_scale, a_zero), dequantized(b, b_scale, b_zero, -1))
    return y if bias is None else y + bias


@op("DynamicQuantizeMatMul", domain=DOMAIN)
def dynamic_quantize_mat_mul(
    a: tf.Tensor, b: tf.Tensor, b_scale: tf.Tensor, b_zero: tf.Tensor | None = None, bias: tf.Tensor | None = None
) -> tf.Tensor:
    """Matrix product with A quantized dynamically to uint8."""
    low, high = tf.minimum(tf.reduce_min(a), 0.0), tf.maximum(tf.reduce_max(a), 0.0)
    scale = tf.where(high > low, (high - low) / 255.0, 1.0)
    zero = tf.cast(tf.cast(tf.round(tf.clip_by_value(-low / scale, 0.0, 255.0)), tf.int32), tf.uint8)
    return mat_mul_integer_to_float(quantized(a, scale, zero), b, scale, b_scale, zero, b_zero, bias)


@op("MatMulNBits", domain=DOMAIN)
def mat_mul_n_bits(
    a: tf.Tensor, b: tf.Tensor, scales: tf.Tensor, zero_points: tf.Tensor | None = None, g_idx: tf.Tensor | None = None,
    bias: tf.Tensor | None = None,
    *, k: int, n: int, bits: int = 4, block_size: int, accuracy_level: int = 0,
) -> tf.Tensor:  # fmt: skip
    """Matrix product with weights [N, K] quantized per block of K, `bits` bits each, packed from the lowest."""
    if bits not in (2, 4, 8) or g_idx is not None:
        raise Unsupported(f"bits={bits}" if g_idx is None else "g_idx")
    blocks = -(-k // block_size)
    values = tf.reshape(_unpacked(b, bits), [n, blocks, block_size])
    if zero_points is None:
        zero: float | tf.Tensor = float(2 ** (bits - 1))
    elif zero_points.dtype == tf.uint8:
        zero = tf.cast(_unpacked(tf.reshape(zero_points, [n, -1]), bits)[:, :blocks, None], a.dtype)
    else:
        zero = tf.reshape(zero_points, [n, blocks, 1])
    weight = (tf.cast(values, a.dtype) - zero) * tf.reshape(scales, [n, blocks, 1])
    y = tf.tensordot(a, tf.reshape(weight, [n, blocks * block_size])[:, :k], [[-1], [1]])
    return y if bias is None else y + bias


def _unpacked(packed: tf.Tensor, bits: int) -> tf.Tensor:
    """Unpack integers of a few bits from the bytes of the last dimension, the lowest bits first, as int32."""
    if bits == 8:
        return tf.cast(packed, tf.int32)
    shifts = tf.range(0, 8, bits)
    parts = tf.bitwise.bitwise_and(tf.bitwise.right_shift(tf.cast(packed, tf.int32)[..., None], shifts), 2**bits - 1)
    return tf.reshape(parts, tf.concat([tf.shape(packed)[:-1], [-1]], 0))
