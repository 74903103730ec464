"""Distances under a robust covariance."""

from __future__ import annotations

from typing import Any

from sklearn import covariance

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.registry import score_samples


@score_samples(covariance.EllipticEnvelope)
def negative_distance(model: Any, x: Value) -> Value:
    """The squared Mahalanobis distance to the location, negative."""
    centred = x - model.location_
    return -fn.sum(centred @ model.get_precision() * centred, 1)
