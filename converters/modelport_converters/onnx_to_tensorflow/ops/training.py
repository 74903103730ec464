"""Optimizers of ai.onnx.preview.training: Adagrad, Adam and Momentum."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import op, refuse

TRAINING = "ai.onnx.preview.training"

refuse({"Gradient": "it differentiates the graph around it, which a translated node does not see"}, domain=TRAINING)


def _each(
    values: tuple[tf.Tensor, ...], kinds: int, update: Callable[..., tuple[tf.Tensor, ...]]
) -> tuple[tf.Tensor, ...]:
    """Call `update` on the values of each tensor, given kind by kind, and return the results kind by kind."""
    count = len(values) // kinds
    results = [update(*values[index::count]) for index in range(count)]
    return tuple(item for kind in zip(*results, strict=True) for item in kind)


@op("Adagrad", domain=TRAINING)
def adagrad(
    r: tf.Tensor, t: tf.Tensor, *values: tf.Tensor, decay_factor: float = 0.0, epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
) -> tuple[tf.Tensor, ...]:  # fmt: skip
    """Adagrad: one step; the new tensors and accumulated squared gradients."""

    def update(x: tf.Tensor, gradient: tf.Tensor, squares: tf.Tensor) -> tuple[tf.Tensor, ...]:
        rate = tf.cast(r, x.dtype) / (1 + tf.cast(t, x.dtype) * decay_factor)
        gradient = norm_coefficient * x + gradient
        squares = squares + gradient * gradient
        return x - rate * gradient / (tf.sqrt(squares) + epsilon), squares

    return _each(values, 3, update)


@op("Adam", domain=TRAINING)
def adam(
    r: tf.Tensor, t: tf.Tensor, *values: tf.Tensor, alpha: float = 0.9, beta: float = 0.999, epsilon: float = 1e-6,
    norm_coefficient: float = 0.0, norm_coefficient_post: float = 0.0,
) -> tuple[tf.Tensor, ...]:  # fmt: skip
    """Adam: one step; the new tensors and both moving averages."""

    def update(x: tf.Tensor, gradient: tf.Tensor, mean: tf.Tensor, squares: tf.Tensor) -> tuple[tf.Tensor, ...]:
        gradient = norm_coefficient * x + gradient
        mean = alpha * mean + (1 - alpha) * gradient
        squares = beta * squares + (1 - beta) * gradient * gradient
        steps, rate = tf.cast(t, x.dtype), tf.cast(r, x.dtype)
        corrected = (
            rate * tf.sqrt(1 - tf.pow(tf.cast(beta, x.dtype), steps)) / (1 - tf.pow(tf.cast(alpha, x.dtype), steps))
        )
        rate = tf.where(steps > 0, corrected, rate)
        x = x - rate * mean / (tf.sqrt(squares) + epsilon)
        return (1 - norm_coefficient_post) * x, mean, squares

    return _each(values, 4, update)


@op("Momentum", domain=TRAINING)
def momentum(
    r: tf.Tensor, t: tf.Tensor, *values: tf.Tensor, alpha: float, beta: float, mode: str, norm_coefficient: float
) -> tuple[tf.Tensor, ...]:
    """Momentum, plain or Nesterov's: one step; the new tensors and momenta."""

    def update(x: tf.Tensor, gradient: tf.Tensor, speed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        gradient = norm_coefficient * x + gradient
        speed = alpha * speed + tf.where(t > 0, tf.cast(beta, x.dtype), tf.ones([], x.dtype)) * gradient
        step = gradient + alpha * speed if mode == "nesterov" else speed
        return x - tf.cast(r, x.dtype) * step, speed

    return _each(values, 3, update)
