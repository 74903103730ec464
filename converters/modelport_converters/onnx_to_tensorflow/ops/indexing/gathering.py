"""Gather and scatter operators, OneHot, NonZero and Compress."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op
from modelport_converters.onnx_to_tensorflow.shapes import Size, product, reshaped, size, sizes


@op("Gather")
def gather(data: tf.Tensor, indices: tf.Tensor, *, axis: int = 0) -> tf.Tensor:
    """Gather slices along axis; negative indices count from the end."""
    known = tf.get_static_value(indices) if indices.shape.num_elements() is not None else None
    rank = data.shape.rank
    if known is None or known.ndim or rank is None:
        return tf.gather(data, _counted(indices, size(data, axis, indices.dtype)), axis=axis)
    if rank == 1 and (part := _element(data, int(known))) is not None:
        return part
    return data[(slice(None),) * (axis % rank) + (int(known),)]


def _element(data: tf.Tensor, index: int) -> tf.Tensor | None:
    """Return one element of an integer vector, as a constant where it is static."""
    found = tf.get_static_value(data, partial=True) if data.dtype in (tf.int32, tf.int64) else None
    return None if found is None or found[index] is None else tf.constant(int(found[index]), data.dtype)


def _counted(indices: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """Make negative indices non-negative; static ones without an operation."""
    known = tf.get_static_value(indices)
    if known is None or (isinstance(count, tf.Tensor) and (known < 0).any()):
        return tf.where(indices < 0, indices + tf.cast(count, indices.dtype), indices)
    return tf.constant(np.where(known < 0, known + count, known), indices.dtype) if (known < 0).any() else indices


def _places(data: tf.Tensor, indices: tf.Tensor, axis: int) -> tf.Tensor:
    """Return the flat positions in data of elements indexed along axis: int64, of the shape of the indices."""
    own, count = sizes(data), sizes(indices)
    rank = len(own)
    axis %= rank
    total: tf.Tensor = tf.cast(_counted(indices, own[axis]), tf.int64) * product(own[axis + 1 :])
    for other in range(rank):
        if other != axis:
            along = tf.range(count[other], dtype=tf.int64) * product(own[other + 1 :])
            total += tf.reshape(along, [-1] + [1] * (rank - 1 - other))
    return total


@op("GatherElements")
def gather_elements(data: tf.Tensor, indices: tf.Tensor, *, axis: int = 0) -> tf.Tensor:
    """Gather one element for each index: data at the index's own position, with the index itself along axis."""
    rank = data.shape.rank
    known = data.shape.as_list()[:-1]
    if axis % rank == rank - 1 and None not in known and known == indices.shape.as_list()[:-1]:
        return tf.gather(data, _counted(indices, size(data, axis, indices.dtype)), axis=-1, batch_dims=rank - 1)
    return tf.gather(tf.reshape(data, [-1]), _places(data, indices, axis))


@op("GatherND")
def gather_nd(data: tf.Tensor, indices: tf.Tensor, *, batch_dims: int = 0) -> tf.Tensor:
    """Gather slices at the index vectors in the last dimension of indices."""
    depth = _depth(indices)
    own = sizes(data)
    linear = _linear(indices, own[batch_dims : batch_dims + depth])
    rest, batch = own[batch_dims + depth :], own[:batch_dims]
    many, inner = product(batch), product(own[batch_dims : batch_dims + depth])
    if not batch_dims:
        return tf.gather(reshaped(data, [inner, *rest]), linear)
    found = tf.gather(
        reshaped(data, [many, inner, *rest]), reshaped(linear, [many, product(sizes(linear)[batch_dims:])]),
        axis=1, batch_dims=1,
    )  # fmt: skip
    return reshaped(found, [*sizes(linear), *rest])


def _depth(indices: tf.Tensor) -> int:
    if indices.shape[-1] is None:
        raise Unsupported("the last dimension of its indices must be known when the model is converted")
    return int(indices.shape[-1])


def _linear(indices: tf.Tensor, own: Sequence[Size]) -> tf.Tensor:
    """Ravel index vectors to positions in the flattened dimensions of sizes `own`."""
    total: tf.Tensor = tf.zeros(tf.shape(indices)[:-1], tf.int64) if not own else None
    for at, count in enumerate(own):
        place = tf.cast(_counted(indices[..., at], count), tf.int64)
        total = place if total is None else total * count + place
    return total


@op("ScatterElements")
def scatter_elements(
    data: tf.Tensor, indices: tf.Tensor, updates: tf.Tensor, *, axis: int = 0, reduction: str = "none"
) -> tf.Tensor:
    """Scatter elements into data along axis, replacing or reducing."""
    places = tf.reshape(_places(data, indices, axis), [-1])
    result = _scatter(tf.reshape(data, [-1]), places, tf.reshape(updates, [-1]), reduction)
    return reshaped(result, sizes(data))


@op("Scatter")
def scatter(data: tf.Tensor, indices: tf.Tensor, updates: tf.Tensor, *, axis: int = 0) -> tf.Tensor:
    """Scatter, the former name of ScatterElements."""
    return scatter_elements(data, indices, updates, axis=axis)


@op("ScatterND")
def scatter_nd(data: tf.Tensor, indices: tf.Tensor, updates: tf.Tensor, *, reduction: str = "none") -> tf.Tensor:
    """Scatter slices into data at the index vectors in the last dimension of indices, replacing or reducing."""
    depth = _depth(indices)
    own = sizes(data)
    places = tf.reshape(_linear(indices, own[:depth]), [-1])
    flat = reshaped(data, [product(own[:depth]), *own[depth:]])
    result = _scatter(flat, places, reshaped(updates, [product(sizes(places)), *own[depth:]]), reduction)
    return reshaped(result, own)


_SCATTERS = {
    "none": tf.tensor_scatter_nd_update,
    "add": tf.tensor_scatter_nd_add,
    "max": tf.tensor_scatter_nd_max,
    "min": tf.tensor_scatter_nd_min,
}


def _scatter(data: tf.Tensor, places: tf.Tensor, updates: tf.Tensor, reduction: str) -> tf.Tensor:
    """Scatter slices along the first dimension with a reduction; an index may occur more than once."""
    if data.dtype == tf.bool and reduction != "none":
        wide = [tf.cast(item, tf.int32) for item in (data, updates)]
        return tf.cast(_scatter(wide[0], places, wide[1], reduction), tf.bool)
    if reduction == "mul":
        return data * tf.math.unsorted_segment_prod(updates, places, size(data, 0))
    if reduction not in _SCATTERS:
        raise Unsupported(f"reduction={reduction}")
    return _SCATTERS[reduction](data, places[:, None], updates)


@op("TensorScatter")
def tensor_scatter(
    cache: tf.Tensor, update: tf.Tensor, write_indices: tf.Tensor | None = None, *, axis: int = -2, mode: str = "linear"
) -> tf.Tensor:
    """Cache update: write along axis, for each sample from its own index on; circular wraps around."""
    own, axis = sizes(cache), axis % cache.shape.rank
    length, steps, rest = own[axis], size(update, axis), own[axis + 1 :]
    many = product(own[:axis])
    first: tf.Tensor = tf.zeros([1], tf.int64) if write_indices is None else tf.cast(write_indices, tf.int64)
    inner = product(own[1:axis])
    place = tf.repeat(first, inner)[:, None] + tf.range(steps, dtype=tf.int64)
    place = place % length if mode == "circular" else place
    place = tf.reshape(place + tf.range(many, dtype=tf.int64)[:, None] * length, [-1])
    flat, new = reshaped(cache, [product([many, length]), *rest]), reshaped(update, [product([many, steps]), *rest])
    return reshaped(tf.tensor_scatter_nd_update(flat, place[:, None], new), own)


@op("OneHot")
def one_hot(indices: tf.Tensor, depth: tf.Tensor, values: tf.Tensor, *, axis: int = -1) -> tf.Tensor:
    """One-hot encoding with the off and on values; negative indices count from depth."""
    kind = indices.dtype if indices.dtype in (tf.int32, tf.int64) else tf.int64
    depth = tf.cast(tf.reshape(depth, []), tf.int32)
    places = _counted(tf.cast(indices, kind), tf.cast(depth, kind))
    axis = axis % (indices.shape.rank + 1)
    return tf.one_hot(places, depth, values[1], values[0], -1 if axis == indices.shape.rank else axis)


@op("NonZero")
def non_zero(data: tf.Tensor) -> tf.Tensor:
    """Indices of the elements that are not zero: [rank, count]."""
    zero = tf.zeros([], data.dtype)
    return tf.transpose(tf.where(data if data.dtype == tf.bool else tf.not_equal(data, zero)))


@op("Compress")
def compress(data: tf.Tensor, condition: tf.Tensor, *, axis: int | None = None) -> tf.Tensor:
    """Select slices along axis, or elements of the flattened data, by a boolean mask."""
    places = tf.reshape(tf.where(condition), [-1])
    return tf.gather(tf.reshape(data, [-1]) if axis is None else data, places, axis=axis or 0)
