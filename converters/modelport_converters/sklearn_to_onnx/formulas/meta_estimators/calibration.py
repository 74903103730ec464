"""CalibratedClassifierCV: sigmoid, isotonic and temperature scaling."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
from sklearn import calibration

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.registry import predict, predict_proba
from modelport_converters.sklearn_to_onnx.responses import first_method, likeliest, response

_SCORES = ("decision_function", "predict_proba")
_SMALLEST = 1e-12
"""What is added to a probability before its logarithm: sklearn.calibration._convert_to_logits."""


predict(calibration.CalibratedClassifierCV, columns=True)(likeliest)


@predict_proba(calibration.CalibratedClassifierCV, columns=True)
def mean_of_calibrated(model: Any, x: Features) -> Value:
    """The mean over the classifiers of the folds."""
    parts = [_calibrated(one, x).cast("float64") for one in model.calibrated_classifiers_]
    return reduce(add, parts) / len(parts)


def _calibrated(model: Any, x: Features) -> Value:
    scores = response(model.estimator, x, _SCORES)
    result = _tempered(model, scores) if model.method == "temperature" else _by_class(model, scores)
    return fn.where((result > 1.0) & (result <= 1.0 + 1e-5), 1.0, result)


def _by_class(model: Any, scores: Value) -> Value:
    """Calibrate the score of each class by itself, and let the results sum to one."""
    many = len(model.classes)
    if many == 2:
        positive = fn.as_columns(_mapped(model.calibrators[0], fn.ravel(scores)))
        return fn.concatenate([1.0 - positive, positive], 1)
    columns = dict.fromkeys(range(many), fn.as_columns(scores[:, 0] * 0.0))
    positions = np.searchsorted(model.classes, model.estimator.classes_)
    for place, (position, calibrator) in enumerate(zip(positions, model.calibrators, strict=True)):
        columns[int(position)] = fn.as_columns(_mapped(calibrator, scores[:, place]))
    single = fn.concatenate(list(columns.values()), 1)
    nothing = fn.equal(fn.sum(single, 1, keepdims=True), 0.0)
    return fn.where(nothing, 1.0 / many, fn.normalized(single, 1))


def _mapped(calibrator: Any, scores: Value) -> Value:
    """Sigmoid or isotonic."""
    if hasattr(calibrator, "a_"):
        return fn.exact_expit(-(calibrator.a_ * scores + calibrator.b_)).cast("float64")
    result: Value = call(calibrator, "predict", scores)
    return result.cast("float64")


def _tempered(model: Any, scores: Value) -> Value:
    """Softmax of the logits times the inverse temperature."""
    probabilities = first_method(model.estimator, _SCORES) == "predict_proba"
    if len(model.classes) == 2:
        second = fn.as_columns(scores)
        scores = fn.concatenate([1.0 - second if probabilities else -second, second], 1)
    logits = fn.log(scores + _SMALLEST) if probabilities else scores
    return fn.softmax(model.calibrators[0].beta_ * logits)
