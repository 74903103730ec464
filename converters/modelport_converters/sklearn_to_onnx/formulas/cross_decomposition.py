"""Formulas of sklearn.cross_decomposition: partial least squares and canonical correlation."""

from __future__ import annotations

from typing import Any

from sklearn import cross_decomposition

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.registry import predict, transform

_REGRESSIONS = (cross_decomposition.PLSRegression, cross_decomposition.PLSCanonical, cross_decomposition.CCA)


@transform(*_REGRESSIONS)
def scores(model: Any, x: Value) -> Value:
    """Rotate the standardised features; they are standardised in place, so in their own dtype."""
    centred = (x - model._x_mean).cast(x.dtype)
    return (centred / model._x_std).cast(x.dtype) @ model.x_rotations_


@predict(*_REGRESSIONS)
def targets(model: Any, x: Value) -> Value:
    """A linear regression on what is off the mean."""
    result = (x - model._x_mean).cast(x.dtype) @ model.coef_.T + model.intercept_
    return fn.ravel(result) if model._predict_1d else result


@transform(cross_decomposition.PLSSVD)
def singular_scores(model: Any, x: Value) -> Value:
    """Project the standardised features on the left singular vectors, in float64."""
    return (x.cast("float64") - model._x_mean) / model._x_std @ model.x_weights_
