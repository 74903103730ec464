"""Pairwise distances between rows and the fitted rows, in the order of computation of scikit-learn and SciPy.

Neighbors are found by reduced distances, which are cheaper and in the same order: a sum of squares without its root.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import row_norms

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.elementary import arcsin
from modelport_converters.onnx_builder.graph import Operand, Value

Array: TypeAlias = NDArray[Any]
Params: TypeAlias = Mapping[str, Any]
Term = Callable[..., Value]

_ROUNDINGS = 32 * float(np.finfo(np.float64).eps)
"""Of a sum of products, as a share of the squares of the rows."""

_UNROLLED = 4
"""Up to so many features are written out, more in a Loop: ONNX Runtime makes all terms written out before the first sum."""

_NAMES = {
    "l1": "manhattan",
    "cityblock": "manhattan",
    "l2": "euclidean",
    "p": "minkowski",
    "infinity": "chebyshev",
    "sokalmichener": "rogerstanimoto",
    "matching": "hamming",
}


def over_features(x: Value, arrays: list[Array], *terms: Term, join: Term | None = None) -> list[Value]:
    """Return sums over the features, added in their order, of terms of a column of x and one of each array.

    Nothing of the size rows x rows x features is ever made.

    Arguments:
        x: [N, d].
        arrays: each [n, d], or [d] for one number per feature.
        terms: functions of [N, 1] and of [n] (or a number) for each array.
        join: what adds two; the sum unless given.

    Returns:
        for each term a matrix [N, n].
    """
    add = join or (lambda left, right: left + right)
    transposed = [np.ascontiguousarray(one.T, np.float64) for one in arrays]
    x = x.cast("float64")
    width = len(transposed[0])
    if width <= _UNROLLED:
        sums: list[Value] = []
        for j in range(width):
            new = [term(x[:, [j]], *(one[j] for one in transposed)) for term in terms]
            sums = [add(old, one) for old, one in zip(sums, new, strict=True)] if sums else new
        return sums

    def one_more(j: Value, *sums: Value) -> tuple[None, list[Value]]:
        column = fn.expand_dims(fn.take(x, j, axis=1), 1)
        columns = [fn.take(one, j) for one in transposed]
        return None, [add(old, term(column, *columns)) for old, term in zip(sums, terms, strict=True)]

    zeros = fn.repeated(np.zeros(len(arrays[0])), x)
    return fn.loop(x.graph, width, [zeros] * len(terms), one_more)


def squared_euclidean(x: Value, y: Array) -> Value:
    """Squared distances added up over the features, as trees and SciPy do: exact where rows are close."""
    return over_features(x, [y], lambda a, b: fn.square(a - b))[0]


def expanded_euclidean(x: Value, y: Array) -> Value:
    """Squared distances as x.x - 2 x.y + y.y in float64 (sklearn.metrics.pairwise, ArgKmin)."""
    rows, x = np.asarray(y, np.float64), x.cast("float64")
    return fn.maximum((-2.0 * (x @ rows.T) + fn.squared_norms(x)) + row_norms(rows, squared=True), 0.0)


def centred_euclidean(x: Value, y: Array) -> Value:
    """Squared distances from products, taken around the mean of y, which keeps what cancels out small."""
    centre = np.asarray(y, np.float64).mean(0)
    return expanded_euclidean(x.cast("float64") - centre, y - centre)


def _manhattan(x: Value, y: Array, params: Params) -> Value:
    return over_features(x, [y], lambda a, b: fn.absolute(a - b))[0]


def _chebyshev(x: Value, y: Array, params: Params) -> Value:
    return over_features(x, [y], lambda a, b: fn.absolute(a - b), join=fn.maximum)[0]


def _minkowski(x: Value, y: Array, params: Params) -> Value:
    p, weights = float(params.get("p", 2)), params.get("w")
    if weights is None:
        return over_features(x, [y], lambda a, b: fn.absolute(a - b) ** p)[0]
    return over_features(x, [y, np.asarray(weights)], lambda a, b, w: w * fn.absolute(a - b) ** p)[0]


def _seuclidean(x: Value, y: Array, params: Params) -> Value:
    return over_features(x, [y, np.asarray(params["V"])], lambda a, b, v: fn.square(a - b) / v)[0]


def _mahalanobis(x: Value, y: Array, params: Params) -> Value:
    """Squared: the root of V^-1 turns it into a Euclidean distance."""
    inverse = np.asarray(params["VI"] if params.get("VI") is not None else np.linalg.inv(params["V"]), np.float64)
    values, vectors = np.linalg.eigh((inverse + inverse.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    centre = y.mean(0)
    return squared_euclidean((x.cast("float64") - centre) @ root, (y - centre) @ root)


def _canberra(x: Value, y: Array, params: Params) -> Value:
    def term(a: Value, b: Operand) -> Value:
        sizes = fn.absolute(a) + _absolute(b)
        return fn.absolute(a - b) / fn.where(fn.equal(sizes, 0.0), 1.0, sizes)

    return over_features(x, [y], term)[0]


def _braycurtis(x: Value, y: Array, params: Params) -> Value:
    above, below = over_features(x, [y], lambda a, b: fn.absolute(a - b), lambda a, b: fn.absolute(a) + _absolute(b))
    return above / fn.where(fn.equal(below, 0.0), 1.0, below)


def _absolute(y: Operand) -> Operand:
    return fn.absolute(y) if isinstance(y, Value) else np.abs(y)


def _cosine(x: Value, y: Array, params: Params) -> Value:
    return fn.clip(1.0 - cosine_similarity(x.cast("float64"), y), 0.0, 2.0)


def cosine_similarity(x: Value, y: Array) -> Value:
    """Products of rows brought to the norm 1."""
    norms = np.linalg.norm(y, axis=1, keepdims=True)
    own = fn.sqrt(fn.squared_norms(x))
    unit = x / fn.where(fn.equal(own, 0.0), 1.0, own)
    return unit @ (y / np.where(norms == 0.0, 1.0, norms)).T


def _correlation(x: Value, y: Array, params: Params) -> Value:
    x = x.cast("float64")
    centred = x - fn.mean(x, 1, keepdims=True)
    rows = y - y.mean(1, keepdims=True)
    norms = fn.sqrt(fn.squared_norms(centred)) * np.linalg.norm(rows, axis=1)
    return 1.0 - centred @ rows.T / norms


def _hamming(x: Value, y: Array, params: Params) -> Value:
    weights = params.get("w")
    share = np.full(y.shape[1], 1.0) if weights is None else np.asarray(weights, np.float64)
    differing = over_features(x, [y, share], lambda a, b, w: (~fn.equal(a, b)).cast("float64") * w)[0]
    return differing / float(share.sum())


def _haversine(x: Value, y: Array, params: Params) -> Value:
    latitude, longitude = fn.sin((x[:, [0]] - y[:, 0]) * 0.5), fn.sin((x[:, [1]] - y[:, 1]) * 0.5)
    return fn.square(latitude) + fn.cos(x[:, [0]]) * np.cos(y[:, 0]) * fn.square(longitude)


def nan_euclidean(x: Value, y: Array, missing: float = np.nan) -> Value:
    """Squared distances over the features present in both rows, scaled up to all; NaN where there is none.

    In the dtype of x and y, as scikit-learn has it: in float32 what the missing features have added does not cancel out.
    """
    dtype = np.result_type(x.dtype, y.dtype)
    absent, absent_y = is_missing(x, missing), np.isnan(y) if np.isnan(missing) else y == missing
    filled, filled_y = fn.where(absent, 0.0, x).cast(dtype), np.where(absent_y, 0.0, y).astype(dtype)
    own = (filled * filled) @ absent_y.T.astype(dtype)
    other = absent.cast(dtype) @ (filled_y * filled_y).T
    squares = fn.maximum(expanded_euclidean(filled, filled_y).cast(dtype) - own - other, 0.0)
    present = (~absent).cast(dtype) @ (~absent_y).T.astype(dtype)
    return fn.where(fn.equal(present, 0.0), np.nan, squares / fn.maximum(present, 1.0) * float(y.shape[1]))


def is_missing(x: Value, missing: Any) -> Value:
    """Whether each element is the value that stands for a missing one."""
    return fn.isnan(x) if isinstance(missing, float) and np.isnan(missing) else fn.equal(x, missing)


def _boolean(ratio: Callable[..., Value]) -> Callable[[Value, Array, Params], Value]:
    """Measure rows of conditions: by how many hold in both, in x alone, in y alone, and in neither."""

    def reduced(x: Value, y: Array, params: Params) -> Value:
        own, rows = (~fn.equal(x, 0.0)).cast("float64"), (y != 0).astype(np.float64)
        both = own @ rows.T
        left, right = fn.sum(own, 1, keepdims=True) - both, rows.sum(1) - both
        return ratio(both, left, right, float(y.shape[1]))

    return reduced


def _quotient(above: Value, below: Value) -> Value:
    """Divide; 0 / 0 is 0."""
    return above / fn.where(fn.equal(below, 0.0), 1.0, below)


def _yule(both: Value, left: Value, right: Value, width: float) -> Value:
    opposed = 2.0 * left * right
    return _quotient(opposed, both * (width - both - left - right) + opposed / 2.0)


_REDUCED: dict[str, Callable[[Value, Array, Params], Value]] = {
    "euclidean": lambda x, y, params: squared_euclidean(x, y),
    "sqeuclidean": lambda x, y, params: squared_euclidean(x, y),
    "manhattan": _manhattan,
    "chebyshev": _chebyshev,
    "minkowski": _minkowski,
    "seuclidean": _seuclidean,
    "mahalanobis": _mahalanobis,
    "canberra": _canberra,
    "braycurtis": _braycurtis,
    "cosine": _cosine,
    "correlation": _correlation,
    "hamming": _hamming,
    "haversine": _haversine,
    "nan_euclidean": lambda x, y, params: nan_euclidean(x, y, params.get("missing_values", np.nan)),
    "precomputed": lambda x, y, params: x,
    "jaccard": _boolean(lambda both, left, right, width: _quotient(left + right, both + left + right)),
    "dice": _boolean(lambda both, left, right, width: (left + right) / (2.0 * both + left + right)),
    "rogerstanimoto": _boolean(lambda both, left, right, width: 2.0 * (left + right) / (width + left + right)),
    "russellrao": _boolean(lambda both, left, right, width: (width - both) / width),
    "sokalsneath": _boolean(lambda both, left, right, width: (left + right) / (0.5 * both + left + right)),
    "yule": _boolean(_yule),
}
_ROOTS = ("euclidean", "seuclidean", "mahalanobis", "nan_euclidean")


def known(metric: Any) -> bool:
    """Whether this is the name of a metric that is written here."""
    return isinstance(metric, str) and _name(metric) in _REDUCED


def _name(metric: str) -> str:
    return _NAMES.get(metric, metric)


def reduced(metric: str, x: Value, y: Any, params: Params) -> Value:
    """Return [N, n] numbers in the order of the distances between the rows of x and y."""
    rows = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
    wide = x if x.dtype.kind == "f" else x.cast("float64")
    name = _name(metric)
    return _REDUCED[name](wide, rows if name == "nan_euclidean" else rows.astype(np.float64), params)


def distance(metric: str, reduced_distance: Value, params: Params) -> Value:
    """Return the distance that a reduced one stands for."""
    name = _name(metric)
    if name in _ROOTS:
        return fn.sqrt(reduced_distance)
    if name == "minkowski":
        return reduced_distance ** (1.0 / float(params.get("p", 2)))
    return 2.0 * arcsin(fn.sqrt(reduced_distance)) if name == "haversine" else reduced_distance


def noise(metric: str, x: Any) -> Any:
    """Return what rounding may add to or take from a reduced distance that is a difference of products of rows.

    Arguments:
        x: the rows, as a Value or an array or a sparse matrix.
    """
    squares: Any = 1.0 if metric in ("cosine", "correlation") else 0.0
    if metric == "euclidean":
        squares = fn.squared_norms(x.cast("float64")) if isinstance(x, Value) else row_norms(x, squared=True)[:, None]
    return _ROUNDINGS * squares


def reduced_radius(metric: str, radius: float, params: Params) -> float:
    """Return the reduced distance that a distance has."""
    name = _name(metric)
    if name in _ROOTS:
        return radius * radius
    if name == "minkowski":
        return float(radius ** float(params.get("p", 2)))
    return float(np.sin(0.5 * radius) ** 2) if name == "haversine" else radius


def pairwise(metric: str, x: Value, y: Any, params: Params) -> Value:
    """Return the distances [N, n] between the rows of x and y."""
    return distance(metric, reduced(metric, x, y, params), params)
