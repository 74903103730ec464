"""Activation functions of recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import Unsupported

Function = Callable[[tf.Tensor], tf.Tensor]

_PLAIN: dict[str, Function] = {
    "relu": tf.nn.relu,
    "sigmoid": tf.sigmoid,
    "softplus": tf.math.softplus,
    "softsign": tf.math.softsign,
    "tanh": tf.tanh,
}

_WITH_ALPHA: dict[str, tuple[Callable[[tf.Tensor, float], tf.Tensor], float]] = {
    "elu": (lambda x, a: tf.where(x >= 0, x, a * tf.math.expm1(tf.minimum(x, 0))), 1.0),
    "leakyrelu": (lambda x, a: tf.where(x >= 0, x, a * x), 0.01),
    "thresholdedrelu": (lambda x, a: tf.where(x >= a, x, tf.zeros([], x.dtype)), 1.0),
}
"""Functions of one parameter and its default, as ONNX Runtime has it."""

_WITH_BOTH: dict[str, tuple[Callable[[tf.Tensor, float, float], tf.Tensor], float, float]] = {
    "affine": (lambda x, a, b: a * x + b, 1.0, 0.0),
    "hardsigmoid": (lambda x, a, b: tf.clip_by_value(a * x + b, 0, 1), 0.2, 0.5),
    "scaledtanh": (lambda x, a, b: a * tf.tanh(b * x), 1.0, 1.0),
}
"""Functions of two parameters and their defaults, as ONNX Runtime has them."""


def activations_of(
    names: Sequence[str], alphas: Sequence[float], betas: Sequence[float], clip: float | None
) -> list[Function]:
    """Return the activation functions of these names, in any case; those with parameters consume them in order.

    Args:
        names: one for each gate of each direction.
        alphas: the attribute activation_alpha.
        betas: the attribute activation_beta.
        clip: limits what goes into each function to [-clip, clip].

    Raises:
        Unsupported: for a name that ONNX does not list.
    """
    left, right = list(alphas), list(betas)
    found = [_activation(name.lower(), left, right) for name in names]
    return [_clipped(function, clip) for function in found] if clip else found


def _activation(name: str, alphas: list[float], betas: list[float]) -> Function:
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _WITH_ALPHA:
        single, default = _WITH_ALPHA[name]
        alpha = alphas.pop(0) if alphas else default
        return lambda x: single(x, alpha)
    if name in _WITH_BOTH:
        double, *defaults = _WITH_BOTH[name]
        a, b = (values.pop(0) if values else default for values, default in zip((alphas, betas), defaults, strict=True))
        return lambda x: double(x, a, b)
    raise Unsupported(f"the activation {name}")


def _clipped(function: Function, clip: float) -> Function:
    return lambda x: function(tf.clip_by_value(x, -clip, clip))
