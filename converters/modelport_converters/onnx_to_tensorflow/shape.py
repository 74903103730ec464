"""Operators on shapes and arrangement."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import op


@op("Shape")
def shape(data: Any, *, start: int = 0, end: int | None = None) -> Any:
    """The sizes of the dimensions from start to end."""
    return tf.shape(data, out_type=tf.int64)[start:end]


@op("Reshape")
def reshape(data: Any, shape: Any, *, allowzero: int = 0) -> Any:
    """0 keeps a dimension of the input, unless allowzero; -1 is inferred."""
    sizes = tf.get_static_value(shape)
    if sizes is None and not allowzero:
        rank = shape.shape[0]
        own = tf.shape(data, out_type=tf.int64)[:rank]
        return tf.reshape(data, tf.where(shape == 0, tf.pad(own, [[0, rank - tf.shape(own)[0]]]), shape))
    if not allowzero and (sizes == 0).any():
        known = [data.shape[i] if size == 0 else size for i, size in enumerate(sizes)]
        open_sizes = [i for i, size in enumerate(known) if size is None]
        known = [tf.shape(data, out_type=tf.int64)[i] if size is None else size for i, size in enumerate(known)]
        if len(open_sizes) == 1 and -1 not in sizes:
            known[open_sizes[0]] = -1
        return tf.reshape(data, known)
    return tf.reshape(data, sizes)


@op("Flatten")
def flatten(data: Any, *, axis: int = 1) -> Any:
    """A matrix of the dimensions before axis by those from it on."""
    sizes = data.shape.as_list()
    axis = axis + len(sizes) if axis < 0 else axis
    if None not in sizes[axis:]:
        return tf.reshape(data, [-1, tf.TensorShape(sizes[axis:]).num_elements()])
    return tf.reshape(data, [tf.reduce_prod(tf.shape(data)[:axis]), -1])


@op("Concat", layout="axis")
def concat(*values: Any, axis: int) -> Any:
    """Join along axis."""
    return tf.concat(values, axis)


@op("Transpose", layout="transpose")
def transpose(data: Any, *, perm: Any = None) -> Any:
    """Permute the dimensions; reversed by default."""
    return tf.transpose(data, perm)


@op("Unsqueeze", static=("axes",))
def unsqueeze(data: Any, axes: Any) -> Any:
    """Insert dimensions of size 1 at axes of the result."""
    rank = data.shape.rank + len(axes)
    for axis in sorted(int(axis) % rank for axis in axes):
        data = tf.expand_dims(data, axis)
    return data


@op("Squeeze", static=("axes",))
def squeeze(data: Any, axes: Any = None) -> Any:
    """Drop dimensions of size 1: those at axes, or all."""
    return tf.squeeze(data, None if axes is None else [int(axis) for axis in axes])


@op("Gather")
def gather(data: Any, indices: Any, *, axis: int = 0) -> Any:
    """Slices of data along axis; negative indices count from the end."""
    size = tf.shape(data, out_type=indices.dtype)[axis]
    return tf.gather(data, tf.where(indices < 0, indices + size, indices), axis=axis)
