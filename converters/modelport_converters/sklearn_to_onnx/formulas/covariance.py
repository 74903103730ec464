"""Distances under a robust covariance."""

from __future__ import annotations

from typing import Any

from sklearn import covariance

from modelport_converters.sklearn_to_onnx import functions as fn
from modelport_converters.sklearn_to_onnx.building import Value
from modelport_converters.sklearn_to_onnx.calling import call
from modelport_converters.sklearn_to_onnx.registry import decision_function, predict, score_samples


@score_samples(covariance.EllipticEnvelope)
def negative_distance(model: Any, x: Value) -> Value:
    """The squared Mahalanobis distance to the location, negative."""
    centred = x - model.location_
    return -fn.total(centred @ model.get_precision() * centred, 1)


@decision_function(covariance.EllipticEnvelope)
def above_offset(model: Any, x: Value) -> Value:
    """How far the score lies above the offset."""
    result: Value = call(model, "score_samples", x) - model.offset_
    return result


@predict(covariance.EllipticEnvelope)
def inlier(model: Any, x: Value) -> Value:
    """1 for an inlier, -1 for an outlier."""
    return fn.where(call(model, "decision_function", x) >= 0.0, 1, -1)
