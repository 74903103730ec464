"""Conversion between NumPy arrays and TensorFlow tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from numpy.typing import NDArray


def to_tensor(array: NDArray[Any], dtype: str) -> tf.Tensor:
    """Return a tensor of a dtype such as "float32"; string arrays are object arrays of str."""
    return tf.constant(array.tolist() if dtype == "string" else array, dtype=tf.as_dtype(dtype), shape=array.shape)


def to_array(tensor: tf.Tensor) -> NDArray[Any]:
    """Return an array: strings are an object array of str, bfloat16 is `ml_dtypes.bfloat16`."""
    array = np.asarray(tensor)
    if tensor.dtype != tf.string:
        return array
    texts = [item.decode("utf-8", "surrogateescape") for item in array.ravel().tolist()]
    return np.array(texts, dtype=object).reshape(array.shape)
