"""BaggingClassifier and BaggingRegressor."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
from sklearn import ensemble

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import selected
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.registry import (
    decision_function,
    predict,
    predict_proba,
)
from modelport_converters.sklearn_to_onnx.responses import likeliest


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
        return reduce(add, [fn.one_hot(one, count) for one in _bagged(model, "predict", x)]) / float(
            len(model.estimators_)
        )
    parts = [
        part.cast("float64") if len(one.classes_) == count else part @ np.eye(count)[np.asarray(one.classes_, np.int64)]
        for one, part in zip(model.estimators_, _bagged(model, "predict_proba", x), strict=True)
    ]
    return reduce(add, parts) / float(len(parts))


predict(ensemble.BaggingClassifier)(likeliest)


@decision_function(ensemble.BaggingClassifier)
def bagged_scores(model: Any, x: Value) -> Value:
    """The mean of the scores."""
    return reduce(add, _bagged(model, "decision_function", x)) / float(len(model.estimators_))


@predict(ensemble.BaggingRegressor)
def bagged_mean(model: Any, x: Value) -> Value:
    """The mean of the predictions."""
    return reduce(add, _bagged(model, "predict", x)) / float(len(model.estimators_))
