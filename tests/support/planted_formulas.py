"""Formulas written in two ways, with the numbers that they need."""

from __future__ import annotations

from typing import Any

import numpy as np
from planted import Fault, pair

ROWS = "(float[N,8] x) => (float[N,8] y) { @ }"
TOTAL = "(float[N,8] x) => (float[N,1] y) { a = Constant<value_ints: ints = [1]>() @ }"
NUMBERS = {
    "zero": np.float32(0),
    "half": np.float32(0.5),
    "one": np.float32(1),
    "two": np.float32(2),
    "three": np.float32(3),
    "six": np.float32(6),
    "ten": np.float32(10),
    "hundred": np.float32(100),
    "tiny": np.float32(1e-8),
    "million": np.float32(1e6),
    "pi": np.float32(np.pi),
    "nought": np.float32(-np.inf),
}


def row(*values: float, fill: float = 0.0) -> dict[str, np.ndarray]:
    """One row of eight features."""
    return {"x": np.asarray([[*values, *[fill] * (8 - len(values))]], np.float32)}


def written(name: str, correct: str, faulty: str, witness: dict[str, Any], body: str = ROWS) -> Fault:
    """Two ways of writing a formula with the numbers that it needs."""
    text = f"{correct} {faulty}".replace("(", " ").replace(")", " ").replace(",", " ").split()
    used = {key: value for key, value in NUMBERS.items() if key in text}
    return pair(name, body, correct, faulty, witness=witness, **used)
