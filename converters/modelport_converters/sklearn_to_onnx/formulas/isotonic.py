"""Formulas of sklearn.isotonic."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import isotonic

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.registry import (
    predict,
    transform,
)


@predict(isotonic.IsotonicRegression)
@transform(isotonic.IsotonicRegression)
def between_thresholds(model: Any, x: Value) -> Value:
    """Straight lines between the thresholds; beyond them the nearest one, NaN or an error, as it is set."""
    edges, heights = model.X_thresholds_, model.y_thresholds_
    given = fn.ravel(x).cast(edges.dtype)
    if model.out_of_bounds == "clip":
        given = fn.clip(given, model.X_min_, model.X_max_)
    if len(heights) == 1:
        return fn.repeated(heights[0], given)
    outside = (given < edges[0]) | (given > edges[-1])
    left = fn.clip(fn.bisect(edges, given) - 1, 0, len(edges) - 2)
    if model.out_of_bounds == "raise":  # beyond the thresholds there is no element to gather, which is an error
        left = fn.where(outside, len(edges), left)
    slopes = np.diff(heights) / np.diff(edges)
    result = fn.take(slopes, left) * (given - fn.take(edges[:-1], left)) + fn.take(heights[:-1], left)
    result = fn.where(fn.equal(given, edges[-1]), heights[-1], result)
    return fn.where(outside, np.asarray(np.nan, edges.dtype), result) if model.out_of_bounds == "nan" else result
