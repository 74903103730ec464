"""How much an output varies over the cases: what a difference must be small against, besides rtol and atol.

A regression near 2000 that varies by 1 agrees with a constant at rtol 1e-3; an output that stays below 1e-5 agrees with zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.proof.compare import Spread, dtype_of, is_float
from modelport.proof.tolerance import epsilon

_FEWEST = 4
"""Rows without which the variation of a column, and values without which that of an output, says nothing."""

_ROUNDINGS = 512
"""Machine epsilons of its magnitude by which an output varies from rounding alone."""


def spread_of(answers: Sequence[Mapping[str, Any]]) -> dict[str, Spread]:
    """Return the spread of each floating-point output over the answers to usual inputs.

    Of a table [N, k] the deviation is that of each column, infinite for columns that do not vary beyond the rounding of the
    largest; of anything else one number. Outputs that do not vary beyond rounding are left out.
    """
    found = {}
    for name in dict.fromkeys(name for values in answers for name in values):
        arrays = [np.asarray(values[name]) for values in answers if _is_array(values.get(name))]
        spread = _spread(arrays) if arrays else None
        if spread is not None:
            found[name] = spread
    return found


def joined(first: Mapping[str, Spread], second: Mapping[str, Spread]) -> dict[str, Spread]:
    """Return the first spreads and, for outputs and columns that they do not bind, the second."""
    found = {**second, **first}
    for name in first.keys() & second.keys():
        mine, theirs = np.asarray(first[name].deviation), np.asarray(second[name].deviation)
        if mine.shape == theirs.shape:
            found[name] = Spread(np.where(np.isinf(mine), theirs, mine), first[name].magnitude)
    return found


def _is_array(value: Any) -> bool:
    return value is not None and not isinstance(value, list | dict) and is_float(np.asarray(value))


@np.errstate(over="ignore", invalid="ignore")
def _spread(arrays: Sequence[NDArray[Any]]) -> Spread | None:
    rounding = _ROUNDINGS * epsilon(dtype_of(arrays[0]))
    if all(array.ndim == 2 for array in arrays) and len({array.shape[1] for array in arrays}) == 1:
        table = np.concatenate(arrays).astype(np.float64)
        table = table[np.isfinite(table).all(axis=1)]
        if len(table) >= _FEWEST:
            deviation = table.std(axis=0)
            magnitude = float(np.abs(table).max(initial=0.0))
            binds = np.isfinite(deviation) & (deviation > rounding * magnitude)
            if not binds.any():
                return None
            return Spread(np.where(binds, deviation, np.inf), magnitude)
    values = np.concatenate([array.reshape(-1).astype(np.float64) for array in arrays])
    values = values[np.isfinite(values)]
    if len(values) < _FEWEST:
        return None
    spread = Spread(float(values.std()), float(np.abs(values).max(initial=0.0)))
    return spread if np.isfinite(spread.deviation) and spread.deviation > rounding * spread.magnitude else None
