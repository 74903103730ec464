"""Active sets, batched: linear systems on a growing and shrinking subset of the coordinates, another one for each row.

The inverse of the Gram matrix of each row's subset is kept, [N, k, k] with zeros outside the subset: a coordinate joins and
leaves it by a product of rank one (bordering). The rows are taken in blocks, whose inverses stay in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value

_BLOCK = 2**18
"""Elements of a block's inverses: 2 MiB."""


def by_blocks(rows: Value, width: int, solve: Callable[[Value], Value]) -> Value:
    """Return solve(rows) [N, k], a block of the rows at a time; `width` is k."""
    height = max(1, _BLOCK // width**2)

    def block(iteration: Value, found: Value) -> tuple[None, list[Value]]:
        start = fn.expand_dims(iteration * height, 0)
        part = found.graph.op("Slice", rows, start, start + height, np.zeros(1, np.int64), dtype=rows.dtype)
        return None, [fn.concatenate([found, solve(part)], 0)]

    blocks = rows.graph.op("Div", fn.size(rows) + (height - 1), np.int64(height))
    return fn.loop(rows.graph, fn.squeeze(blocks, 0), [rows.graph.constant(np.zeros((0, width)))], block)[0]


def emptied(rows: Value, width: int) -> tuple[Value, Value, Value]:
    """Return zeros [N, k], an empty subset [N, k] and its inverse [N, k, k] for each of the rows."""
    return (
        fn.repeated(np.zeros(width), rows),
        fn.repeated(np.zeros(width, bool), rows),
        fn.repeated(np.zeros((width, width)), rows),
    )


def ordered(rows: Value, width: int) -> Value:
    """Return the places of the coordinates [N, k] in the order that scikit-learn keeps them in: the subset comes first."""
    return fn.repeated(np.arange(width, dtype=np.float64), rows)


def first_largest(x: Value, place: Value) -> Value:
    """The largest element of each row, int64[N]; of equal ones the first in that order."""
    tied = fn.equal(x, fn.max(x, 1, keepdims=True))
    return fn.argmin(fn.where(tied, place, np.inf), 1)


def exchanged(place: Value, chosen: Value, position: Value) -> Value:
    """The order after the chosen coordinate and the one at the position [N, 1] have changed places."""
    own = fn.sum(fn.where(chosen, place, 0.0), 1, keepdims=True)
    return fn.where(chosen, position, fn.where(fn.equal(place, position), own, place))


def counted(taken: Value) -> Value:
    """How many coordinates the subset has, float64[N, 1]."""
    return fn.sum(taken, 1, keepdims=True).cast("float64")


def solved(inverse: Value, right: Value) -> Value:
    """The inverse times one right-hand side [N, k] for each row."""
    return fn.squeeze(inverse @ fn.expand_dims(right, 2), 2)


def pivot(inverse: Value, taken: Value, place: Value, gram: NDArray[Any]) -> Value:
    """What of the square of a coordinate is independent of the subset, [N, 1]: the pivot of Cholesky's decomposition.

    Args:
        taken: the subset, bool[N, k].
        place: the coordinate of each row, int64[N].
    """
    row = fn.where(taken, fn.take(gram, place), 0.0)
    own = fn.expand_dims(fn.take(np.diag(gram), place), 1)
    return own - fn.sum(row * solved(inverse, row), 1, keepdims=True)


def joined(inverse: Value, taken: Value, place: Value, gram: NDArray[Any], independent: Value) -> Value:
    """The inverse after a coordinate has joined; it does not where its pivot is given as zero."""
    row = fn.where(taken, fn.take(gram, place), 0.0)
    joins = independent > 0.0
    border = fn.one_hot(place, len(gram)) - solved(inverse, row)
    return inverse + _outer(fn.where(joins, border, 0.0), fn.where(joins, independent, 1.0))


def left(inverse: Value, leaves: Value) -> Value:
    """The inverse after a coordinate has left; `leaves` [N, k] is 1 there, and 0 everywhere in rows that keep theirs."""
    column = solved(inverse, leaves)
    own = fn.sum(column * leaves, 1, keepdims=True)
    return inverse - _outer(column, fn.where(fn.equal(own, 0.0), 1.0, own))


def _outer(column: Value, scale: Value) -> Value:
    return fn.expand_dims(column, 2) * fn.expand_dims(column / scale, 1)
