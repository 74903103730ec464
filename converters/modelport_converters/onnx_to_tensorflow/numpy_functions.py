"""An array namespace of TensorFlow: functions under NumPy's names, for the formulas of `onnx_graph` on either's arrays."""

from __future__ import annotations

from types import SimpleNamespace

import tensorflow as tf


def _where(condition: bool | tf.Tensor, then: float | tf.Tensor, otherwise: float | tf.Tensor) -> float | tf.Tensor:
    if isinstance(condition, bool):
        return then if condition else otherwise
    dtype = next((item.dtype for item in (then, otherwise) if isinstance(item, tf.Tensor)), tf.float64)
    return tf.where(condition, tf.cast(then, dtype), tf.cast(otherwise, dtype))


TENSORS = SimpleNamespace(
    abs=tf.abs,
    arange=lambda count: tf.range(tf.cast(count, tf.float64)),
    ceil=tf.math.ceil,
    clip=tf.clip_by_value,
    floor=tf.floor,
    round=tf.round,
    sum=tf.reduce_sum,
    where=_where,
)
"""What NumPy calls these functions; numbers beside tensors take their type."""
