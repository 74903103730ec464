"""PolynomialFeatures and SplineTransformer."""

from __future__ import annotations

import math
from functools import reduce
from itertools import groupby
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import preprocessing

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.registry import transform


@transform(preprocessing.PolynomialFeatures)
def polynomial(model: Any, x: Value) -> Value:
    """Products of the features, in the order of scikit-learn: by degree, then by the features' positions."""
    x = fn.floating(x)
    products = model._combinations(
        model.n_features_in_, model._min_degree, model._max_degree, model.interaction_only, model.include_bias
    )
    parts = []
    for degree, group in groupby(products, len):
        factors = np.asarray(list(group), np.int64)
        parts.append(reduce(mul, (x[:, factors[:, at]] for at in range(degree))) if degree else _ones(x))
    return fn.concatenate(parts, 1)


def _ones(x: Value) -> Value:
    return fn.repeated(np.ones(1, x.dtype), x)


# --- splines -----------------------------------------------------------------------------------------------------------


@transform(preprocessing.SplineTransformer)
def splines(model: Any, x: Value) -> Value:
    """The B-splines of each feature: on each interval a polynomial in the distance from the knot below."""
    given = fn.floating(x)
    x = given.cast("float64")
    curves = model.bsplines_
    bounds = _bounds(model)
    low, high, ends = (np.asarray(one) for one in zip(*bounds, strict=True))
    if model.extrapolation == "periodic":
        inside = _wrapped(x, low, high)
    elif model.extrapolation in ("constant", "linear"):
        inside = fn.clip(x, low, high)
    else:
        inside = x
    heights = _heights(curves, inside)
    if model.extrapolation == "linear":
        heights = _continued(curves, heights, x, low, high, ends)
    if model.extrapolation == "constant" and curves[0].k == 0:
        heights = heights * (x >= low)[:, :, None].cast("float64")
    heights = fn.where(fn.isnan(x)[:, :, None], 0.0, heights)
    kept = heights if model.include_bias else heights[:, :, :-1]
    width = len(curves) * (curves[0].c.shape[1] - (not model.include_bias))
    return fn.reshape(kept, [-1, width]).cast(given.dtype)


def _bounds(model: Any) -> list[tuple[float, float, int]]:
    """Return for each feature the outer knots, and how many of the first and last splines go on linearly beyond them.

    For a linear continuation scikit-learn counts a degree below 2 up by one, once for each feature, so that all but the first
    feature are continued from knots further inside (sklearn.preprocessing._polynomial, SplineTransformer.transform).
    """
    found, degree = [], model.degree
    for curve in model.bsplines_:
        low, high = float(curve.t[degree]), float(curve.t[-degree - 1])
        if model.extrapolation == "linear" and degree <= 1:
            degree += 1
        found.append((low, high, degree))
    return found


def _wrapped(x: Value, low: NDArray[Any], high: NDArray[Any]) -> Value:
    """The values carried into one period by whole periods; a period of no length maps everything to 0."""
    lengths = np.where(high > low, high - low, 1.0)
    rest = x.graph.op("Mod", x - low, lengths, fmod=1)
    inside = low + fn.where(rest < 0.0, rest + lengths, rest)
    return inside if (high > low).all() else fn.where(x.graph.constant(high > low), inside, 0.0)


def _heights(curves: list[Any], x: Value) -> Value:
    """Return [N, features, splines]: Taylor's polynomial at the knot below, whose coefficients are the derivatives there."""
    degree = curves[0].k
    knots = np.stack([curve.t[degree : len(curve.t) - degree] for curve in curves])  # [features, intervals + 1]
    features, intervals = knots.shape[0], knots.shape[1] - 1
    below = fn.sum(x[:, :, None] >= knots[:, 1:-1], 2) if intervals > 1 else (x * 0.0).cast("int64")
    below = below + np.arange(features) * intervals
    offset = (x - fn.take(knots[:, :-1].ravel(), below))[:, :, None]
    result: Value | None = None
    for order in reversed(range(degree + 1)):
        derivatives = [
            curve(at[:-1], nu=order) / math.factorial(order) for curve, at in zip(curves, knots, strict=True)
        ]
        term = fn.take(np.concatenate(derivatives), below)
        result = term if result is None else result * offset + term
    assert result is not None
    return result


def _continued(
    curves: list[Any], heights: Value, x: Value, low: NDArray[Any], high: NDArray[Any], ends: NDArray[Any]
) -> Value:
    """Beyond the outer knots the first and last splines go on with the slope that they have there, the others are nought."""
    order = np.arange(curves[0].c.shape[1])
    first, last = order < ends[:, None], order >= len(order) - ends[:, None]
    slopes_low = np.stack([curve(at, nu=1) for curve, at in zip(curves, low, strict=True)])
    slopes_high = np.stack([curve(at, nu=1) for curve, at in zip(curves, high, strict=True)])
    below = (heights + (x - low)[:, :, None] * slopes_low) * first
    above = (heights + (x - high)[:, :, None] * slopes_high) * last
    return fn.where((x < low)[:, :, None], below, fn.where((x > high)[:, :, None], above, heights))
