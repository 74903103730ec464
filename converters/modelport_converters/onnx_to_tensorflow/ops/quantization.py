"""Quantization to integers and small floats, dequantization, and products of quantized tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ops.convolution.conv import conv_integer
from modelport_converters.onnx_to_tensorflow.ops.elementwise.casting import dtype_of, to_type
from modelport_converters.onnx_to_tensorflow.ops.nn.linear import mat_mul
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, op
from modelport_converters.onnx_to_tensorflow.weights import Weight

RANGES = {
    "int2": (-2, 1), "uint2": (0, 3), "int4": (-8, 7), "uint4": (0, 15), "int8": (-128, 127), "uint8": (0, 255),
    "int16": (-(2**15), 2**15 - 1), "uint16": (0, 2**16 - 1),
}  # fmt: skip
"""The least and the greatest number of each integer type that values are quantised to."""

_EXACT = 2**24
"""Sums of integers stay exact in float32 as long as no partial sum is larger than this."""


@op("QuantizeLinear", layout=LayoutRule.QUANTIZED)
def quantize_linear(
    x: tf.Tensor, y_scale: tf.Tensor, y_zero_point: tf.Tensor | None = None,
    *, axis: int = 1, block_size: int = 0, output_dtype: int = 0, precision: int = 0, saturate: int = 1,
) -> tf.Tensor:  # fmt: skip
    """Quantize: saturate(round(x / scale) + zero point), per tensor, per axis or per block."""
    target = y_zero_point.dtype if y_zero_point is not None else dtype_of(output_dtype) if output_dtype else tf.uint8
    wide = dtype_of(precision) if precision else y_scale.dtype
    wide = wide if wide.is_floating else tf.float64  # integers are divided as real numbers
    quotient = tf.cast(x, wide) / tf.cast(_spread(y_scale, x, axis, block_size), wide)
    return rounded(quotient, _shift(y_zero_point, x, axis, block_size), target, bool(saturate))


@op("DequantizeLinear", layout=LayoutRule.QUANTIZED)
def dequantize_linear(
    x: tf.Tensor, x_scale: tf.Tensor, x_zero_point: tf.Tensor | None = None,
    *, axis: int = 1, block_size: int = 0, output_dtype: int = 0,
) -> tf.Tensor:  # fmt: skip
    """Dequantize: (x - zero point) * scale, per tensor, per axis or per block."""
    target = dtype_of(output_dtype) if output_dtype else x_scale.dtype
    wide = to_type(x, tf.float32)
    zero = _shift(x_zero_point, x, axis, block_size)
    wide = wide if zero is None else wide - zero
    return tf.cast(wide * tf.cast(_spread(x_scale, x, axis, block_size), tf.float32), target)


@op("DynamicQuantizeLinear", layout=LayoutRule.ELEMENTWISE)
def dynamic_quantize_linear(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Dynamic quantization to uint8 over the range of x and zero; also the scale (1 for zeros only) and the zero point."""
    low, high = tf.minimum(tf.reduce_min(x), 0.0), tf.maximum(tf.reduce_max(x), 0.0)
    scale = tf.where(high > low, (high - low) / 255.0, 1.0)
    zero = tf.round(tf.clip_by_value(-low / scale, 0.0, 255.0))
    return rounded(x / scale, zero, tf.uint8), scale, tf.cast(zero, tf.uint8)


@op("QLinearConv", layout=LayoutRule.SPATIAL, lazy=("w",))
def qlinear_conv(
    x: tf.Tensor, x_scale: tf.Tensor, x_zero: tf.Tensor, w: Weight | tf.Tensor, w_scale: tf.Tensor, w_zero: tf.Tensor,
    y_scale: tf.Tensor, y_zero: tf.Tensor, b: tf.Tensor | None = None,
    *, auto_pad: str = "NOTSET", dilations: Sequence[int] = (), group: int = 1, kernel_shape: Sequence[int] = (),
    pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> tf.Tensor:  # fmt: skip
    """Quantized convolution, accumulated exactly before it is requantized; x is channels-last."""
    y = conv_integer(
        x, w, x_zero, w_zero, auto_pad=auto_pad, dilations=dilations, group=group, pads=pads, strides=strides
    )
    y = y if b is None else y + b
    factor = _flat(x_scale) * _flat(w_scale) / _flat(y_scale)
    return rounded(tf.cast(y, tf.float32) * factor, tf.cast(_flat(y_zero), tf.float32), y_zero.dtype)


@op("QLinearMatMul")
def qlinear_mat_mul(
    a: tf.Tensor, a_scale: tf.Tensor, a_zero: tf.Tensor, b: tf.Tensor, b_scale: tf.Tensor, b_zero: tf.Tensor,
    y_scale: tf.Tensor, y_zero: tf.Tensor,
) -> tf.Tensor:  # fmt: skip
    """Quantized matrix product, accumulated exactly before it is requantized; scales per row of a and per column of b."""
    product = exact_product(a, _rows(a_zero), b, b_zero)
    scales = [tf.cast(scale, tf.float32) for scale in (_rows(a_scale), b_scale, _rows(y_scale))]
    factor = scales[0] * scales[1] / scales[2]
    return rounded(product * factor, to_type(_rows(y_zero), tf.float32), y_zero.dtype)


def exact_product(a: tf.Tensor, a_zero: tf.Tensor, b: tf.Tensor, b_zero: tf.Tensor) -> tf.Tensor:
    """Matrix product of (a - zero point) and (b - zero point) as float32, exact where the operands are integers."""
    depth = a.shape[-1]
    exact = depth is not None and depth * _reach(a.dtype) * _reach(b.dtype) < _EXACT
    wide = tf.float32 if exact or a.dtype.is_floating else tf.float64
    left = to_type(a, wide) - to_type(a_zero, wide)
    return tf.cast(mat_mul(left, to_type(b, wide) - to_type(b_zero, wide)), tf.float32)


def rounded(x: tf.Tensor, zero: tf.Tensor | None, target: tf.DType, saturate: bool = True) -> tf.Tensor:
    """Round half to even, add the zero point (float32 or None), saturate and cast to an integer type or a small float."""
    if target.name not in RANGES:
        return to_type(x if zero is None else tf.cast(x, tf.float32) + zero, target, saturate)
    low, high = RANGES[target.name]
    y = tf.cast(tf.round(x), tf.float32)
    y = tf.clip_by_value(y if zero is None else y + zero, float(low), float(high))
    return tf.cast(y, target) if target.name.endswith(("8", "16")) else to_type(tf.cast(y, tf.int32), target)


def _shift(zero: tf.Tensor | None, x: tf.Tensor, axis: int, block_size: int) -> tf.Tensor | None:
    """Return a zero point as float32 that broadcasts against x; None for zeros that are known."""
    if zero is None:
        return None
    known = tf.get_static_value(zero)
    if known is not None and not known.astype(np.float32).any():
        return None
    return _spread(to_type(zero, tf.float32), x, axis, block_size)


def _spread(parameter: tf.Tensor, x: tf.Tensor, axis: int, block_size: int) -> tf.Tensor:
    """Return a scale or zero point so that it broadcasts against x."""
    if parameter.shape.rank == 0 or parameter.shape.num_elements() == 1:
        return tf.reshape(parameter, [])
    if block_size:
        repeated = tf.repeat(parameter, block_size, axis=axis)
        whole = repeated.shape[axis] is not None and repeated.shape[axis] == x.shape[axis]
        return repeated if whole else tf.gather(repeated, tf.range(tf.shape(x)[axis]), axis=axis)
    axis %= x.shape.rank
    return tf.reshape(parameter, [-1 if index == axis else 1 for index in range(x.shape.rank)])


def _reach(dtype: tf.DType) -> float:
    """Return the largest distance between a number of a type and a zero point; infinite for floats."""
    return math.inf if dtype.is_floating else float(dtype.max - dtype.min)


def _flat(parameter: tf.Tensor) -> tf.Tensor:
    """Return a scale or zero point of one element as a scalar, and one for each channel as it is."""
    return tf.reshape(parameter, []) if parameter.shape.num_elements() == 1 else parameter


def _rows(parameter: tf.Tensor) -> tf.Tensor:
    """Return parameters of rows so that they broadcast against a matrix."""
    return parameter[:, None] if parameter.shape.rank == 1 and parameter.shape[0] != 1 else parameter
