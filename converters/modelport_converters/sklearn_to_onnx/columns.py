"""Tables with a dtype for each column, as DataFrames are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Graph, Value

DROPPED = "dropped: "
"""Begins the name of a column that the estimator drops, and that is no input therefore."""


class Mixed(ValueError):
    """Texts and numbers where one matrix is asked for."""


@dataclass(frozen=True)
class Columns:
    """A table; each column is a value of the shape [N, 1]."""

    values: tuple[Value, ...]

    @property
    def graph(self) -> Graph:
        """The graph of the columns."""
        return self.values[0].graph

    @property
    def name(self) -> str:
        """A name that stands for the columns."""
        return ",".join(value.name for value in self.values)

    def matrix(self) -> Value:
        """Return the columns as one matrix, in the dtype that NumPy gives a DataFrame of them."""
        if self.texts and not all(value.dtype.kind == "O" for value in self.values):
            raise Mixed("texts and numbers have no common dtype")
        return fn.concatenate(self.values, 1)

    @property
    def texts(self) -> bool:
        """Whether any column holds texts."""
        return any(value.dtype.kind == "O" for value in self.values)


Features: TypeAlias = Value | Columns
"""What an estimator is given: a matrix [N, k], or a table."""


def selected(features: Features, positions: Sequence[int]) -> Features:
    """Return some columns of a matrix or a table, in this order."""
    if isinstance(features, Value):
        return features[:, np.asarray(positions, np.int64)]
    return Columns(tuple(features.values[position] for position in positions))


def beside(parts: Sequence[Features], widths: Callable[[], Sequence[int]] | None = None) -> Features:
    """Return matrices and tables side by side: a matrix if all are numbers or all are texts, a table otherwise.

    Arguments:
        widths: returns the number of columns of each part.

    Raises:
        Mixed: for texts and numbers side by side when no widths are known.
    """
    if len({one.dtype.kind == "O" for part in parts for one in _values(part)}) == 1:
        return fn.concatenate([matrix(part) for part in parts], 1)
    if widths is None:
        raise Mixed("texts and numbers side by side")
    found: list[Value] = []
    for part, count in zip(parts, widths(), strict=True):
        found += _values(part) if isinstance(part, Columns) else [part[:, [place]] for place in range(count)]
    return Columns(tuple(found))


def _values(part: Features) -> tuple[Value, ...]:
    return part.values if isinstance(part, Columns) else (part,)


def column(features: Features, position: int) -> Value:
    """Return one column as [N, 1], in its own dtype."""
    if isinstance(features, Columns):
        return features.values[position]
    return features[:, [position]]


def any_input(features: Features) -> Value:
    """Return the matrix, or one column: for formulas that only count the rows."""
    if isinstance(features, Value):
        return features
    return next(value for value in features.values if not value.name.startswith(DROPPED))


def matrix(features: Features) -> Value:
    """Return a table as one matrix; a matrix is what it is."""
    return features.matrix() if isinstance(features, Columns) else features


def width(features: Features, model: Any) -> int:
    """Return the number of columns, which a fitted estimator knows."""
    return len(features.values) if isinstance(features, Columns) else int(model.n_features_in_)
