"""AdaBoostClassifier and AdaBoostRegressor."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
from sklearn import ensemble

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.labels import class_labels, label_at
from modelport_converters.sklearn_to_onnx.registry import (
    decision_function,
    predict,
    predict_proba,
    refuse,
)


@decision_function(ensemble.AdaBoostClassifier)
def boosted_scores(model: Any, x: Value) -> Value:
    """The weight of an estimator for the class that it predicts, and a part of it against the others (SAMME)."""
    count = int(model.n_classes_)
    if count == 1:
        refuse(model, "it was fitted on one class", "fit it on two or more")
    labels = class_labels(model.classes_)
    parts = []
    for one, weight in zip(model.estimators_, model.estimator_weights_, strict=False):
        chosen = _chosen(call(one, "predict", x), labels)
        parts.append(fn.where(chosen, float(weight), -1.0 / (count - 1) * float(weight)))
    scores = reduce(add, parts) / float(model.estimator_weights_.sum())
    return fn.sum(scores * np.array([-1.0, 1.0]), 1) if count == 2 else scores


def _chosen(label: Value, labels: Any) -> Value:
    """Whether a row's label is each of the labels, [N, k]; Equal takes texts since opset 19 only."""
    if labels.dtype.kind != "O":
        return fn.equal(fn.expand_dims(label, 1), labels)
    numbers = list(range(len(labels)))
    place = label.graph.op(
        "LabelEncoder", label, domain="ai.onnx.ml", dtype="int64", keys_strings=list(labels), values_int64s=numbers
    )
    return fn.equal(fn.expand_dims(place, 1), np.array(numbers))


@predict(ensemble.AdaBoostClassifier)
def boosted_label(model: Any, x: Value) -> Value:
    """The class of the highest score."""
    scores = call(model, "decision_function", x)
    positions = (scores > 0.0).cast("int64") if model.n_classes_ == 2 else fn.argmax(scores, 1)
    return label_at(model.classes_, positions)


@predict_proba(ensemble.AdaBoostClassifier)
def boosted_shares(model: Any, x: Value) -> Value:
    """Softmax of the scores over the number of other classes (Zhu et al., Multi-class AdaBoost, 2009, eq. 15)."""
    scores = call(model, "decision_function", x)
    if model.n_classes_ == 2:
        return fn.softmax(fn.stack([-scores, scores], 1) / 2.0)
    return fn.softmax(scores / float(model.n_classes_ - 1))


@predict(ensemble.AdaBoostRegressor)
def median(model: Any, x: Value) -> Value:
    """The weighted median of the predictions: where the weights in their order reach half."""
    predictions = fn.stack([call(one, "predict", x).cast("float64") for one in model.estimators_], 1)
    ordered, places = fn.topk(predictions, len(model.estimators_), smallest_first=True)
    running = fn.cumsum(fn.take(model.estimator_weights_[: len(model.estimators_)], places), 1)
    reached = running >= 0.5 * running[:, -1:]
    return fn.squeeze(fn.take_along_axis(ordered, fn.expand_dims(fn.argmax(reached, 1), 1), 1), 1)
