"""StackingClassifier and StackingRegressor."""

from __future__ import annotations

from typing import Any

from sklearn import ensemble
from sklearn.base import is_classifier

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features, beside
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.registry import (
    decision_function,
    predict,
    predict_proba,
    transform,
)

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
