"""Elementwise operators: arithmetic, comparison, logic, activations, casts."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import elementwise, op

elementwise(
    {
        "Abs": tf.abs,
        "Add": tf.add,
        "Div": tf.divide,
        "Erf": tf.math.erf,
        "Exp": tf.exp,
        "Identity": tf.identity,
        "Log": tf.math.log,
        "Mul": tf.multiply,
        "Neg": tf.negative,
        "Pow": tf.pow,
        "Reciprocal": tf.math.reciprocal,
        "Relu": tf.nn.relu,
        "Sigmoid": tf.sigmoid,
        "Sqrt": tf.sqrt,
        "Sub": tf.subtract,
        "Tanh": tf.tanh,
        "Where": tf.where,
    }
)


@op("Clip", layout="elementwise")
def clip(x: Any, minimum: Any = None, maximum: Any = None) -> Any:
    """Limit to [minimum, maximum]; either may be absent."""
    if minimum is not None:
        x = tf.maximum(x, minimum)
    return x if maximum is None else tf.minimum(x, maximum)


@op("Gelu", layout="elementwise")
def gelu(x: Any, *, approximate: str = "none") -> Any:
    """x * Phi(x), or its approximation by tanh."""
    return tf.nn.gelu(x, approximate=approximate == "tanh")
