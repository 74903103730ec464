"""Patterns of values that usual random inputs do not reach, one for each row of a batch.

A clip at 10, a softmax without its maximum, a vanished ``+ 1e-8`` or a rounding of halves shows only at magnitudes and exact
values of its own. All patterns run in one batch where rows are independent of one another, so that they cost one call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from modelport.proof.cases.named_values import NamedValues

Array = NDArray[Any]
Generator = np.random.Generator

_NEIGHBOURS = {True: ("at", "above", "below", "far above", "far below"), False: ("far above", "far below")}
"""Where the values that a graph names are probed: at them and beside them where the graph compares the input itself, only well
beside them where rounding errors lie between."""

_FAR = 1e4
"""In spacings of the dtype."""

PATTERNS: Mapping[str, Callable[[Array, Generator], Array]] = {
    "normal": lambda usual, rng: rng.standard_normal(usual.shape),
    "uniform": lambda usual, rng: rng.random(usual.shape),
    # a normalisation's epsilon shows only where the variance is about as small
    "small": lambda usual, rng: rng.standard_normal(usual.shape) * 1e-2,
    # exact zeros reach the poles of logarithms and quotients
    "sparse": lambda usual, rng: np.where(rng.random(usual.shape) < 0.5, 0.0, usual),
    "times 10": lambda usual, rng: usual * 10,
    "times 100": lambda usual, rng: usual * 100,
    "times 1e-8": lambda usual, rng: usual * 1e-8,
    "all magnitudes": lambda usual, rng: np.sign(usual) * 10.0 ** rng.uniform(-8, 3, usual.shape),
    "zeros": lambda usual, rng: np.zeros(usual.shape),
    "minus zeros": lambda usual, rng: np.full(usual.shape, -0.0),
    "constant": lambda usual, rng: _constant_rows(usual),
    "halves": lambda usual, rng: rng.integers(-5, 5, usual.shape) + 0.5,
    "positive": lambda usual, rng: np.abs(usual) * 10,
    "negative": lambda usual, rng: -np.abs(usual) * 10,
}
"""Each makes rows from usual ones of the same shape [rows, ...]."""

SPECIALS: Mapping[str, Callable[[Array, Generator], Array]] = {
    "NaN": lambda usual, rng: _strewn(usual, rng, [np.nan]),
    "infinity": lambda usual, rng: _strewn(usual, rng, [np.inf]),
    "minus infinity": lambda usual, rng: _strewn(usual, rng, [-np.inf]),
    "NaN throughout": lambda usual, rng: np.full(usual.shape, np.nan),
}
"""Patterns for sources that admit what is not finite."""


WIDE = "beyond float32"
_WIDE: Mapping[str, Callable[[Array, Generator], Array]] = {WIDE: lambda usual, rng: usual * 1e40}
"""A pattern of float64 inputs alone."""


def rows_of(patterns: Sequence[str], usual: Array, rng: Generator) -> Array:
    """Return float64 rows [rows, ...], each in the pattern of its place.

    Args:
        patterns: the name of a pattern of `PATTERNS` or `SPECIALS` for each row.
        usual: usual rows of the same shape.
        rng: what is random is drawn from it.
    """
    wide = usual.astype(np.float64)
    every = {**PATTERNS, **SPECIALS, **_WIDE}
    rows = wide.copy()
    for name in dict.fromkeys(patterns):
        at = [place for place, pattern in enumerate(patterns) if pattern == name]
        rows[at] = every[name](wide[at], rng)
    return rows


def rows_at_named(named: NamedValues, usual: Array, dtype: str, rng: Generator) -> Array:
    """Return rows [rows, ..., columns] whose values lie at, just below and just above what the graph compares with."""
    rows = usual.astype(np.float64)
    if named.anywhere.size:
        rows = _beside(rng.choice(named.anywhere, rows.shape), named.exact, dtype, rng)
    for column, values in named.columns.items():
        if rows.ndim > 1 and column < rows.shape[-1]:
            rows[..., column] = _beside(rng.choice(values, rows.shape[:-1]), named.exact, dtype, rng)
    return rows


def _beside(values: Array, exact: bool, dtype: str, rng: Generator) -> Array:
    kind = np.float64 if dtype == "float64" else np.float32
    at = values.astype(kind)
    far = kind(_FAR) * np.abs(np.spacing(at))
    moved = {
        "at": at,
        "above": np.nextafter(at, kind(np.inf)),
        "below": np.nextafter(at, kind(-np.inf)),
        "far above": at + far,
        "far below": at - far,
    }
    choices: list[Array] = [moved[name] for name in _NEIGHBOURS[exact]]
    if exact and dtype == "float64":  # where a passage through float32 decides otherwise
        quarter = 0.25 * np.abs(np.spacing(at.astype(np.float32))).astype(np.float64)
        choices += [values + quarter, values - quarter]
    chosen = np.choose(rng.integers(0, len(choices), values.shape), choices).astype(np.float64)
    smallest = float(np.finfo(kind).tiny)  # below it some runtimes flush to zero
    return np.where((chosen != 0) & (np.abs(chosen) < smallest), np.copysign(smallest, chosen), chosen)


def typed(values: Array, dtype: str) -> Array:
    """Return float64 values in a floating-point or complex dtype; what does not fit becomes the largest that does."""
    if dtype == "bfloat16":
        return values.astype(ml_dtypes.bfloat16)
    if dtype.startswith("complex"):
        with np.errstate(invalid="ignore"):
            return (values + 1j * values[..., ::-1]).astype(dtype)
    limit = float(np.finfo(dtype).max)
    return np.where(np.isinf(values), values, np.clip(values, -limit, limit)).astype(dtype)


def _constant_rows(usual: Array) -> Array:
    flat = usual.reshape(len(usual), -1)
    first = flat[:, :1] if flat.shape[1] else flat
    return np.broadcast_to(first.reshape(-1, *[1] * (usual.ndim - 1)), usual.shape).copy()


def _strewn(usual: Array, rng: Generator, values: Sequence[float]) -> Array:
    """Return the rows with some values, at least one of each row, replaced."""
    flat = usual.reshape(len(usual), -1).copy()
    mask = rng.random(flat.shape) < 0.1
    if flat.size:
        mask[np.arange(len(flat)), rng.integers(0, flat.shape[1], len(flat))] = True
    flat[mask] = rng.choice(values, int(mask.sum()))
    return flat.reshape(usual.shape)
