"""Estimators that vote, stack, average or boost other estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import ensemble
from sklearn.base import is_classifier

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features, beside, selected
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.labels import class_labels, label_at
from modelport_converters.sklearn_to_onnx.registry import (
    decision_function,
    predict,
    predict_proba,
    refuse,
    transform,
)

# --- voting ------------------------------------------------------------------------------------------------------------


def _weighted(model: Any, parts: list[Value]) -> Value:
    """numpy.average over the estimators: the sum of the products divided by the sum of the weights."""
    weights = model._weights_not_none
    given = np.ones(len(parts)) if weights is None else np.asarray(weights, np.float64)
    total = _added([part.cast("float64") * float(weight) for part, weight in zip(parts, given, strict=True)])
    return total / float(given.sum())


def _added(parts: list[Value]) -> Value:
    result = parts[0]
    for part in parts[1:]:
        result = result + part
    return result


def _answers(model: Any, method: str, x: Features) -> list[Value]:
    return [call(one, method, x) for one in model.estimators_]


@predict_proba(ensemble.VotingClassifier, columns=True)
def shares_of_all(model: Any, x: Features) -> Value:
    """The weighted mean of the probabilities."""
    return _weighted(model, _answers(model, "predict_proba", x))


@predict(ensemble.VotingClassifier, columns=True)
def vote(model: Any, x: Features) -> Value:
    """The class of the largest mean probability, or of the most votes; the first of equal ones."""
    if model.voting == "soft":
        return label_at(model.classes_, fn.argmax(call(model, "predict_proba", x), 1))
    weights = model._weights_not_none or [1] * len(model.estimators_)
    ballots = [fn.one_hot(one, len(model.classes_)) for one in _answers(model, "predict", x)]
    votes = _added([ballot * float(weight) for ballot, weight in zip(ballots, weights, strict=True)])
    return label_at(model.classes_, fn.argmax(votes, 1))


@transform(ensemble.VotingClassifier, columns=True)
def ballots_cast(model: Any, x: Features) -> Value:
    """The probabilities side by side, or the votes."""
    if model.voting == "hard":
        return fn.stack(_answers(model, "predict", x), 1)
    parts = _answers(model, "predict_proba", x)
    return fn.concatenate(parts, 1) if model.flatten_transform else fn.stack(parts, 0)


@predict(ensemble.VotingRegressor, columns=True)
def mean_of_all(model: Any, x: Features) -> Value:
    """The weighted mean of the predictions."""
    return _weighted(model, _answers(model, "predict", x))


@transform(ensemble.VotingRegressor, columns=True)
def predictions_of_all(model: Any, x: Features) -> Value:
    """The predictions side by side."""
    return fn.stack(_answers(model, "predict", x), 1)


# --- stacking ----------------------------------------------------------------------------------------------------------

_STACKS = (ensemble.StackingClassifier, ensemble.StackingRegressor)


@transform(*_STACKS, columns=True)
def answers_beside(model: Any, x: Features) -> Features:
    """The answers of the estimators side by side, one probability of two classes left out; behind them the features."""
    binary = is_classifier(model) and len(model.classes_) == 2
    methods = [method for method in model.stack_method_ if method is not None]
    parts: list[Features] = []
    for one, method in zip(model.estimators_, methods, strict=True):
        answer = call(one, method, x)
        if isinstance(answer, list):
            parts += [part[:, 1:] for part in answer]
        elif method == "predict_proba" or (method == "decision_function" and not _one_score(one)):
            parts.append(answer[:, 1:] if method == "predict_proba" and binary else answer)
        else:
            parts.append(fn.reshape(answer, [-1, 1]))
    return beside([*parts, x] if model.passthrough else parts)


def _one_score(model: Any) -> bool:
    return len(getattr(model, "classes_", ())) <= 2


@predict(ensemble.StackingRegressor, columns=True)
def stacked(model: Any, x: Features) -> Value:
    """The last estimator's prediction from the others' answers."""
    return call(model.final_estimator_, "predict", call(model, "transform", x))


@predict(ensemble.StackingClassifier, columns=True)
def stacked_label(model: Any, x: Features) -> Value:
    """The class that the last estimator predicts by its number."""
    number = call(model.final_estimator_, "predict", call(model, "transform", x))
    if not isinstance(model._label_encoder, list):
        return label_at(model.classes_, number)
    return fn.stack([label_at(classes, number[:, at]) for at, classes in enumerate(model.classes_)], 1)


@predict_proba(ensemble.StackingClassifier, columns=True)
def stacked_shares(model: Any, x: Features) -> Any:
    """The last estimator's probabilities."""
    found = call(model.final_estimator_, "predict_proba", call(model, "transform", x))
    return fn.stack([one[:, 0] for one in found], 1) if isinstance(found, list) else found


@decision_function(ensemble.StackingClassifier, columns=True)
def stacked_scores(model: Any, x: Features) -> Any:
    """The last estimator's scores."""
    return call(model.final_estimator_, "decision_function", call(model, "transform", x))


# --- bagging -----------------------------------------------------------------------------------------------------------


def _bagged(model: Any, method: str, x: Value) -> list[Value]:
    """What each estimator answers for its own choice of features; the choice of all is no choice."""
    pairs = zip(model.estimators_, model.estimators_features_, strict=True)
    everything = np.arange(model.n_features_in_)
    return [
        call(one, method, x if np.array_equal(features, everything) else selected(x, features))
        for one, features in pairs
    ]


@predict_proba(ensemble.BaggingClassifier)
def bagged_shares(model: Any, x: Value) -> Value:
    """The mean of the probabilities, or of the votes of estimators without; a class that one has not seen counts 0."""
    count = int(model.n_classes_)
    if not hasattr(model.estimators_[0], "predict_proba"):
        return _added([fn.one_hot(one, count) for one in _bagged(model, "predict", x)]) / float(len(model.estimators_))
    parts = [
        part.cast("float64") if len(one.classes_) == count else part @ np.eye(count)[np.asarray(one.classes_, np.int64)]
        for one, part in zip(model.estimators_, _bagged(model, "predict_proba", x), strict=True)
    ]
    return _added(parts) / float(len(parts))


@predict(ensemble.BaggingClassifier)
def bagged_label(model: Any, x: Value) -> Value:
    """The class of the largest mean probability."""
    return label_at(model.classes_, fn.argmax(call(model, "predict_proba", x), 1))


@decision_function(ensemble.BaggingClassifier)
def bagged_scores(model: Any, x: Value) -> Value:
    """The mean of the scores."""
    return _added(_bagged(model, "decision_function", x)) / float(len(model.estimators_))


@predict(ensemble.BaggingRegressor)
def bagged_mean(model: Any, x: Value) -> Value:
    """The mean of the predictions."""
    return _added(_bagged(model, "predict", x)) / float(len(model.estimators_))


# --- AdaBoost ----------------------------------------------------------------------------------------------------------


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
    scores = _added(parts) / float(model.estimator_weights_.sum())
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
