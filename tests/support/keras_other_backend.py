"""Run with KERAS_BACKEND set: converts models in memory and prints, as JSON, how each conversion ended."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import keras
import keras_own_layers as own
import numpy as np
from keras import layers

import modelport


class Doubled(layers.Layer):
    """A layer that only this program knows."""

    def call(self, x: Any) -> Any:
        return x * 2


def branches() -> Any:
    """Inputs with open sizes, outputs by name, 64-bit integers (which jax shortens), classes of the user's own."""
    image = keras.Input((None, None, 3), name="image")
    words = keras.Input((None,), dtype="int64", name="words")
    x = layers.Conv2D(8, 3, padding="same", strides=2, activation="gelu")(image)
    x = layers.BatchNormalization(moving_mean_initializer="random_normal")(x)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, groups=2, padding="same", activation=own.squared)(x))
    y = layers.Embedding(11, 6)(words)
    y = layers.MultiHeadAttention(2, 3)(y, y)
    y = layers.Bidirectional(layers.LSTM(4))(y)
    x = own.Scaled(name="scaled")(layers.Concatenate()([x, y]))
    results = {"scores": layers.Dense(5, activation="softmax")(x), "code": x, "next": words + 1}
    return keras.Model({"image": image, "words": words}, results)


def channels_first() -> Any:
    """A network whose images have their channels first, as PyTorch's have."""
    settings = {"data_format": "channels_first"}
    return keras.Sequential(
        [
            keras.Input((3, 12, 12), name="image"),
            layers.Conv2D(8, 3, padding="same", activation="relu", **settings),
            layers.MaxPooling2D(2, **settings),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same", **settings),
            layers.GlobalAveragePooling2D(**settings),
        ]
    )


def with_layer(layer: Any) -> Any:
    return keras.Sequential([keras.Input((4,), name="x"), layers.Dense(3), layer])


class Subclassed(keras.Model):
    """Says nothing of its outputs, and may be defined nowhere else than here."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x: Any, training: bool = False) -> Any:
        return {"sum": self.dense(x), "input": x}


def subclassed() -> Any:
    model = Subclassed()
    model(np.ones((2, 4), np.float32))
    return model


def strings() -> Any:
    """Words, which only TensorFlow holds."""
    text = keras.Input((2,), dtype="string", name="text")
    return keras.Model(text, layers.StringLookup(vocabulary=["a", "b"])(text))


CASES: dict[str, Callable[[], Any]] = {
    "branches": branches,
    "channels_first": channels_first,
    "main": lambda: with_layer(Doubled()),
    "subclassed": subclassed,
    "native": lambda: with_layer(own.Native()),
    "different": lambda: with_layer(own.Different()),
    "strings": strings,
}


def outcome(name: str) -> dict[str, Any]:
    """Convert one model; an error of modelport's is an outcome too."""
    keras.utils.set_random_seed(5)
    model = CASES[name]()
    before = [keras.ops.convert_to_numpy(variable) for variable in model.variables]
    try:
        record = modelport.convert(model, to="onnx", proof_seconds=0).report
        error = None
    except modelport.errors.ModelportError as raised:
        record, error = raised.report, [type(raised).__name__, str(raised)]
    after = [keras.ops.convert_to_numpy(variable) for variable in model.variables]
    return {
        "verdict": record.verdict,
        "notes": record.notes,
        "inputs": record.inputs,
        "outputs": record.outputs,
        "error": error,
        "unchanged": all(map(np.array_equal, before, after)),
        "cases": len(record.proofs[0].cases) if record.proofs else 0,
    }


if __name__ == "__main__":
    found = {name: outcome(name) for name in sys.argv[1:]}
    print(json.dumps({"backend": keras.config.backend(), "cases": found}))  # noqa: T201
