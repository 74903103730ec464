"""Outlier detectors whose decision is a score above an offset."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import covariance, ensemble, neighbors

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.registry import decision_function, predict, score_samples

_DETECTORS = (covariance.EllipticEnvelope, ensemble.IsolationForest, neighbors.LocalOutlierFactor)


@decision_function(*_DETECTORS)
def above_offset(model: Any, x: Value) -> Value:
    """How far the score lies above the offset."""
    return call(model, "score_samples", x) - float(model.offset_)


@predict(*_DETECTORS)
def inlier(model: Any, x: Value) -> Value:
    """1 for an inlier, -1 for an outlier."""
    return fn.where(call(model, "decision_function", x) < 0.0, np.int64(-1), np.int64(1))


@score_samples(covariance.EllipticEnvelope)
def negative_distance(model: Any, x: Value) -> Value:
    """The squared Mahalanobis distance to the location, negative."""
    centred = x - model.location_
    return -fn.sum(centred @ model.get_precision() * centred, 1)
