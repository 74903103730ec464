"""Least angle regression and the LARS path of the Lasso, batched over rows (sklearn.linear_model._least_angle)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.formulas.decomposition.active_sets import (
    by_blocks,
    counted,
    emptied,
    exchanged,
    first_largest,
    joined,
    left,
    ordered,
    pivot,
    solved,
)

_TINY = float(np.finfo(np.float32).tiny)
_EQUAL = float(np.finfo(np.float32).eps)
_EPSILON = float(np.finfo(np.float64).eps)
_DEGENERATE = 1e-7


@dataclass
class _Path:
    """Where the rows are on their paths.

    Args:
        code: the coefficients [N, k], `before` those of the round before.
        products: with what is left of the row, of the coordinates outside the subset.
        taken: the subset; `signs` those of its coordinates, `inverse` that of its Gram matrix.
        place: the order of the coordinates, the subset first: it decides between equal products.
        level: the largest product of the round before, over the number of features, [N, 1].
        rounds: that count, [N, 1].
        dropped: whether the round before ended with a coordinate changing its sign.
        running: rows that are not at their end.
    """

    code: Value
    before: Value
    products: Value
    taken: Value
    signs: Value
    inverse: Value
    place: Value
    level: Value
    rounds: Value
    dropped: Value
    running: Value

    def state(self) -> list[Value]:
        return [getattr(self, one.name) for one in fields(self)]

    def chosen(self, condition: Value, other: _Path) -> _Path:
        """This path where the condition [N, 1] holds, the other one elsewhere; the inverse stays this path's."""
        names = [one.name for one in fields(self) if one.name != "inverse"]
        return replace(self, **{name: fn.where(condition, getattr(self, name), getattr(other, name)) for name in names})


@dataclass(frozen=True)
class _Problem:
    gram: NDArray[Any]
    width: int
    rounds: int
    stop: float
    lasso: bool
    positive: bool
    decimals: int
    start: Value


def least_angle(
    products: Value, gram: NDArray[Any], width: int, *, rounds: int, stop: float, lasso: bool = False,
    positive: bool = False,
) -> Value:  # fmt: skip
    """Return the coefficients [N, k] of each row.

    Args:
        products: of the rows with the atoms, [N, k].
        gram: products of the atoms.
        width: the number of features.
        stop: the level to go down to.
        lasso: whether a coordinate leaves when its sign changes.
    """
    decimals = int(np.finfo(products.dtype).precision)
    gram = gram.astype(np.float64)

    def solve(part: Value) -> Value:
        return _solved(_Problem(gram, width, rounds, stop, lasso, positive, decimals, part))

    return by_blocks(products.cast("float64"), len(gram), solve)


def _solved(problem: _Problem) -> Value:
    def step(_: Value, *state: Value) -> tuple[Value, list[Value]]:
        path = _round(problem, _Path(*state))
        return fn.any(path.running), path.state()

    products, width = problem.start, len(problem.gram)
    code, taken, inverse = emptied(products, width)
    none, false = fn.repeated(np.zeros(1), products), fn.repeated(np.array([False]), products)
    place = ordered(products, width)
    path = _Path(code, code, products, taken, code, inverse, place, none, none, false, ~false)
    return fn.loop(products.graph, (problem.rounds + 1) * (width + 1), path.state(), step)[0]


def _round(problem: _Problem, path: _Path) -> _Path:
    """Go on to the next path; a row at its end, or whose new coordinate depends on the subset, goes no further."""
    size = path.products if problem.positive else fn.absolute(path.products)
    outside = fn.where(path.taken, -np.inf, size)
    best = first_largest(outside, path.place)
    top = fn.max(outside, 1, keepdims=True)
    top = fn.where(top > -np.inf, top, 0.0)
    level = top / float(problem.width)

    low = level <= problem.stop + _EQUAL
    inside = low & (fn.absolute(level - problem.stop) > _EQUAL) & (path.rounds > 0.0)
    share = (path.level - problem.stop) / fn.where(inside, path.level - level, 1.0)
    between = path.before + share * (path.code - path.before)
    at_end = low | (path.rounds >= float(problem.rounds)) | fn.all(path.taken, 1, keepdims=True)
    ended = replace(path, code=fn.where(inside, between, path.code), running=path.running & ~at_end)

    grown, degenerate = _grown(problem, path, best)
    rising = _rising(problem, path, level) & ~degenerate
    waiting = replace(path, products=grown.products, place=grown.place, running=path.running & ~rising)
    moves = ~(degenerate | rising)
    following = _stepped(problem, grown, top, level, moves).chosen(moves, waiting)
    return following.chosen(~at_end, ended).chosen(path.running, path)


def _rising(problem: _Problem, path: _Path, level: Value) -> Value:
    """Where the level has risen, by what is left being too small: the Lasso ends there."""
    return (path.rounds > 0.0) & (path.level < level) if problem.lasso else path.rounds < 0.0


def _grown(problem: _Problem, path: _Path, best: Value) -> tuple[_Path, Value]:
    """Take the coordinate of the largest product into the subset, unless one has just left it.

    Where it depends on the subset, it does not enter. scikit-learn means to set its product to zero then, but it has
    changed places with the first one outside the subset: that one's product becomes zero, and it is given what that had.
    Returns where that is, too.
    """
    here = fn.equal(fn.expand_dims(best, 1), np.arange(len(problem.gram)))
    length = fn.sqrt(fn.absolute(pivot(path.inverse, path.taken, best, problem.gram)))
    length = fn.maximum(length, _EPSILON)
    degenerate = ~path.dropped & (length < _DEGENERATE)
    enters = ~path.dropped & ~degenerate
    sign = fn.where(here, 1.0, 0.0) if problem.positive else fn.sign(path.products)
    position = counted(path.taken)
    front = fn.equal(path.place, position)
    other = fn.sum(fn.where(front, path.products, 0.0), 1, keepdims=True)
    mistaken = fn.where(front, 0.0, fn.where(here, other, path.products))
    grown = replace(
        path,
        products=fn.where(degenerate, mistaken, path.products),
        taken=path.taken | (here & enters),
        signs=fn.where(here & enters, sign, path.signs),
        inverse=joined(path.inverse, path.taken, best, problem.gram, fn.where(enters, length * length, 0.0)),
        place=fn.where(path.dropped, path.place, exchanged(path.place, here, position)),
    )
    return grown, degenerate


def _stepped(problem: _Problem, path: _Path, top: Value, level: Value, moves: Value) -> _Path:
    """Go along the direction that has the same angle with the whole subset, until another coordinate has it too.

    Rows that do not move are given any path, but keep their inverse.
    """
    direction = solved(path.inverse, path.signs)
    norm = 1.0 / fn.sqrt(fn.sum(direction * path.signs, 1, keepdims=True))
    direction = direction * norm
    outside = ~path.taken
    slope = _rounded(fn.where(outside, direction @ problem.gram, 0.0), problem.decimals)
    length = fn.minimum(top / norm, _least((top - path.products) / (norm - slope + _TINY), outside))
    if not problem.positive:
        length = fn.minimum(length, _least((top + path.products) / (norm + slope + _TINY), outside))

    crossing = -path.code / (direction + _TINY)
    earliest = _least(crossing, path.taken)
    dropped = earliest < length
    length = fn.minimum(length, earliest) if problem.lasso else length
    code = fn.where(path.taken, path.code + length * direction, 0.0)
    leaving = dropped & path.taken & fn.equal(crossing, earliest)
    following = replace(
        path,
        code=code,
        before=path.code,
        products=path.products - length * slope,
        signs=fn.where(leaving, -path.signs, path.signs),
        level=level,
        rounds=path.rounds + 1.0,
        dropped=dropped,
    )
    return _shrunk(problem, following, leaving, moves) if problem.lasso else following


def _shrunk(problem: _Problem, path: _Path, leaving: Value, moves: Value) -> _Path:
    """Take the coordinate whose sign changes out of the subset, behind it in the order, and its product anew."""
    position = counted(path.taken) - 1.0
    own = fn.min(fn.where(leaving, path.place, np.inf), 1, keepdims=True)
    behind = (path.place > own) & (path.place <= position)
    return replace(
        path,
        products=fn.where(leaving, problem.start - path.code @ problem.gram, path.products),
        taken=path.taken & ~leaving,
        signs=fn.where(leaving, 0.0, path.signs),
        place=fn.where(leaving, position, fn.where(behind, path.place - 1.0, path.place)),
        inverse=left(path.inverse, (leaving & moves).cast("float64")),
    )


def _least(x: Value, counted: Value) -> Value:
    """The smallest positive number among those counted in each row: sklearn.utils.arrayfuncs.min_pos."""
    return fn.min(fn.where(counted & (x > 0.0), x, np.inf), 1, keepdims=True)


def _rounded(x: Value, decimals: int) -> Value:
    """numpy.around; x must be no product of matrices: ONNX Runtime would fuse the scale with it, in float32."""
    scale = 10.0**decimals
    return fn.rint(x * scale) / scale
