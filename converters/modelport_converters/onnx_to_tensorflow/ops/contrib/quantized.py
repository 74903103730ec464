"""Quantised operators of com.microsoft: computed on dequantised values, rounded as ONNX Runtime does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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


def dequantized(x: Any, scale: Any, zero: Any = None, axis: int | None = None) -> Any:
    """Return (x - zero) * scale; scale and zero are scalars, or one for each place along axis."""
    wide = tf.cast(x, tf.int32)
    wide = wide if zero is None else wide - tf.cast(_along(zero, x, axis), tf.int32)
    return tf.cast(wide, scale.dtype) * _along(scale, x, axis)


def quantized(y: Any, scale: Any, zero: Any = None, axis: int | None = None) -> Any:
    """Return y / scale + zero, rounded half to even and limited to the type of zero (uint8 where it is absent)."""
    shift = None if zero is None else tf.cast(_along(zero, y, axis), tf.float32)
    return rounded(y / _along(scale, y, axis), shift, tf.uint8 if zero is None else zero.dtype)


def _along(parameter: Any, x: Any, axis: int | None) -> Any:
    if parameter.shape.rank == 0:
        return parameter
    if parameter.shape.num_elements() == 1:
        return tf.reshape(parameter, [])
    if axis is None:
        return parameter
    return tf.reshape(parameter, [-1, *[1] * (x.shape.rank - 1 - axis % x.shape.rank)])


def _standard(name: str) -> Callable[..., Any]:
    """Return the function of an ai.onnx operator."""
    found = operators.find("", name)
    if found is None:
        raise Unsupported(f"{name} has no form")
    return found.function


for _name, _function in (("QuantizeLinear", quantize_linear), ("DequantizeLinear", dequantize_linear)):
    op(_name, domain=DOMAIN, layout=LayoutRule.QUANTIZED)(_function)


def _binary(name: str, function: Callable[[Any, Any], Any]) -> None:
    @op(name, domain=DOMAIN, layout=LayoutRule.ELEMENTWISE)
    def compute(
        a: Any, a_scale: Any, a_zero: Any, b: Any, b_scale: Any, b_zero: Any, c_scale: Any, c_zero: Any = None
    ) -> Any:
        y = function(dequantized(a, a_scale, a_zero), dequantized(b, b_scale, b_zero))
        return quantized(y, c_scale, tf.zeros([], a.dtype) if c_zero is None else c_zero)


_binary("QLinearAdd", tf.add)
_binary("QLinearMul", tf.multiply)


def _unary(x: Any, x_scale: Any, x_zero: Any, y_scale: Any, y_zero: Any, function: Callable[[Any], Any]) -> Any:
    y = function(dequantized(x, x_scale, x_zero))
    return quantized(y, y_scale, tf.zeros([], x.dtype) if y_zero is None else y_zero)


@op("QLinearSigmoid", domain=DOMAIN, layout=LayoutRule.ELEMENTWISE)
def q_linear_sigmoid(x: Any, x_scale: Any, x_zero: Any, y_scale: Any, y_zero: Any = None) -> Any:
    """Sigmoid of a quantised tensor."""
    return _unary(x, x_scale, x_zero, y_scale, y_zero, tf.sigmoid)


@op("QLinearLeakyRelu", domain=DOMAIN, layout=LayoutRule.ELEMENTWISE)
def q_linear_leaky_relu(
    x: Any, x_scale: Any, x_zero: Any, y_scale: Any, y_zero: Any = None, *, alpha: float = 0.01
) -> Any:
    """Leaky rectifier of a quantised tensor."""
    return _unary(x, x_scale, x_zero, y_scale, y_zero, lambda value: tf.nn.leaky_relu(value, alpha))


@op("QLinearSoftmax", domain=DOMAIN)
def q_linear_softmax(
    x: Any, x_scale: Any, x_zero: Any, y_scale: Any, y_zero: Any, *, axis: int = -1, opset: int
) -> Any:
    """Softmax of a quantised tensor; before opset 13 over all dimensions from axis on."""
    if opset >= 13 or axis % x.shape.rank == x.shape.rank - 1:
        return _unary(x, x_scale, x_zero, y_scale, y_zero, lambda value: tf.nn.softmax(value, axis))
    rows = tf.reshape(x, [tf.reduce_prod(tf.shape(x)[: axis % x.shape.rank]), -1])
    return tf.reshape(_unary(rows, x_scale, x_zero, y_scale, y_zero, tf.nn.softmax), tf.shape(x))


@op("QLinearAveragePool", domain=DOMAIN, layout=LayoutRule.SPATIAL)
def q_linear_average_pool(
    x: Any, x_scale: Any, x_zero: Any, y_scale: Any, y_zero: Any = None,
    *, auto_pad: str = "NOTSET", ceil_mode: int = 0, channels_last: int = 0, count_include_pad: int = 0,
    kernel_shape: Sequence[int], pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> Any:  # fmt: skip
    """Average pooling of a quantised tensor, which is channels-last."""
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
    x: Any, x_scale: Any, x_zero: Any, y_scale: Any, y_zero: Any, *, channels_last: int = 0
) -> Any:
    """The mean over the spatial dimensions of a quantised tensor, which is channels-last."""
    rank = x.shape.rank
    axes = [nhwc_axis(axis, rank) for axis in (range(1, rank - 1) if channels_last else range(2, rank))]
    return _unary(x, x_scale, x_zero, y_scale, y_zero, lambda value: tf.reduce_mean(value, axes, keepdims=True))


@op("QLinearConcat", domain=DOMAIN, layout=LayoutRule.AXIS)
def q_linear_concat(*values: Any, axis: int) -> Any:
    """Join tensors of different scales; the first two inputs are the result's scale and zero point."""
    scale, zero, rest = values[0], values[1], values[2:]
    parts = [dequantized(*rest[start : start + 3]) for start in range(0, len(rest), 3)]
    return quantized(tf.concat(parts, axis), scale, zero)


@op("QLinearWhere", domain=DOMAIN)
def q_linear_where(
    condition: Any, x: Any, x_scale: Any, x_zero: Any, y: Any, y_scale: Any, y_zero: Any, z_scale: Any, z_zero: Any
) -> Any:
    """Elements of x where the condition holds, else of y, quantised alike."""
    return quantized(
        tf.where(condition, dequantized(x, x_scale, x_zero), dequantized(y, y_scale, y_zero)), z_scale, z_zero
    )


@op("QGemm", domain=DOMAIN)
def q_gemm(
    a: Any, a_scale: Any, a_zero: Any, b: Any, b_scale: Any, b_zero: Any, c: Any = None, y_scale: Any = None,
    y_zero: Any = None, *, alpha: float = 1.0, trans_a: int = 0, trans_b: int = 0,
) -> Any:  # fmt: skip
    """A' @ B' and a bias in steps of alpha times both scales; b may have a scale for each column of B'."""
    left, right = tf.transpose(a) if trans_a else a, tf.transpose(b) if trans_b else b
    product = exact_product(left, a_zero, right, b_zero)
    if c is not None:
        product = tf.cast(tf.cast(product, tf.int32) + c, tf.float32)
    scale = alpha * a_scale * b_scale
    if y_scale is None:
        return product * scale
    return rounded(product * (scale / y_scale), tf.cast(y_zero, tf.float32), y_zero.dtype)


@op("MatMulIntegerToFloat", domain=DOMAIN)
def mat_mul_integer_to_float(
    a: Any, b: Any, a_scale: Any, b_scale: Any, a_zero: Any = None, b_zero: Any = None, bias: Any = None
) -> Any:
    """Matrix product of quantised matrices, as floats."""
    y = tf.matmul(dequantized(a, a_scale, a_zero), dequantized(b, b_scale, b_zero, -1))
    return y if bias is None else y + bias


@op("DynamicQuantizeMatMul", domain=DOMAIN)
def dynamic_quantize_mat_mul(a: Any, b: Any, b_scale: Any, b_zero: Any = None, bias: Any = None) -> Any:
    """Matrix product after rounding A to 256 steps between its extremes."""
    low, high = tf.minimum(tf.reduce_min(a), 0.0), tf.maximum(tf.reduce_max(a), 0.0)
    scale = tf.where(high > low, (high - low) / 255.0, 1.0)
    zero = tf.cast(tf.cast(tf.round(tf.clip_by_value(-low / scale, 0.0, 255.0)), tf.int32), tf.uint8)
    return mat_mul_integer_to_float(quantized(a, scale, zero), b, scale, b_scale, zero, b_zero, bias)


@op("MatMulNBits", domain=DOMAIN)
def mat_mul_n_bits(
    a: Any, b: Any, scales: Any, zero_points: Any = None, g_idx: Any = None, bias: Any = None,
    *, k: int, n: int, bits: int = 4, block_size: int, accuracy_level: int = 0,
) -> Any:  # fmt: skip
    """Product with a matrix of N rows whose blocks of K are packed in `bits` bits, the lowest first, each with its scale."""
    if bits not in (2, 4, 8) or g_idx is not None:
        raise Unsupported(f"bits={bits}" if g_idx is None else "g_idx")
    blocks = -(-k // block_size)
    values = tf.reshape(_unpacked(b, bits), [n, blocks, block_size])
    if zero_points is None:
        zero: Any = float(2 ** (bits - 1))
    elif zero_points.dtype == tf.uint8:
        zero = tf.cast(_unpacked(tf.reshape(zero_points, [n, -1]), bits)[:, :blocks, None], a.dtype)
    else:
        zero = tf.reshape(zero_points, [n, blocks, 1])
    weight = (tf.cast(values, a.dtype) - zero) * tf.reshape(scales, [n, blocks, 1])
    y = tf.tensordot(a, tf.reshape(weight, [n, blocks * block_size])[:, :k], [[-1], [1]])
    return y if bias is None else y + bias


def _unpacked(packed: Any, bits: int) -> Any:
    """Return the numbers in the bytes of the last dimension, the lowest bits first, as int32."""
    if bits == 8:
        return tf.cast(packed, tf.int32)
    shifts = tf.range(0, 8, bits)
    parts = tf.bitwise.bitwise_and(tf.bitwise.right_shift(tf.cast(packed, tf.int32)[..., None], shifts), 2**bits - 1)
    return tf.reshape(parts, tf.concat([tf.shape(packed)[:-1], [-1]], 0))
