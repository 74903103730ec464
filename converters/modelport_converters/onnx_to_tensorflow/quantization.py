"""Quantisation to integers and back."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op


def _spread(parameter: Any, x: Any, axis: int, block_size: int) -> Any:
    """Return a scale or zero point so that it broadcasts against x."""
    if block_size:
        repeated = tf.repeat(parameter, block_size, axis=axis)
        return tf.gather(repeated, tf.range(tf.shape(x)[axis]), axis=axis)
    if parameter.shape.rank in (0, None) or x.shape.rank == 0:
        return parameter
    if parameter.shape.num_elements() == 1:
        return tf.reshape(parameter, [])
    axis %= x.shape.rank
    return tf.reshape(parameter, [-1 if index == axis else 1 for index in range(x.shape.rank)])


def rounded(x: Any, zero: Any, dtype: tf.DType) -> Any:
    """Round half to even, add the zero point, saturate and cast to an integer type."""
    if not dtype.is_integer or dtype.name in ("int4", "uint4", "int2", "uint2"):
        raise Unsupported(f"quantising to {dtype.name}")
    y = tf.round(x) if zero is None else tf.round(x) + tf.cast(tf.cast(zero, tf.int32), x.dtype)
    return tf.cast(tf.cast(tf.clip_by_value(y, float(dtype.min), float(dtype.max)), tf.int32), dtype)


@op("QuantizeLinear")
def quantize_linear(
    x: Any, y_scale: Any, y_zero_point: Any = None, *, axis: int = 1, block_size: int = 0, output_dtype: int = 0,
    precision: int = 0, saturate: int = 1,
) -> Any:  # fmt: skip
    """saturate(round(x / scale) + zero point), per tensor, axis or block."""
    named = {0: tf.uint8, 2: tf.uint8, 3: tf.int8, 4: tf.uint16, 5: tf.int16}
    if precision or (y_zero_point is None and output_dtype not in named):
        raise Unsupported("this precision or output_dtype")
    dtype = named[output_dtype] if y_zero_point is None else y_zero_point.dtype
    wide = tf.cast(x, tf.float32) / tf.cast(_spread(y_scale, x, axis, block_size), tf.float32)
    zero = None if y_zero_point is None else _spread(tf.cast(y_zero_point, tf.int32), x, axis, block_size)
    return rounded(wide, zero, dtype)


@op("DequantizeLinear")
def dequantize_linear(
    x: Any, x_scale: Any, x_zero_point: Any = None, *, axis: int = 1, block_size: int = 0, output_dtype: int = 0
) -> Any:
    """(x - zero point) * scale, per tensor, axis or block."""
    if output_dtype:
        raise Unsupported("output_dtype")
    wide = tf.cast(x, tf.float32)
    if x_zero_point is not None:
        wide -= _spread(tf.cast(x_zero_point, tf.float32), x, axis, block_size)
    return tf.cast(wide * tf.cast(_spread(x_scale, x, axis, block_size), tf.float32), x_scale.dtype)


@op("QLinearMatMul")
def qlinear_mat_mul(
    a: Any, a_scale: Any, a_zero: Any, b: Any, b_scale: Any, b_zero: Any, y_scale: Any, y_zero: Any
) -> Any:
    """The matrix product of quantised operands, quantised again."""
    left = tf.cast(a, tf.int32) - tf.cast(a_zero, tf.int32)
    right = tf.cast(b, tf.int32) - tf.cast(b_zero, tf.int32)
    scale = tf.cast(a_scale, tf.float32) * tf.cast(b_scale, tf.float32) / tf.cast(y_scale, tf.float32)
    return rounded(tf.cast(tf.matmul(left, right), tf.float32) * scale, y_zero, y_zero.dtype)
