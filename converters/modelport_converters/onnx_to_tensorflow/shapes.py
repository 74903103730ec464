"""Sizes and small integers: as Python numbers where they are known while a model is translated, else as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

LARGEST_INDEX = 2**31 - 1
"""Starts and ends of slices beyond it mean the end of a dimension."""


def integers(value: Any) -> list[int] | None:
    """Return the elements of a tensor of integers as a flat list, or None when they are not known."""
    found = value if isinstance(value, np.ndarray) else tf.get_static_value(value)
    return None if found is None else [int(item) for item in np.ravel(found)]


def partial(value: Any) -> list[int | None] | None:
    """Return the elements of a vector, None for each that is not known, or None when not even their number is."""
    if not value.dtype.is_integer or value.shape.rank != 1:
        return None
    if value.op.type == "ConcatV2":
        parts = [partial(part) for part in value.op.inputs[:-1]]
        return None if None in parts else [item for part in parts if part is not None for item in part]
    found = tf.get_static_value(value, partial=True)
    if found is None or np.ndim(found) != 1:
        return [None] * int(value.shape[0]) if value.shape[0] is not None else None
    return [None if item is None else int(item) for item in found]


def size(tensor: Any, axis: int, dtype: tf.DType = tf.int64) -> Any:
    """Return the size of one dimension: a number, or a scalar tensor of the dtype."""
    known = tensor.shape[axis]
    if known is not None:
        return int(known)
    whole: Any = tf.shape(tensor, out_type=dtype)
    return whole[axis]


def sizes(tensor: Any, dtype: tf.DType = tf.int64) -> list[Any]:
    """Return the size of every dimension: numbers, and scalar tensors of the dtype where they are not known."""
    whole: Any = None if tensor.shape.is_fully_defined() else tf.shape(tensor, out_type=dtype)
    return [whole[at] if known is None else int(known) for at, known in enumerate(tensor.shape)]


def vector(items: Sequence[Any], dtype: tf.DType = tf.int64) -> Any:
    """Return numbers and scalar tensors as one vector, which is a constant when all of them are numbers."""
    if any(isinstance(item, tf.Tensor) for item in items):
        return tf.stack([tf.cast(item, dtype) for item in items])
    return tf.constant([int(item) for item in items], dtype, shape=[len(items)])


def product(items: Sequence[Any]) -> Any:
    """Return the product of numbers and scalar tensors; the numbers are multiplied beforehand."""
    result: Any = int(np.prod([item for item in items if not isinstance(item, tf.Tensor)], dtype=np.int64))
    for item in items:
        if isinstance(item, tf.Tensor):
            result = item if isinstance(result, int) and result == 1 else result * item
    return result


def reshaped(tensor: Any, items: Sequence[Any]) -> Any:
    """Reshape to sizes that are numbers or scalar tensors; a single one that is not known is left to be inferred."""
    unknown = [at for at, item in enumerate(items) if isinstance(item, tf.Tensor)]
    rest = [item for item in items if not isinstance(item, tf.Tensor)]
    if len(unknown) == 1 and -1 not in rest and 0 not in rest:
        return tf.reshape(tensor, [-1 if at == unknown[0] else item for at, item in enumerate(items)])
    return tf.reshape(tensor, vector(items, tf.int64))


def limited(value: Any) -> Any:
    """Return starts or ends as int32, in which every dimension's size fits: larger numbers mean its end."""
    known = tf.get_static_value(value)
    if known is not None:
        return tf.constant(np.clip(known, -LARGEST_INDEX, LARGEST_INDEX), tf.int32)
    return (
        value if value.dtype == tf.int32 else tf.cast(tf.clip_by_value(value, -LARGEST_INDEX, LARGEST_INDEX), tf.int32)
    )
