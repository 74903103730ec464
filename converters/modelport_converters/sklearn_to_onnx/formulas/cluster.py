"""Formulas of sklearn.cluster: assignment to the nearest centre, distances to centres, feature agglomeration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import cluster

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.formulas.metrics.pairwise_distances import expanded_euclidean
from modelport_converters.sklearn_to_onnx.registry import predict, refuse, transform

_KMEANS = (cluster.KMeans, cluster.MiniBatchKMeans)


@predict(*_KMEANS)
def nearest_mean(model: Any, x: Value) -> Value:
    """The nearest centre."""
    centres = model.cluster_centers_
    return fn.argmin(_closeness(x.cast(centres.dtype), centres), 1)


@transform(*_KMEANS, cluster.BisectingKMeans)
def distances_to_means(model: Any, x: Value) -> Value:
    """The distances to the centres."""
    return _distances(x, model.cluster_centers_)


@predict(cluster.BisectingKMeans)
def leaf_of_bisections(model: Any, x: Value) -> Value:
    """The nearer one of two centres at each bisection, from the root down."""

    def label(node: Any) -> Any:
        if node.left is None:
            return np.int64(node.label)
        centres = np.vstack([node.left.center, node.right.center]) + getattr(model, "_X_mean", 0.0)
        nearness = _closeness(x.cast(centres.dtype), centres)
        return fn.where(nearness[:, 1] < nearness[:, 0], label(node.right), label(node.left))

    found = label(model._bisecting_tree)
    return found if isinstance(found, Value) else fn.repeated(found, x)


@predict(cluster.Birch)
def label_of_subcluster(model: Any, x: Value) -> Value:
    """The label of the nearest subcluster."""
    nearest = fn.argmin(_closeness(x, model.subcluster_centers_), 1)
    return fn.take(np.asarray(model.subcluster_labels_, np.int64), nearest)


@transform(cluster.Birch)
def distances_to_subclusters(model: Any, x: Value) -> Value:
    """The distances to the centres of the subclusters."""
    return _distances(x, model.subcluster_centers_)


@predict(cluster.MeanShift, cluster.AffinityPropagation)
def nearest_centre(model: Any, x: Value) -> Value:
    """The nearest centre; -1 where fitting found none."""
    if getattr(model, "affinity", "euclidean") == "precomputed":
        refuse(model, "affinity='precomputed' answers for no new rows", "choose affinity='euclidean'")
    if not len(model.cluster_centers_):
        return fn.repeated(np.int64(-1), x)
    return fn.argmin(_closeness(x, model.cluster_centers_), 1)


def _closeness(x: Value, centres: NDArray[Any]) -> Value:
    """Squared distances without the norms of the rows, which are the same for all centres: what scikit-learn compares."""
    return (centres**2).sum(axis=1) - 2.0 * (x @ centres.T)


def _distances(x: Value, centres: NDArray[Any]) -> Value:
    """sklearn.metrics.pairwise.euclidean_distances: in float64, by norms and products."""
    return fn.sqrt(expanded_euclidean(x, centres)).cast(np.result_type(x.dtype, centres.dtype))


# --- features ---------------------------------------------------------------------------------------------------------


def _middle(x: Value, width: int) -> Value:
    """The mean of the middle elements."""
    ordered, _ = fn.topk(x, width)
    return fn.mean(ordered[:, (width - 1) // 2 : width // 2 + 1], 1)


_POOLING: dict[Any, Callable[[Value, int], Value]] = {
    np.max: lambda x, _: fn.max(x, 1),
    np.min: lambda x, _: fn.min(x, 1),
    np.sum: lambda x, _: fn.sum(x, 1),
    np.prod: lambda x, _: fn.prod(x, 1),
    np.median: _middle,
    np.var: lambda x, _: _variance(x),
    np.std: lambda x, _: fn.sqrt(_variance(x)),
    np.ptp: lambda x, _: fn.max(x, 1) - fn.min(x, 1),
}


def _variance(x: Value) -> Value:
    centred = x - fn.mean(x, 1, keepdims=True)
    return fn.mean(centred * centred, 1)


@transform(cluster.FeatureAgglomeration)
def pooled_features(model: Any, x: Value) -> Value:
    """One number for the features of each cluster: their mean, in float64, or what pooling_func takes of them."""
    labels = np.asarray(model.labels_)
    members = labels[:, np.newaxis] == np.unique(labels)
    if model.pooling_func == np.mean:
        return x @ members.astype(np.float64) / members.sum(axis=0)
    pool = _POOLING.get(model.pooling_func)
    if pool is None:
        name = getattr(model.pooling_func, "__name__", repr(model.pooling_func))
        known = ", ".join(f"numpy.{one.__name__}" for one in (np.mean, *_POOLING))
        refuse(model, f"pooling_func={name} has no form in ONNX", f"use one of {known}")
    return fn.stack([pool(x[:, column], int(column.sum())) for column in members.T], 1)
