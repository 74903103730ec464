"""Linear models: a product with coefficients, and the link that each puts behind it."""

from __future__ import annotations

from typing import Any

from sklearn import linear_model

from modelport_converters.sklearn_to_onnx import functions as fn
from modelport_converters.sklearn_to_onnx.building import Value
from modelport_converters.sklearn_to_onnx.calling import call
from modelport_converters.sklearn_to_onnx.labels import label_of_scores
from modelport_converters.sklearn_to_onnx.registry import decision_function, predict, predict_proba

_CLASSIFIERS = (linear_model.LogisticRegression, linear_model.LogisticRegressionCV)


@decision_function(*_CLASSIFIERS)
def scores(model: Any, x: Value) -> Value:
    """Multiply by the coefficients and add the intercept; one score for two classes."""
    result = x @ model.coef_.T + model.intercept_
    return fn.reshape(result, [-1]) if len(model.classes_) == 2 else result


@predict(*_CLASSIFIERS)
def label(model: Any, x: Value) -> Value:
    """The class of the highest score."""
    return label_of_scores(model.classes_, call(model, "decision_function", x))


@predict_proba(*_CLASSIFIERS)
def probabilities(model: Any, x: Value) -> Value:
    """Softmax of the scores."""
    raw = call(model, "decision_function", x)
    if len(model.classes_) > 2:
        return fn.softmax(raw)
    positive = fn.expit(fn.expand_dims(raw, 1))
    return fn.concatenate([1.0 - positive, positive], 1)
