"""Operators on shapes, and those that make tensors from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.profile import is_lite
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op
from modelport_converters.onnx_to_tensorflow.shapes import integers, partial, reshaped, size, sizes, vector
from modelport_converters.onnx_to_tensorflow.weights import constant as graph_constant
from modelport_converters.onnx_to_tensorflow.weights import to_dtype


@op("Shape", layout="shape")
def shape(data: Any, *, start: int = 0, end: int | None = None, order: Sequence[int] | None = None) -> Any:
    """The sizes of the dimensions from start to end; `order` tells where they stand in a tensor held channels-last."""
    if data.shape.rank is None:
        return tf.shape(data, out_type=tf.int64)[start:end]
    known = data.shape.as_list()
    if all(item is None for item in known) and order is None:
        whole = tf.shape(data, out_type=tf.int64)
        return whole if start == 0 and end is None else whole[start:end]
    items = sizes(data)
    items = items if order is None else [items[axis] for axis in order]
    return vector(items[start:end])


@op("Size", layout="elementwise")
def size_of(data: Any) -> Any:
    """The number of elements."""
    known = data.shape.num_elements()
    return tf.size(data, out_type=tf.int64) if known is None else tf.constant(known, tf.int64)


@op("Reshape")
def reshape(data: Any, shape: Any, *, allowzero: int = 0) -> Any:
    """0 keeps a dimension of the input, unless allowzero; -1 is inferred."""
    wanted = partial(shape)
    if wanted is None or allowzero:
        return tf.reshape(data, shape)
    if None not in wanted:
        return _reshape_known(data, [int(item or 0) for item in wanted])
    if data.shape.rank == 0:  # there is no dimension to keep
        return tf.reshape(data, shape)
    own = tf.shape(data, out_type=shape.dtype)[: len(wanted)]
    if data.shape.rank is None or data.shape.rank < len(wanted):
        own = tf.pad(own, [[0, len(wanted) - tf.size(own)]])
    result = tf.reshape(data, tf.where(shape == 0, own, shape))
    result.set_shape(_reshaped_to(data, wanted))
    return result


def _reshape_known(data: Any, wanted: list[int]) -> Any:
    kept = [data.shape[at] if item == 0 else item for at, item in enumerate(wanted)]
    if kept.count(None) == 1 and -1 not in kept and 0 not in kept:  # the one that is not known is inferred
        return tf.reshape(data, [-1 if item is None else item for item in kept])
    known = [size(data, at) if item == 0 else item for at, item in enumerate(wanted)]
    count = data.shape.num_elements()
    rest = [item for item in known if not isinstance(item, tf.Tensor)]
    if count and len(rest) == len(known) and -1 in known:
        known[known.index(-1)] = count // -int(np.prod(known))
    return reshaped(data, known)


def _reshaped_to(data: Any, wanted: list[int | None]) -> list[int | None]:
    kept = [data.shape[at] if item == 0 else item for at, item in enumerate(wanted)]
    return [None if item == -1 else item for item in kept]


@op("Flatten")
def flatten(data: Any, *, axis: int = 1) -> Any:
    """A matrix of the dimensions before axis by those from it on."""
    known = data.shape.as_list()
    axis = axis + len(known) if axis < 0 else axis
    before, after = tf.TensorShape(known[:axis]).num_elements(), tf.TensorShape(known[axis:]).num_elements()
    if before is not None and after is not None:
        return tf.reshape(data, [before, after])
    if after:
        return tf.reshape(data, [-1, after])
    if before:
        return tf.reshape(data, [before, -1])
    whole = tf.shape(data)
    return tf.reshape(data, [tf.reduce_prod(whole[:axis]), tf.reduce_prod(whole[axis:])])


@op("Expand")
def expand(data: Any, shape: Any) -> Any:
    """Broadcast, in both directions."""
    wanted = partial(shape)
    known = None if wanted is None or data.shape.rank is None else _broadcast_shape(data.shape.as_list(), wanted)
    if known is not None and None not in known:
        return data if known == data.shape.as_list() else tf.broadcast_to(data, known)
    result = tf.broadcast_to(data, tf.broadcast_dynamic_shape(tf.shape(data, out_type=shape.dtype), shape))
    if known is not None:
        result.set_shape(known)
    return result


def _broadcast_shape(one: Sequence[int | None], other: Sequence[int | None]) -> list[int | None]:
    rank = max(len(one), len(other))
    pairs = zip([1] * (rank - len(one)) + list(one), [1] * (rank - len(other)) + list(other), strict=True)
    return [b if a == 1 else a if b == 1 or b is None else b if a is None or a == b else None for a, b in pairs]


@op("Unsqueeze")
def unsqueeze(data: Any, axes: Any) -> Any:
    """Insert dimensions of size 1 at axes of the result."""
    places = integers(axes)
    if places is None:
        return _unsqueeze_unknown(data, axes)
    if data.shape.rank is None:
        return _unsqueeze_any(data, places)
    rank = data.shape.rank + len(places)
    places = sorted(axis % rank for axis in places)
    if data.shape.rank == 0:
        return tf.stack([data]) if len(places) == 1 else tf.reshape(data, [1] * rank)
    if len(places) == 1:
        return tf.expand_dims(data, places[0])
    rest = iter(sizes(data))
    return reshaped(data, [1 if axis in places else next(rest) for axis in range(rank)])


def _unsqueeze_any(data: Any, places: list[int]) -> Any:
    """Unsqueeze a tensor of unknown rank from the end that the axes are counted from."""
    if min(places, default=0) < 0 <= max(places, default=0):
        raise Unsupported("its axes are counted from both ends of a tensor of unknown rank")
    for place in sorted(places, key=abs):
        data = tf.expand_dims(data, place)
    return data


def _unsqueeze_unknown(data: Any, axes: Any) -> Any:
    rank = _length(axes) + data.shape.rank
    new = _marked(axes, rank)
    own = tf.concat([tf.shape(data, out_type=tf.int64), [1]], 0)
    sources = tf.cumsum(tf.cast(~new, tf.int32), exclusive=True)
    return tf.reshape(data, tf.ensure_shape(tf.where(new, tf.constant(1, tf.int64), tf.gather(own, sources)), [rank]))


@op("Squeeze")
def squeeze(data: Any, axes: Any = None) -> Any:
    """Drop dimensions of size 1: those at axes, or all."""
    places = [] if axes is None else integers(axes)
    if axes is not None and places == []:
        return data
    if places and is_lite() and data.shape.rank is not None:  # its converter miscounts after a Transpose
        dropped = {axis % data.shape.rank for axis in places}
        if all(data.shape[axis] == 1 for axis in dropped):
            return reshaped(data, [size for axis, size in enumerate(sizes(data)) if axis not in dropped])
    if places is not None:
        return tf.squeeze(data, places or None)
    left = data.shape.rank - _length(axes)
    whole = tf.shape(data, out_type=tf.int64)
    return tf.reshape(data, tf.ensure_shape(tf.boolean_mask(whole, ~_marked(axes, data.shape.rank)), [left]))


def _length(axes: Any) -> int:
    if axes.shape.rank == 0:
        return 1
    if axes.shape.num_elements() is None:
        raise Unsupported("the number of its axes must be known when the model is converted")
    return int(axes.shape.num_elements())


def _marked(axes: Any, rank: int) -> Any:
    """Return which of `rank` dimensions are among axes."""
    return tf.reduce_any(tf.range(rank) == tf.cast(tf.reshape(axes, [-1, 1]), tf.int32) % rank, 0)


@op("Constant")
def constant(
    *, value: Any = None, value_float: float | None = None, value_floats: Any = None, value_int: int | None = None,
    value_ints: Any = None, value_string: str | None = None, value_strings: Any = None, sparse_value: Any = None,
) -> Any:  # fmt: skip
    """The tensor in an attribute."""
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
def constant_of_shape(shape: Any, *, value: Any = None) -> Any:
    """A tensor of one value; 0 of float32 by default."""
    array = np.zeros([1], np.float32) if value is None else np.asarray(value)
    dtype = tf.string if array.dtype.kind in "OSU" else tf.as_dtype(array.dtype)
    known = integers(shape)
    return tf.fill(shape if known is None else tf.constant(known, tf.int64), graph_constant(array.reshape([]), dtype))


@op("Range")
def range_(start: Any, limit: Any, delta: Any, *, stash_type: int = 1) -> Any:
    """The numbers start + i * delta up to limit; float16 and bfloat16 are computed in stash_type."""
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


def _not_behind(start: Any, limit: Any, delta: Any) -> Any:
    """Return the limit, or start where no step leads to the limit: TensorFlow refuses that."""
    step = tf.get_static_value(delta)
    if step is not None:
        return tf.maximum(limit, start) if step > 0 else tf.minimum(limit, start)
    return tf.where(delta > 0, tf.maximum(limit, start), tf.minimum(limit, start))


@op("EyeLike")
def eye_like(data: Any, *, dtype: int | None = None, k: int = 0) -> Any:
    """1 on the k-th diagonal, of the shape of the input."""
    kind = data.dtype if dtype is None else to_dtype(ir.DataType(dtype))
    rows, columns = sizes(data)
    return tf.cast(tf.range(columns, dtype=tf.int64) == tf.range(rows, dtype=tf.int64)[:, None] + k, kind)
