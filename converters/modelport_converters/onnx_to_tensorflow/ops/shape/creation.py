"""Creation of tensors: constants, ranges and identity matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import op
from modelport_converters.onnx_to_tensorflow.shapes import integers, sizes
from modelport_converters.onnx_to_tensorflow.weights import constant as graph_constant
from modelport_converters.onnx_to_tensorflow.weights import to_dtype


@op("Constant")
def constant(
    *, value: np.ndarray | None = None, value_float: float | None = None, value_floats: Sequence[float] | None = None,
    value_int: int | None = None, value_ints: Sequence[int] | None = None, value_string: str | None = None,
    value_strings: Sequence[str] | None = None, sparse_value: None = None,
) -> tf.Tensor:  # fmt: skip
    """Constant: the tensor of an attribute."""
    for item, dtype in (
        (value_float, np.float32),
        (value_floats, np.float32),
        (value_int, np.int64),
        (value_ints, np.int64),
    ):
        if item is not None:
            return tf.constant(np.asarray(item, dtype))
    for text in (value_string, value_strings):
        if text is not None:
            return graph_constant(np.asarray(text, object), tf.string)
    array = np.asarray(value)
    return graph_constant(array, tf.string if array.dtype.kind in "OSU" else tf.as_dtype(array.dtype))


@op("ConstantOfShape")
def constant_of_shape(shape: tf.Tensor, *, value: np.ndarray | None = None) -> tf.Tensor:
    """Fill a shape with one value; 0 of float32 by default."""
    array = np.zeros([1], np.float32) if value is None else np.asarray(value)
    dtype = tf.string if array.dtype.kind in "OSU" else tf.as_dtype(array.dtype)
    known = integers(shape)
    return tf.fill(shape if known is None else tf.constant(known, tf.int64), graph_constant(array.reshape([]), dtype))


@op("Range")
def range_(start: tf.Tensor, limit: tf.Tensor, delta: tf.Tensor, *, stash_type: int = 1) -> tf.Tensor:
    """Range from start to limit by delta; float16 and bfloat16 are computed in stash_type."""
    own = start.dtype
    start, limit, delta = (tf.reshape(item, []) for item in (start, limit, delta))
    if own.is_integer:
        wide = own if own in (tf.int32, tf.int64) else tf.int64
        start, limit, delta = (tf.cast(item, wide) for item in (start, limit, delta))
        return tf.cast(tf.range(start, _not_behind(start, limit, delta), delta), own)
    wide = to_dtype(ir.DataType(stash_type)) if own.size < 4 else own
    start, limit, delta = (tf.cast(item, wide) for item in (start, limit, delta))
    count = tf.maximum(tf.cast(tf.math.ceil((limit - start) / delta), tf.int64), 0)
    return tf.cast(start + tf.cast(tf.range(count), wide) * delta, own)


def _not_behind(start: tf.Tensor, limit: tf.Tensor, delta: tf.Tensor) -> tf.Tensor:
    """Return the limit, or start where no step leads to the limit: TensorFlow refuses that."""
    step = tf.get_static_value(delta)
    if step is not None:
        return tf.maximum(limit, start) if step > 0 else tf.minimum(limit, start)
    return tf.where(delta > 0, tf.maximum(limit, start), tf.minimum(limit, start))


@op("EyeLike")
def eye_like(data: tf.Tensor, *, dtype: int | None = None, k: int = 0) -> tf.Tensor:
    """Identity matrix of the shape of the input, with its ones on the k-th diagonal."""
    kind = data.dtype if dtype is None else to_dtype(ir.DataType(dtype))
    rows, columns = sizes(data)
    return tf.cast(tf.range(columns, dtype=tf.int64) == tf.range(rows, dtype=tf.int64)[:, None] + k, kind)
