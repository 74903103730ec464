"""The iris, changed in many ways, and cases named after their options."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn_case import IRIS, SPECIES, Case

Data = Callable[[Any], tuple[Any, Any, Any]]

_ORDER = np.random.default_rng(0).permutation(len(IRIS))
FEATURES = IRIS[_ORDER]
TARGET = SPECIES[_ORDER]


def numbers(change: Callable[[Any], Any] = lambda rows: rows, target: Any = None) -> Data:
    """Return the iris, changed."""
    rows = change(FEATURES.copy())
    return lambda estimator: (rows[:100], None if target is None else target[:100], rows[100:])


def with_missing(rows: Any, missing: float = np.nan) -> Any:
    """Return the rows with one value in ten replaced."""
    return np.where(np.random.default_rng(1).random(rows.shape) < 0.1, missing, rows)


def cases(kind: Any, options: list[dict[str, Any]], data: Data) -> list[Case]:
    return [Case(name_of(kind, given), functools.partial(kind, **given), data) for given in options]


def name_of(kind: Any, given: dict[str, Any], note: str = "") -> str:
    shown = ",".join(f"{key}={_shown(value)}" for key, value in given.items())
    return f"{kind.__name__}[{','.join(part for part in (shown, note) if part)}]"


def _shown(value: Any) -> str:
    return getattr(value, "__name__", None) or str(value).replace("\n", " ")[:40]


def case(kind: Any, note: str, data: Data, **given: Any) -> Case:
    return Case(name_of(kind, given, note), functools.partial(kind, **given), data)
