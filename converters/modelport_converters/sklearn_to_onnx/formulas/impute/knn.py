"""KNNImputer."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.impute import KNNImputer

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.formulas.metrics.pairwise_distances import is_missing, nan_euclidean
from modelport_converters.sklearn_to_onnx.formulas.neighbors.kneighbors import weights_of
from modelport_converters.sklearn_to_onnx.formulas.neighbors.tie_breaking import first_of_equal
from modelport_converters.sklearn_to_onnx.registry import refuse, transform


@transform(KNNImputer)
def imputed(model: Any, x: Value) -> Value:
    """Each missing value becomes the weighted mean of the nearest rows with one; the column's mean where none is comparable."""
    if model.metric != "nan_euclidean":
        refuse(model, "metric is a function of your own", "choose metric='nan_euclidean'")
    features = x if x.dtype.kind == "f" else x.cast("float64")
    missing = is_missing(features, model.missing_values)
    distances = fn.sqrt(nan_euclidean(features, np.asarray(model._fit_X), model.missing_values))
    columns = []
    for column, valid in enumerate(model._valid_mask):
        own, absent = features[:, [column]], missing[:, [column]]
        if valid:
            columns.append(fn.where(absent, _donated(model, distances, column).cast(own.dtype), own))
        elif model.keep_empty_features:
            columns.append(fn.where(absent, 0.0, own) * 0.0)
    if model.add_indicator:
        shown = model.indicator_.features_
        columns.append(missing[:, np.asarray(shown, np.int64)].cast(features.dtype))
    return fn.concatenate(columns, 1)


def _donated(model: Any, distances: Value, column: int) -> Value:
    """Return the mean of the nearest rows that have a value in this column: [N, 1]."""
    donors = np.flatnonzero(~model._mask_fit_X[:, column])
    values = np.asarray(model._fit_X[donors, column], np.float64)
    away = distances[:, donors]
    comparable = ~fn.isnan(away)
    ordered = fn.where(comparable, away, np.inf)
    if model.n_neighbors < len(donors):
        nearest, positions = first_of_equal(ordered, model.n_neighbors)
    else:
        nearest, positions = fn.topk(ordered, len(donors), smallest_first=True)
    present = nearest < np.inf
    weights = weights_of(model, nearest)
    counted = present.cast("float64") if weights is None else fn.where(present, weights, 0.0)
    sums = fn.sum(counted, 1, keepdims=True)
    none = fn.equal(sums, 0.0)
    mean = fn.sum(fn.take(values, positions) * counted, 1, keepdims=True) / fn.where(none, 1.0, sums)
    return fn.where(none, float(values.mean()), mean)
