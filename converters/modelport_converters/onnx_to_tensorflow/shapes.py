"""Static and dynamic shapes: sizes as Python integers where they are known while tracing, else as scalar tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

Size: TypeAlias = "int | tf.Tensor"
"""A dimension: a number where it is known while a model is traced, else a scalar tensor."""

LARGEST_INDEX = 2**31 - 1
"""Starts and ends of slices beyond it mean the end of a dimension."""


def integers(value: np.ndarray | tf.Tensor) -> list[int] | None:
    """Return the static value of an integer tensor as a flat list, or None where it is dynamic."""
    found = value if isinstance(value, np.ndarray) else tf.get_static_value(value)
    return None if found is None else [int(item) for item in np.ravel(found)]


def partial(value: tf.Tensor) -> list[int | None] | None:
    """Return the partial static value of an integer vector: None for each dynamic element, or None if its length is dynamic."""
    if not value.dtype.is_integer or value.shape.rank != 1:
        return None
    if value.op.type == "ConcatV2":
        parts = [partial(part) for part in value.op.inputs[:-1]]
        return None if None in parts else [item for part in parts if part is not None for item in part]
    found = tf.get_static_value(value, partial=True)
    if found is None or np.ndim(found) != 1:
        return [None] * int(value.shape[0]) if value.shape[0] is not None else None
    return [None if item is None else int(item) for item in found]


def size(tensor: tf.Tensor, axis: int, dtype: tf.DType = tf.int64) -> int | tf.Tensor:
    """Return the size of one dimension: static as an int, dynamic as a scalar tensor of the dtype."""
    known = tensor.shape[axis]
    if known is not None:
        return int(known)
    whole: tf.Tensor = tf.shape(tensor, out_type=dtype)
    return whole[axis]


def sizes(tensor: tf.Tensor, dtype: tf.DType = tf.int64) -> list[Size]:
    """Return the size of every dimension; see `size`."""
    whole: tf.Tensor = None if tensor.shape.is_fully_defined() else tf.shape(tensor, out_type=dtype)
    return [whole[at] if known is None else int(known) for at, known in enumerate(tensor.shape)]


def vector(items: Sequence[Size], dtype: tf.DType = tf.int64) -> tf.Tensor:
    """Stack sizes into a vector: a constant if all of them are static."""
    if any(isinstance(item, tf.Tensor) for item in items):
        return tf.stack([tf.cast(item, dtype) for item in items])
    return tf.constant([int(item) for item in items], dtype, shape=[len(items)])


def product(items: Sequence[Size]) -> int | tf.Tensor:
    """Return the product of sizes; static ones are multiplied while tracing."""
    result: Size = int(np.prod([item for item in items if not isinstance(item, tf.Tensor)], dtype=np.int64))
    for item in items:
        if isinstance(item, tf.Tensor):
            result = item if isinstance(result, int) and result == 1 else result * item
    return result


def reshaped(tensor: tf.Tensor, items: Sequence[Size]) -> tf.Tensor:
    """Reshape to static and dynamic sizes; a single dynamic one is passed as -1."""
    unknown = [at for at, item in enumerate(items) if isinstance(item, tf.Tensor)]
    rest = [item for item in items if not isinstance(item, tf.Tensor)]
    if len(unknown) == 1 and -1 not in rest and 0 not in rest:
        return tf.reshape(tensor, [-1 if at == unknown[0] else item for at, item in enumerate(items)])
    return tf.reshape(tensor, vector(items, tf.int64))


def limited(value: tf.Tensor) -> tf.Tensor:
    """Clip starts or ends of slices to int32, in which every size fits: larger numbers mean the end of a dimension."""
    known = tf.get_static_value(value)
    if known is not None:
        return tf.constant(np.clip(known, -LARGEST_INDEX, LARGEST_INDEX), tf.int32)
    return (
        value if value.dtype == tf.int32 else tf.cast(tf.clip_by_value(value, -LARGEST_INDEX, LARGEST_INDEX), tf.int32)
    )
