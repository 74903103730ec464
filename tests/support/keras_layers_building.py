"""How the cases of Keras's layers are built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras_case import Case

Shape = tuple[int | None, ...]


def case(
    label: str,
    make: Callable[[], Any],
    *shapes: Shape,
    dtype: str = "float32",
    call: Callable[..., Any] | None = None,
    samples: Callable[[], Any] | None = None,
) -> Case:
    """Return the case of one layer: `call` says how it is called on its inputs x0, x1, ..., where a list of them is not it."""

    def build() -> Any:
        inputs = [keras.Input(shape, dtype=dtype, name=f"x{index}") for index, shape in enumerate(shapes)]
        layer = make()
        outputs = call(layer, *inputs) if call else layer(inputs if len(inputs) > 1 else inputs[0])
        return randomised(keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs))

    return Case(label, build, samples)


def randomised(model: Any) -> Any:
    """Move every weight away from its initial zero or one, variances only upwards; return the model."""
    rng = np.random.default_rng(5)
    for variable in model.weights:
        if variable.dtype in ("float32", "float64", "float16"):
            low = 0.05 if "variance" in variable.path else -0.4
            variable.assign(variable.value + rng.uniform(low, 0.4, variable.shape))
    return model


def sequences(lengths: Sequence[int], steps: int, *features: int) -> Callable[[], Any]:
    """Return samples of sequences that are zero after their length."""

    def samples() -> Any:
        values = np.random.default_rng(11).normal(size=(len(lengths), steps, *features)).astype("float32")
        for row, length in zip(values, lengths, strict=True):
            row[length:] = 0
        return {"x0": values}

    return samples
