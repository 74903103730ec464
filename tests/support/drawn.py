"""Random arrays, the same in every run."""

from __future__ import annotations

from typing import Any

import numpy as np


def floats(*shape: int, seed: int = 3, dtype: str = "float32") -> Any:
    """Return normally distributed numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)
