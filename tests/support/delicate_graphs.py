"""What right but delicate graphs are made with: each beside what it computes, written independently in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from delicate_case import Delicate
from fakes import Net, graph

Reference = Callable[..., Any]


def draw(seed: int) -> Callable[..., np.ndarray]:
    """Return what draws normal float32 numbers of a shape."""
    rng = np.random.default_rng(seed)
    return lambda *shape: rng.standard_normal(shape).astype(np.float32)


def case(
    name: str,
    kind: str,
    why: str,
    body: str,
    reference: Reference,
    ml: int = 0,
    inputs: tuple[str, ...] = (),
    **weights: Any,
) -> Delicate:
    """A graph beside a function of its inputs, by name, that returns an array for `y` or a dictionary of outputs."""

    def answer(arrays: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        values = reference(**arrays)
        return values if isinstance(values, dict) else {"y": values}

    return Delicate(name, kind, lambda: Net(graph(body, ml=ml, **weights), answer), why, inputs=inputs)


def narrowed(function: Reference) -> Reference:
    """The function worked out in float64 and rounded once."""
    return lambda x: function(x.astype(np.float64)).astype(x.dtype)


def finite(x: np.ndarray) -> np.ndarray:
    if not np.isfinite(x).all():
        raise ValueError("the input contains NaN or infinity")
    return x


def softmax(x: np.ndarray) -> np.ndarray:
    exponents = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def normalised(x: np.ndarray, axes: Any, epsilon: float = 1e-5) -> np.ndarray:
    centred = x - x.mean(axis=axes, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=axes, keepdims=True) + epsilon)
