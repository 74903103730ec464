"""What the tests of Keras's layers and models share."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

EXCEPTIONS: dict[str, dict[str, str]] = tomllib.loads((Path(__file__).parent / "keras_exceptions.toml").read_text())
"""Why a name is not converted: by kind ("layers", "activations", "applications")."""


@dataclass(frozen=True)
class Case:
    """One configuration of a layer.

    Attributes:
        label: says what is special about it.
        build: returns a built model that consists of it, with an open batch dimension.
        samples: inputs to prove with, by name or one array; None leaves them to be generated.
        opset: the lowest that has what it needs, or that of tf2onnx.
    """

    label: str
    build: Callable[[], Any]
    samples: Callable[[], Mapping[str, Any] | Any] | None = None
    opset: int = 18


def small_dense() -> Any:
    """Return a model of one layer: x[N,4] to y[N,3]."""
    return keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3, name="y")])
