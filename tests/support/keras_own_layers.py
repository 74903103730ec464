"""Layers of a user's own, in a module that can be imported."""

from __future__ import annotations

from typing import Any

import keras


class Scaled(keras.layers.Layer):
    """Multiplies by a trained number, in keras.ops."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(), initializer=keras.initializers.Constant(1.5), name="scale")

    def call(self, x: Any) -> Any:
        return keras.ops.tanh(x) * self.scale


def squared(x: Any) -> Any:
    """Activate a layer."""
    return keras.ops.square(x)


class Native(keras.layers.Layer):
    """Written for one backend, in that backend's own functions."""

    def call(self, x: Any) -> Any:
        if keras.config.backend() == "jax":
            import jax

            return jax.nn.softplus(x)
        import torch

        return torch.nn.functional.softplus(torch.as_tensor(x))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Different(keras.layers.Layer):
    """Computes something else on TensorFlow than on any other backend."""

    def call(self, x: Any) -> Any:
        return x * (3.0 if keras.config.backend() == "tensorflow" else 2.0)
