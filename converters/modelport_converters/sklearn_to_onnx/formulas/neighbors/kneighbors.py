"""Classifiers, regressors and transformers over k nearest neighbors or a radius."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import neighbors

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.formulas.neighbors.search import nearest, radius_of, to_all
from modelport_converters.sklearn_to_onnx.labels import class_labels, label_at
from modelport_converters.sklearn_to_onnx.registry import predict, predict_proba, refuse, transform


def weights_of(model: Any, distances: Value, near: Value | None = None) -> Value | None:
    """Return the weights of neighbors, None where all count the same.

    By distance they are its inverse; where any distance of a row is 0, only those count.

    Arguments:
        near: which of all fitted rows are neighbors; None when all given are.
    """
    if model.weights in (None, "uniform"):
        return None
    if callable(model.weights):
        refuse(model, "weights is a function of your own", "choose weights='uniform' or 'distance'")
    same = fn.equal(distances, 0.0)
    if near is not None:
        same = same & near
    inverse = 1.0 / fn.where(same, 1.0, distances)
    return fn.where(fn.any(same, 1, keepdims=True), same.cast("float64"), inverse)


def _targets(model: Any) -> tuple[list[Any], list[Any], bool]:
    """Return of each output the numbers of the fitted rows' classes, and the classes; and whether there are several."""
    several = bool(model.outputs_2d_)
    numbers = model._y if several else model._y.reshape(-1, 1)
    return list(numbers.T), list(model.classes_) if several else [model.classes_], several


@predict_proba(neighbors.KNeighborsClassifier)
def votes(model: Any, x: Value) -> Any:
    """Each class by the share of the neighbors' weights that is its own."""
    found = nearest(model, x, model.n_neighbors)
    weights = weights_of(model, found.distances)
    numbers, classes, several = _targets(model)
    results = []
    for of_rows, labels in zip(numbers, classes, strict=True):
        own = fn.one_hot(fn.take(of_rows, found.positions), len(labels))
        given = fn.sum(own if weights is None else own * fn.expand_dims(weights, 2), 1)
        results.append(given / fn.sum(given, 1, keepdims=True))
    return results if several else results[0]


@predict(neighbors.KNeighborsClassifier)
def voted(model: Any, x: Value) -> Value:
    """The class with the most votes, the first of several."""
    shares = call(model, "predict_proba", x)
    if not model.outputs_2d_:
        return label_at(model.classes_, fn.argmax(shares, 1))
    each = zip(model.classes_, shares, strict=True)
    return fn.stack([label_at(classes, fn.argmax(share, 1)) for classes, share in each], 1)


@predict(neighbors.KNeighborsRegressor)
def mean_of_nearest(model: Any, x: Value) -> Value:
    """The mean of the neighbors' targets, weighted."""
    found = nearest(model, x, model.n_neighbors)
    weights = weights_of(model, found.distances)
    targets = np.asarray(model._y, np.float64).reshape(model.n_samples_fit_, -1)
    of_near = fn.take(targets, found.positions)
    if weights is None:
        result = fn.mean(of_near, 1)
    else:
        result = fn.sum(of_near * fn.expand_dims(weights, 2), 1) / fn.sum(weights, 1, keepdims=True)
    return result if np.ndim(model._y) > 1 else fn.squeeze(result, 1)


@transform(neighbors.KNeighborsTransformer)
def graph_of_nearest(model: Any, x: Value) -> Value:
    """A row over all fitted ones: the distance (or 1) at the neighbors, 0 elsewhere."""
    by_distance = model.mode == "distance"
    found = nearest(model, x, model.n_neighbors + by_distance)
    zeros = fn.repeated(np.zeros(model.n_samples_fit_), x)
    values = found.distances.cast("float64")
    return x.graph.op("ScatterElements", zeros, found.positions, values if by_distance else values * 0.0 + 1.0, axis=1)


def _within(model: Any, x: Value) -> tuple[Value, Value]:
    """Return which fitted rows lie within the radius of each row, and how far all are: [N, n]."""
    reduced, distances = to_all(model, x)
    return reduced <= radius_of(model, model.radius), distances


@transform(neighbors.RadiusNeighborsTransformer)
def graph_within(model: Any, x: Value) -> Value:
    """A row over all fitted ones: the distance (or 1) at those within the radius, 0 elsewhere."""
    near, distances = _within(model, x)
    return fn.where(near, distances, 0.0) if model.mode == "distance" else near.cast("float64")


def _weights_within(model: Any, x: Value) -> Value:
    """Return the weight of every fitted row for each row [N, n], 0 outside the radius."""
    near, distances = _within(model, x)
    weights = weights_of(model, distances, near)
    return near.cast("float64") if weights is None else fn.where(near, weights, 0.0)


@predict(neighbors.RadiusNeighborsRegressor)
def mean_within(model: Any, x: Value) -> Value:
    """The weighted mean of the targets within the radius; NaN where there is none."""
    weights = _weights_within(model, x)
    targets = np.asarray(model._y, np.float64).reshape(model.n_samples_fit_, -1)
    result = weights @ targets / fn.sum(weights, 1, keepdims=True)
    return result if np.ndim(model._y) > 1 else fn.squeeze(result, 1)


@predict_proba(neighbors.RadiusNeighborsClassifier)
def votes_within(model: Any, x: Value) -> Any:
    """Votes within the radius; without a neighbor the outlier label has them all, or no class when it is none of them.

    Where scikit-learn raises, as no outlier label is given, a row without neighbors has the probabilities NaN.
    """
    weights = _weights_within(model, x)
    numbers, classes, several = _targets(model)
    results = []
    for output, (of_rows, labels) in enumerate(zip(numbers, classes, strict=True)):
        given = weights @ np.eye(len(labels))[of_rows]
        sums = fn.sum(given, 1, keepdims=True)
        outlier = np.full((1, len(labels)), np.nan)
        if model.outlier_label_ is not None:
            outlier = np.asarray(labels == model.outlier_label_[output], np.float64)[None]
        none = fn.equal(sums, 0.0)
        results.append(fn.where(none, outlier, given / fn.where(none, 1.0, sums)))
    return results if several else results[0]


@predict(neighbors.RadiusNeighborsClassifier)
def voted_within(model: Any, x: Value) -> Value:
    """The class with the most votes; the outlier label where no class has any."""
    shares = call(model, "predict_proba", x)
    _, classes, several = _targets(model)
    results = []
    for output, (share, labels) in enumerate(zip(shares if several else [shares], classes, strict=True)):
        label = label_at(labels, fn.argmax(share, 1))
        if model.outlier_label_ is not None:
            outlier = class_labels(np.asarray([model.outlier_label_[output]], np.asarray(labels).dtype))
            none = fn.all(fn.equal(share, 0.0), 1)
            label = fn.where(none, x.graph.constant(outlier), label)
        results.append(label)
    return fn.stack(results, 1) if several else results[0]


@transform(neighbors.NeighborhoodComponentsAnalysis)
def components(model: Any, x: Value) -> Value:
    """Project on the learnt components."""
    return x @ model.components_.T
