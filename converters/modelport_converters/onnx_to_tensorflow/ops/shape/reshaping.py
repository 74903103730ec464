"""The shape of a tensor, read and changed: Shape, Size, Reshape, Flatten, Expand, Unsqueeze and Squeeze."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.profile import is_lite
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, Unsupported, op
from modelport_converters.onnx_to_tensorflow.shapes import integers, partial, reshaped, size, sizes, vector


@op("Shape", layout=LayoutRule.SHAPE)
def shape(data: tf.Tensor, *, start: int = 0, end: int | None = None, order: Sequence[int] | None = None) -> tf.Tensor:
    """Shape: the sizes of the dimensions from start to end; `order` is the permutation of a tensor held channels-last."""
    if data.shape.rank is None:
        return tf.shape(data, out_type=tf.int64)[start:end]
    known = data.shape.as_list()
    if all(item is None for item in known) and order is None:
        whole = tf.shape(data, out_type=tf.int64)
        return whole if start == 0 and end is None else whole[start:end]
    items = sizes(data)
    items = items if order is None else [items[axis] for axis in order]
    return vector(items[start:end])


@op("Size", layout=LayoutRule.ELEMENTWISE)
def size_of(data: tf.Tensor) -> tf.Tensor:
    """Size: the number of elements."""
    known = data.shape.num_elements()
    return tf.size(data, out_type=tf.int64) if known is None else tf.constant(known, tf.int64)


@op("Reshape")
def reshape(data: tf.Tensor, shape: tf.Tensor, *, allowzero: int = 0) -> tf.Tensor:
    """Reshape: 0 keeps a dimension of the input, unless allowzero; -1 is inferred."""
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


def _reshape_known(data: tf.Tensor, wanted: list[int]) -> tf.Tensor:
    kept = [data.shape[at] if item == 0 else item for at, item in enumerate(wanted)]
    if kept.count(None) == 1 and -1 not in kept and 0 not in kept:  # the one that is not known is inferred
        return tf.reshape(data, [-1 if item is None else item for item in kept])
    known = [size(data, at) if item == 0 else item for at, item in enumerate(wanted)]
    count = data.shape.num_elements()
    rest = [item for item in known if not isinstance(item, tf.Tensor)]
    if count and len(rest) == len(known) and -1 in known:
        known[known.index(-1)] = count // -int(np.prod(known))
    return reshaped(data, known)


def _reshaped_to(data: tf.Tensor, wanted: list[int | None]) -> list[int | None]:
    kept = [data.shape[at] if item == 0 else item for at, item in enumerate(wanted)]
    return [None if item == -1 else item for item in kept]


@op("Flatten")
def flatten(data: tf.Tensor, *, axis: int = 1) -> tf.Tensor:
    """Flatten to a matrix: the dimensions before axis by those from it on."""
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
def expand(data: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Expand: bidirectional broadcasting to a shape."""
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
def unsqueeze(data: tf.Tensor, axes: tf.Tensor) -> tf.Tensor:
    """Unsqueeze: insert dimensions of size 1 at axes of the result."""
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


def _unsqueeze_any(data: tf.Tensor, places: list[int]) -> tf.Tensor:
    """Unsqueeze a tensor of unknown rank from the end that the axes are counted from."""
    if min(places, default=0) < 0 <= max(places, default=0):
        raise Unsupported("its axes are counted from both ends of a tensor of unknown rank")
    for place in sorted(places, key=abs):
        data = tf.expand_dims(data, place)
    return data


def _unsqueeze_unknown(data: tf.Tensor, axes: tf.Tensor) -> tf.Tensor:
    rank = _length(axes) + data.shape.rank
    new = _marked(axes, rank)
    own = tf.concat([tf.shape(data, out_type=tf.int64), [1]], 0)
    sources = tf.cumsum(tf.cast(~new, tf.int32), exclusive=True)
    return tf.reshape(data, tf.ensure_shape(tf.where(new, tf.constant(1, tf.int64), tf.gather(own, sources)), [rank]))


@op("Squeeze")
def squeeze(data: tf.Tensor, axes: tf.Tensor | None = None) -> tf.Tensor:
    """Squeeze dimensions of size 1: those at axes, or all."""
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


def _length(axes: tf.Tensor) -> int:
    if axes.shape.rank == 0:
        return 1
    if axes.shape.num_elements() is None:
        raise Unsupported("the number of its axes must be known when the model is converted")
    return int(axes.shape.num_elements())


def _marked(axes: tf.Tensor, rank: int) -> tf.Tensor:
    """Return a boolean mask of the dimensions that are among axes."""
    return tf.reduce_any(tf.range(rank) == tf.cast(tf.reshape(axes, [-1, 1]), tf.int32) % rank, 0)
