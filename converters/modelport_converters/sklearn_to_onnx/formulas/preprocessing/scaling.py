"""Scalers, normalizers, and the power and quantile transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from sklearn import preprocessing

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder import special
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.registry import transform

_BOUNDS = 1e-7
"""BOUNDS_THRESHOLD of sklearn.preprocessing._data."""


def _like(x: Value, array: ArrayLike) -> NDArray[Any]:
    return np.asarray(array, x.dtype)


@transform(preprocessing.StandardScaler)
def standard(model: Any, x: Value) -> Value:
    """(x - mean) / deviation, in the dtype of x."""
    x = fn.floating(x)
    if model.with_mean:
        x = x - _like(x, model.mean_)
    return x / _like(x, model.scale_) if model.with_std else x


@transform(preprocessing.MinMaxScaler)
def range_scaled(model: Any, x: Value) -> Value:
    """The features times scale, plus minimum; each step rounded to their dtype as an operation in place is."""
    x = fn.floating(x)
    scaled = ((x * model.scale_).cast(x.dtype) + model.min_).cast(x.dtype)
    return _clipped(scaled, *model.feature_range) if model.clip else scaled


@transform(preprocessing.MaxAbsScaler)
def largest_scaled(model: Any, x: Value) -> Value:
    """The features over their maximum absolute values."""
    x = fn.floating(x)
    scaled = (x / model.scale_).cast(x.dtype)
    return _clipped(scaled, -1.0, 1.0) if getattr(model, "clip", False) else scaled


@transform(preprocessing.RobustScaler)
def robust(model: Any, x: Value) -> Value:
    """(x - median) / the range between two quantiles."""
    x = fn.floating(x)
    centred = (x - model.center_).cast(x.dtype) if model.with_centering else x
    return (centred / model.scale_).cast(x.dtype) if model.with_scaling else centred


def _clipped(x: Value, low: float, high: float) -> Value:
    return fn.where(fn.isnan(x), x, fn.clip(x, low, high))


@transform(preprocessing.Normalizer)
def unit_norm(model: Any, x: Value) -> Value:
    """Rows divided by their norms; a norm below 10 epsilons counts as 1 (sklearn.preprocessing._data)."""
    x = fn.floating(x)
    if model.norm == "l2":
        norms = fn.sqrt(fn.squared_norms(x))
    elif model.norm == "l1":
        norms = fn.sum(fn.absolute(x), 1, keepdims=True)
    else:
        norms = fn.max(fn.absolute(x), 1, keepdims=True)
    return x / fn.where(norms < 10 * np.finfo(x.dtype).eps, 1.0, norms)


@transform(preprocessing.KernelCenterer)
def centred(model: Any, x: Value) -> Value:
    """The kernel as if the features had the mean 0; each step in the kernel's own precision, as scikit-learn does in place."""
    kernel = x if x.dtype.kind == "f" else x.cast("float64")
    means = fn.sum(kernel, 1, keepdims=True) / float(len(model.K_fit_rows_))
    kernel = (kernel - model.K_fit_rows_).cast(kernel.dtype)
    kernel = (kernel - means).cast(kernel.dtype)
    return (kernel + model.K_fit_all_).cast(kernel.dtype)


# --- other distributions -----------------------------------------------------------------------------------------------


@transform(preprocessing.PowerTransformer)
def power(model: Any, x: Value) -> Value:
    """Box-Cox's or Yeo and Johnson's power of each feature, then standard scaling."""
    x = fn.floating(x)
    lambdas = np.asarray(model.lambdas_, np.float64)
    double = x.cast("float64")
    raised = _box_cox(double, lambdas) if model.method == "box-cox" else _yeo_johnson(double, lambdas)
    raised = raised.cast(x.dtype)
    return standard(model._scaler, raised) if model.standardize else raised


def _box_cox(x: Value, lambdas: NDArray[np.float64]) -> Value:
    return _power_of_log(fn.log(x), lambdas)


def _yeo_johnson(x: Value, lambdas: NDArray[np.float64]) -> Value:
    """The powers of 1 + x, and of 1 - x below zero with the exponent 2 - lambda (scipy.stats.yeojohnson)."""
    above = _power_of_log(fn.log1p(fn.maximum(x, 0.0)), lambdas)
    below = _power_of_log(fn.log1p(fn.maximum(-x, 0.0)), 2.0 - lambdas)
    return fn.where(x >= 0.0, above, -below) + (x - x)  # what is missing stays missing


def _power_of_log(logarithm: Value, exponents: NDArray[np.float64]) -> Value:
    """(e ** (exponent * log) - 1) / exponent, the logarithm itself where the exponent is nought."""
    none = np.abs(exponents) < np.finfo(np.float64).eps
    divisor = np.where(none, 1.0, exponents)
    raised = fn.expm1(logarithm * divisor) / divisor
    return fn.where(logarithm.graph.constant(none), logarithm, raised) if none.any() else raised


@transform(preprocessing.QuantileTransformer)
def quantiles(model: Any, x: Value) -> Value:
    """The share of the learnt values below each value, interpolated; for a normal distribution, its quantile there."""
    x = fn.floating(x)
    normal = model.output_distribution == "normal"
    low, high = model.quantiles_[0], model.quantiles_[-1]
    lowest = x - _BOUNDS < low if normal else x <= low
    highest = x + _BOUNDS > high if normal else fn.equal(x, high)
    shares = _interpolated(x.cast("float64"), model.quantiles_, model.references_).cast(x.dtype)
    shares = fn.where(lowest, _like(x, 0.0), fn.where(highest, _like(x, 1.0), shares))
    if normal:
        bound = -float(norm.ppf(_BOUNDS - np.spacing(1)))
        shares = fn.clip(special.ndtri(shares), _like(x, -bound), _like(x, bound))
    return fn.where(fn.isnan(x), x, shares)


def _interpolated(x: Value, knots: NDArray[Any], heights: NDArray[Any]) -> Value:
    """The mean of the interpolations from below and from above, which differ where knots are repeated."""
    count = len(knots)
    if count == 1:
        return x * 0.0 + float(heights[0])
    inside = fn.clip(x, knots[0], knots[-1])
    first = fn.clip(_rank(inside, knots, strict=True) - 1, 0, count - 2)
    last = fn.clip(_rank(inside, knots, strict=False) - 1, 0, count - 2)
    from_below = fn.where(x >= knots[-1], heights[-1], _on_segment(inside, last, 0, knots, heights))
    from_above = fn.where(x <= knots[0], heights[0], _on_segment(inside, first, 1, knots, heights))
    from_below = fn.where(x < knots[0], heights[0], from_below)
    from_above = fn.where(x > knots[-1], heights[-1], from_above)
    return 0.5 * (from_below + from_above)


def _on_segment(x: Value, segment: Value, end: int, knots: NDArray[Any], heights: NDArray[Any]) -> Value:
    """The line through a segment's two knots, drawn from one of its ends."""
    widths = np.diff(knots, axis=0)
    with np.errstate(divide="ignore"):
        slopes = np.where(widths > 0, np.diff(heights)[:, None] / np.where(widths > 0, widths, 1.0), 0.0)
    offset = x - _of_feature(knots[end : len(knots) - 1 + end], segment)
    return _of_feature(slopes, segment) * offset + fn.take(heights[end : len(knots) - 1 + end], segment)


def _of_feature(table: NDArray[Any], rows: Value) -> Value:
    """table[rows[i, j], j] for each row i and feature j."""
    features = table.shape[1]
    return fn.take(np.asarray(table, np.float64).ravel(), rows * features + np.arange(features))


def _rank(x: Value, knots: NDArray[Any], *, strict: bool) -> Value:
    """How many of a feature's sorted knots lie below each value (or at it, unless strict): a search by halving."""
    count = len(knots)
    rank = (x * 0.0).cast("int64")
    step = 1 << (count.bit_length() - 1)
    while step:
        reached = rank + step
        knot = _of_feature(knots, fn.minimum(reached, count) - 1)
        lies_below = knot < x if strict else knot <= x
        rank = fn.where(lies_below & (reached <= count), reached, rank)
        step //= 2
    return rank
