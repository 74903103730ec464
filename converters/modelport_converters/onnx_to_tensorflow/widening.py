"""Type promotion where TensorFlow has no kernel for an element type: compute in a wider one and cast back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

SMALL_INTEGERS = {"int8": "int32", "int16": "int32", "uint8": "int32", "uint16": "int32"}
UNSIGNED = {"uint32": "int64", "uint64": "int64"}
"""The bits of uint64 survive addition, subtraction and multiplication in int64; comparison and division need more care."""

HALVES = {"float16": "float32", "bfloat16": "float32"}


def widened(function: Callable[..., tf.Tensor], via: Mapping[str, str]) -> Callable[..., tf.Tensor]:
    """Wrap a function so that operands of the types that `via` maps are computed in the wider type.

    Operands of the first tensor's type are cast, and so is every result that comes out in the wider type.
    """

    @functools.wraps(function)
    def call(*operands: str | tf.Tensor | None, **attributes: Any) -> tf.Tensor | tuple[tf.Tensor, ...]:
        own = next((operand.dtype for operand in operands if isinstance(operand, tf.Tensor)), None)
        if own is None or own.name not in via:
            return function(*operands, **attributes)
        wide = tf.as_dtype(via[own.name])
        cast = [tf.cast(x, wide) if isinstance(x, tf.Tensor) and x.dtype == own else x for x in operands]
        result = function(*cast, **attributes)
        back = [tf.cast(x, own) if isinstance(x, tf.Tensor) and x.dtype == wide else x for x in _tuple(result)]
        return tuple(back) if isinstance(result, tuple) else back[0]

    return call


def _tuple(result: tf.Tensor | tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)
