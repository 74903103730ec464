"""Local outlier factor, kernel density and nearest centroid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import neighbors

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.formulas.metrics import pairwise_distances
from modelport_converters.sklearn_to_onnx.formulas.neighbors.search import nearest
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.registry import (
    decision_function,
    predict,
    predict_proba,
    refuse,
    score_samples,
)


@score_samples(neighbors.LocalOutlierFactor)
def local_outlier_factor(model: Any, x: Value) -> Value:
    """The negative mean of the neighbors' densities over the own one."""
    found = nearest(model, x, model.n_neighbors_)
    measured = found.distances.cast("float32") if x.dtype == np.float32 else found.distances
    reach = fn.take(np.ascontiguousarray(model._distances_fit_X_[:, model.n_neighbors_ - 1]), found.positions)
    density = 1.0 / (fn.mean(fn.maximum(measured, reach), 1, keepdims=True) + 1e-10)
    return -fn.mean(fn.take(model._lrd, found.positions) / density, 1)


def _within(shape: Callable[[Value], Value]) -> Callable[[Value], Value]:
    """Return the logarithm of a kernel that is 0 beyond the distance 1."""
    return lambda u: fn.where(u < 1.0, fn.log(fn.where(u < 1.0, shape(u), 1.0)), -np.inf)


_LOG_KERNELS: dict[str, Callable[[Value], Value]] = {
    "gaussian": lambda u: -0.5 * (u * u),
    "tophat": _within(lambda u: u * 0.0 + 1.0),
    "epanechnikov": _within(lambda u: 1.0 - u * u),
    "exponential": lambda u: -u,
    "linear": _within(lambda u: 1.0 - u),
    "cosine": _within(lambda u: fn.cos(0.5 * np.pi * u)),
}
"""Of the distance in bandwidths (sklearn.neighbors._binary_tree)."""


@score_samples(neighbors.KernelDensity)
def kernel_density(model: Any, x: Value) -> Value:
    """The logarithm of the mean of kernels around the fitted rows."""
    if not pairwise_distances.known(model.metric):
        refuse(model, "metric is a function of your own", "choose one of scikit-learn's metrics by its name")
    tree = model.tree_
    rows, bandwidth = np.asarray(tree.data), float(model.bandwidth_)
    measured = pairwise_distances.pairwise(model.metric, x.cast("float64"), rows, model.metric_params or {})
    logs = _LOG_KERNELS[model.kernel](measured / bandwidth)
    weights = None if tree.sample_weight is None else np.asarray(tree.sample_weight)
    if weights is not None:
        with np.errstate(divide="ignore"):
            logs = logs + np.log(weights)
    count = float(len(rows) if weights is None else tree.sum_weight)
    return fn.logsumexp(logs, 1) + (_log_norm(rows.shape[1], model.kernel, bandwidth) - float(np.log(count)))


def _log_norm(width: int, kernel: str, bandwidth: float) -> float:
    """Return the logarithm of a kernel's height, as the density of a single row at that row."""
    origin = np.zeros((1, width))
    single = neighbors.KDTree(origin).kernel_density(origin, h=bandwidth, kernel=kernel, return_log=True)
    return float(single[0])


def _equal_priors(model: Any) -> bool:
    return bool(np.isclose(model.class_prior_, 1 / len(model.classes_)).all())


def _discriminants(model: Any, x: Value) -> Value:
    """Minus the squared distance to each centroid, in deviations within the classes, plus twice its log prior."""
    deviations = model.within_class_std_dev_
    scale = np.where(deviations != 0, deviations, 1.0)
    wide = x.cast("float64") / scale
    away = pairwise_distances.pairwise(model.metric, wide, model.centroids_ / scale, {})
    return -(away * away) + 2.0 * np.log(model.class_prior_)


@decision_function(neighbors.NearestCentroid)
def centroid_scores(model: Any, x: Value) -> Value:
    """The discriminants; of two classes their difference."""
    result = _discriminants(model, x)
    return result[:, 1] - result[:, 0] if len(model.classes_) == 2 else result


@predict_proba(neighbors.NearestCentroid)
def centroid_probabilities(model: Any, x: Value) -> Value:
    """Softmax of the discriminants."""
    return fn.softmax(_discriminants(model, x), 1)


@predict(neighbors.NearestCentroid)
def nearest_centroid(model: Any, x: Value) -> Value:
    """The class of the nearest centroid; of the highest discriminant where priors differ."""
    if not _equal_priors(model):
        return label_at(model.classes_, fn.argmax(_discriminants(model, x), 1))
    if model.metric == "euclidean":
        away = pairwise_distances.expanded_euclidean(x, model.centroids_)
    else:
        away = pairwise_distances.reduced(model.metric, x, model.centroids_, {})
    return label_at(model.classes_, fn.argmin(away, 1))
