"""Inverse transforms, for TransformedTargetRegressor."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import pipeline, preprocessing

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder import special
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx import numpy_ops
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.registry import formula, refuse

_BOUNDS = 1e-7
"""BOUNDS_THRESHOLD of sklearn.preprocessing._data."""

_EPSILON = np.spacing(1.0)

inverse_transform = partial(formula, "inverse_transform")


@inverse_transform(pipeline.Pipeline)
def backwards(model: Any, x: Value) -> Value:
    """Every step backwards, the last one first."""
    for _, step in reversed(model.steps):
        if step is not None and step != "passthrough":
            x = call(step, "inverse_transform", x)
    return x


@inverse_transform(preprocessing.FunctionTransformer)
def inverse_function(model: Any, x: Value) -> Value:
    """The function given as the inverse."""
    if model.inverse_func is None:
        return x
    function = numpy_ops.counterpart(model.inverse_func, model.inv_kw_args)
    if function is None:
        name = getattr(model.inverse_func, "__name__", repr(model.inverse_func))
        refuse(
            model,
            f"the function {name} (inverse_func) has no form in ONNX",
            f"choose one of NumPy or SciPy: {', '.join(numpy_ops.names())}",
        )
    return function(x)


@inverse_transform(preprocessing.StandardScaler)
def standard(model: Any, x: Value) -> Value:
    """The value times the deviation, plus the mean."""
    x = x * np.asarray(model.scale_, x.dtype) if model.with_std else x
    return x + np.asarray(model.mean_, x.dtype) if model.with_mean else x


@inverse_transform(preprocessing.MinMaxScaler)
def range_scaled(model: Any, x: Value) -> Value:
    """(x - minimum) / scale."""
    risen: Value = (x - model.min_).cast(x.dtype)
    return (risen / model.scale_).cast(x.dtype)


@inverse_transform(preprocessing.MaxAbsScaler)
def largest_scaled(model: Any, x: Value) -> Value:
    """The features times their maximum absolute values."""
    return (x * model.scale_).cast(x.dtype)


@inverse_transform(preprocessing.RobustScaler)
def robust(model: Any, x: Value) -> Value:
    """The value times the range between two quantiles, plus the median."""
    scaled: Value = (x * model.scale_).cast(x.dtype) if model.with_scaling else x
    return (scaled + model.center_).cast(x.dtype) if model.with_centering else scaled


@inverse_transform(preprocessing.PowerTransformer)
def power(model: Any, x: Value) -> Value:
    """The root that undoes Box-Cox's or Yeo and Johnson's power, of each feature its own."""
    given = standard(model._scaler, x) if model.standardize else x
    lambdas = np.asarray(model.lambdas_, np.float64)
    double = given.cast("float64")
    if model.method == "box-cox":
        return _root(double, lambdas).cast(x.dtype)
    above, below = _root(double, lambdas) - 1.0, 1.0 - _root(-double, 2.0 - lambdas)
    return fn.where(double >= 0.0, above, below).cast(x.dtype)


def _root(x: Value, exponents: NDArray[np.float64]) -> Value:
    """(x * exponent + 1) ** (1 / exponent), e ** x where the exponent is nought."""
    none = np.abs(exponents) < _EPSILON
    divisor = np.where(none, 1.0, exponents)
    raised = (x * divisor + 1.0) ** (1.0 / divisor)
    return fn.where(x.graph.constant(none), fn.exp(x), raised) if none.any() else raised


@inverse_transform(preprocessing.QuantileTransformer)
def quantiles(model: Any, x: Value) -> Value:
    """The learnt value below which the given share lies, interpolated."""
    shares = x.cast("float64")
    low, high = model.quantiles_[0], model.quantiles_[-1]
    if model.output_distribution == "normal":
        shares = special.ndtr(shares)
        lowest, highest = shares - _BOUNDS < 0.0, shares + _BOUNDS > 1.0
    else:
        lowest, highest = shares <= 0.0, shares >= 1.0
    result = _between(fn.clip(shares, 0.0, 1.0), model.references_, model.quantiles_)
    return fn.where(lowest, low, fn.where(highest, high, result)).cast(x.dtype)


def _between(x: Value, knots: NDArray[Any], heights: NDArray[Any]) -> Value:
    """Straight lines between the heights at the knots; heights [knots, features]."""
    count, features = heights.shape
    if count == 1:
        return x * 0.0 + np.asarray(heights[0])
    left = fn.clip(fn.bisect(knots, x) - 1, 0, count - 2)
    place: Value = left * features + np.arange(features)
    slopes = np.asarray(np.diff(heights, axis=0) / np.diff(knots)[:, None])
    offset = x - fn.take(knots, left)
    return fn.take(slopes.ravel(), place) * offset + fn.take(heights.ravel(), place)
