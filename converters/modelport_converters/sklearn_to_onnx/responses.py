"""Response values that meta-estimators ask of the estimator they hold, as sklearn.utils._response has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import is_classifier, is_regressor

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.labels import label_at


def first_method(model: Any, methods: Sequence[str]) -> str:
    """Return the first of the methods that the fitted estimator has."""
    return next(method for method in methods if hasattr(model, method))


def response(model: Any, features: Features, methods: Sequence[str], positive: Any = None) -> Value:
    """Return scores [N] for two classes, [N, k] for more: sklearn.utils._response._get_response_values.

    Arguments:
        methods: in the order of preference.
        positive: the class, of two, that the scores are for; the second unless given.
    """
    method = first_method(model, methods)
    answer = _called(model, method, features)
    if not is_classifier(model) or len(model.classes_) != 2 or method == "predict":
        return answer
    first = positive is not None and positive == model.classes_[0]
    if method == "decision_function":
        return -answer if first else answer
    return answer[:, 0 if first else 1]


def likeliest(model: Any, features: Features) -> Value:
    """The class of the largest probability, the first of equal ones: predict of most classifiers with predict_proba."""
    return label_at(model.classes_, fn.argmax(call(model, "predict_proba", features), 1))


def binary_score(model: Any, features: Features) -> Value:
    """Return one score a row: of a regressor its prediction, else how much it is for the second class.

    sklearn.multiclass._predict_binary; the binary Gaussian processes do not say that they classify.
    """
    if is_regressor(model):
        return fn.ravel(call(model, "predict", features))
    if hasattr(model, "decision_function"):
        return fn.ravel(call(model, "decision_function", features))
    return call(model, "predict_proba", features)[:, 1]


def _called(model: Any, method: str, features: Features) -> Value:
    if method == "predict_log_proba":
        return fn.log(call(model, "predict_proba", features))
    return call(model, method, features)
