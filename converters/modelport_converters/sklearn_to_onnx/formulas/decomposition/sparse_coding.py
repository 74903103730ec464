"""Dictionary learning and SparseCoder: sparse codes by thresholding, LARS, OMP or coordinate descent, batched over rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import decomposition

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.formulas.decomposition.active_sets import (
    by_blocks,
    counted,
    emptied,
    exchanged,
    first_largest,
    joined,
    ordered,
    pivot,
    solved,
)
from modelport_converters.sklearn_to_onnx.formulas.decomposition.lars import least_angle
from modelport_converters.sklearn_to_onnx.registry import refuse, transform

_CD_TOLERANCE = 1e-8
"""Of coordinate descent: sklearn.decomposition._dict_learning._sparse_encode_precomputed."""


@dataclass(frozen=True)
class Coder:
    """What the rows are coded over, and how.

    Args:
        atoms: the dictionary [k, features].
        penalty: of the sum of absolute values; what is cut off by "threshold".
        count: of the atoms that a code of "lars" and "omp" may hold.
    """

    atoms: NDArray[Any]
    penalty: float
    count: int
    positive: bool
    rounds: int

    def gram(self, x: Value) -> NDArray[Any]:
        """Return the products of the atoms, in the dtype of the rows."""
        products: NDArray[Any] = self.atoms @ self.atoms.T
        return products.astype(x.dtype)


@transform(decomposition.DictionaryLearning, decomposition.MiniBatchDictionaryLearning, decomposition.SparseCoder)
def codes(model: Any, x: Value) -> Value:
    """The code of each row by the transform algorithm; with split_sign its positive and its negative part."""
    if model.positive_code and model.transform_algorithm in ("omp", "lars"):
        refuse(model, f"positive_code=True with {model.transform_algorithm!r}", "choose lasso_lars or lasso_cd")
    code = _CODERS[model.transform_algorithm](_coder(model), x)
    if not model.split_sign:
        return code
    return fn.concatenate([fn.maximum(code, 0.0), -fn.minimum(code, 0.0)], 1)


def _coder(model: Any) -> Coder:
    atoms = np.asarray(model.components_ if hasattr(model, "components_") else model.dictionary)
    penalty, count = model.transform_alpha, model.transform_n_nonzero_coefs
    if penalty is None:
        penalty = getattr(model, "alpha", 1.0)
    if count is None:
        count = min(max(atoms.shape[1] / 10, 1), len(atoms))
    return Coder(atoms, float(penalty), int(count), model.positive_code, int(model.transform_max_iter))


def _threshold(coder: Coder, x: Value) -> Value:
    """What of each product exceeds the penalty."""
    products = x @ coder.atoms.T
    code = fn.sign(products) * fn.maximum(fn.absolute(products) - coder.penalty, 0.0)
    return fn.maximum(code, 0.0) if coder.positive else code


def _lars(coder: Coder, x: Value) -> Value:
    """Least angle regression, an atom more in each round."""
    return least_angle(x @ coder.atoms.T, coder.gram(x), coder.atoms.shape[1], rounds=coder.count, stop=0.0)


def _lasso_lars(coder: Coder, x: Value) -> Value:
    """The Lasso by least angle regression, down to the penalty."""
    width = coder.atoms.shape[1]
    return least_angle(
        x @ coder.atoms.T, coder.gram(x), width, rounds=coder.rounds, stop=coder.penalty / width, lasso=True,
        positive=coder.positive,
    )  # fmt: skip


def _pursuit(coder: Coder, x: Value) -> Value:
    """Orthogonal matching pursuit: sklearn.linear_model._omp._gram_omp.

    Each round takes the atom that the residual is most aligned with, and fits all that are taken anew.
    """
    products, gram = (x @ coder.atoms.T).cast("float64"), coder.gram(x).astype(np.float64)
    smallest = float(np.finfo(x.dtype).eps)
    return by_blocks(products, len(gram), lambda part: _pursued(part, gram, coder.count, smallest))


def _pursued(products: Value, gram: NDArray[Any], count: int, smallest: float) -> Value:
    def take(
        _: Value, code: Value, taken: Value, inverse: Value, place: Value, running: Value
    ) -> tuple[Value, list[Value]]:
        residual = fn.absolute(products - code @ gram)
        best = first_largest(residual, place)
        chosen = fn.equal(fn.expand_dims(best, 1), np.arange(len(gram)))
        independent = pivot(inverse, taken, best, gram)
        first = ~fn.any(taken, 1, keepdims=True)
        strength = fn.max(residual, 1, keepdims=True)
        again = fn.any(chosen & taken, 1, keepdims=True)
        running = running & ~again & (strength * strength >= smallest) & (first | (independent > smallest))
        inverse = joined(inverse, taken, best, gram, fn.where(running, independent, 0.0))
        place = exchanged(place, chosen, counted(taken))
        taken = taken | (chosen & running)
        return fn.any(running), [solved(inverse, products), taken, inverse, place, running]

    code, taken, inverse = emptied(products, len(gram))
    running = fn.repeated(np.array([True]), products)
    place = ordered(products, len(gram))
    return fn.loop(products.graph, count, [code, taken, inverse, place, running], take)[0]


def _descent(coder: Coder, x: Value) -> Value:
    """The Lasso by coordinate descent: sklearn.linear_model._cd_fast.enet_coordinate_descent_gram."""
    x = x.cast(coder.atoms.dtype)
    lasso = _Lasso(coder, x)

    def sweep(iteration: Value, code: Value, made: Value, excluded: Value, running: Value) -> tuple[Value, list[Value]]:
        new, remade, largest, change = lasso.swept(code, made, excluded)
        still = fn.equal(largest, 0.0) | (change <= _CD_TOLERANCE * largest)
        checked = still | fn.equal(iteration, coder.rounds - 1)
        gap, gradient, norm = lasso.gap(new, remade)
        ended = checked & (gap <= lasso.tolerance)
        screened = excluded | (checked & ~ended & lasso.outside(gap, gradient, norm))
        new, kept = fn.where(screened, 0.0, new), new
        remade = remade + (new - kept) @ lasso.gram
        state = [fn.where(running, new, code), fn.where(running, remade, made), screened, running & ~ended]
        return fn.any(state[-1]), state

    nothing = lasso.products * 0.0
    gap, gradient, norm = lasso.gap(nothing, nothing)
    running = ~((gap >= 0.0) & (gap <= lasso.tolerance))
    excluded = lasso.outside(gap, gradient, norm) | fn.repeated(np.diag(lasso.gram) == 0.0, x)
    return fn.loop(x.graph, coder.rounds, [nothing, nothing, excluded, running], sweep)[0]


class _Lasso:
    """1/2 |x - code @ atoms|^2 + penalty * |code| for each row, and how far a code is from its minimum."""

    def __init__(self, coder: Coder, x: Value) -> None:
        width = coder.atoms.shape[1]
        self.penalty = coder.penalty / width * width
        self.positive = coder.positive
        self.gram = coder.gram(x)
        self.products = x @ coder.atoms.T
        self.norms = fn.squared_norms(x)
        self.tolerance = _CD_TOLERANCE * self.norms

    def swept(self, code: Value, made: Value, excluded: Value) -> tuple[Value, Value, Value, Value]:
        """Minimise along each coordinate in turn; returns the code, code @ gram, the largest element and change."""

        def step(place: Value, code: Value, made: Value, largest: Value, change: Value) -> tuple[None, list[Value]]:
            row = fn.take(self.gram, place)
            curvature = fn.take(row, place)
            old, here = _column(code, place), fn.equal(place, np.arange(len(self.gram)))
            aim = _column(self.products, place) - _column(made, place) + old * curvature
            new = fn.sign(aim) * fn.maximum(fn.absolute(aim) - self.penalty, 0.0)
            new = new / fn.where(fn.equal(curvature, 0.0), 1.0, curvature)
            new = fn.where(_column(excluded, place), old, fn.maximum(new, 0.0) if self.positive else new)
            moved = new - old
            change = fn.maximum(change, fn.absolute(moved))
            return None, [fn.where(here, new, code), made + moved * row, fn.maximum(largest, fn.absolute(new)), change]

        none = self.norms * 0.0
        code, made, largest, change = fn.loop(code.graph, len(self.gram), [code, made, none, none], step)
        return code, made, largest, change

    def gap(self, code: Value, made: Value) -> tuple[Value, Value, Value]:
        """Return the duality gap [N, 1], the gradient and its norm: formulation A of dual_gap_formulation_A."""
        fitted = fn.sum(code * self.products, 1, keepdims=True)
        residual = self.norms + fn.sum(code * made, 1, keepdims=True) - 2.0 * fitted
        gradient = self.products - made
        if self.penalty == 0.0:  # least squares: the gradient itself
            norm = fn.squared_norms(gradient)
            return norm, gradient, norm
        norm = fn.max(gradient if self.positive else fn.absolute(gradient), 1, keepdims=True)
        scale = self.penalty / fn.maximum(norm, self.penalty)
        primal = 0.5 * residual + self.penalty * fn.sum(fn.absolute(code), 1, keepdims=True)
        dual = -0.5 * scale * scale * residual + scale * (self.norms - fitted)
        return primal - dual, gradient, norm

    def outside(self, gap: Value, gradient: Value, norm: Value) -> Value:
        """Which coordinates are zero at the minimum for certain: gap safe screening (arXiv:1802.07481, equation 11)."""
        if self.penalty == 0.0:
            return gradient < -np.inf
        radius = fn.sqrt(2.0 * fn.absolute(gap)) / self.penalty
        lengths = np.sqrt(np.diag(self.gram))
        distance = 1.0 - fn.absolute(gradient / fn.maximum(norm, self.penalty))
        within: Value = distance / np.where(lengths > 0.0, lengths, 1.0) <= radius
        return ~within


def _column(matrix: Value, place: Value) -> Value:
    return fn.expand_dims(fn.take(matrix, place, axis=1), 1)


_CODERS: dict[str, Callable[[Coder, Value], Value]] = {
    "threshold": _threshold,
    "lars": _lars,
    "lasso_lars": _lasso_lars,
    "omp": _pursuit,
    "lasso_cd": _descent,
}
