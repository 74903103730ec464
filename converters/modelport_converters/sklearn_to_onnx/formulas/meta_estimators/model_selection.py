"""Estimators around one estimator: another target, another threshold, or another way to have fitted it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import compose, linear_model, model_selection, semi_supervised

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.registry import formula, predict
from modelport_converters.sklearn_to_onnx.responses import first_method, response

_FIXED = model_selection.FixedThresholdClassifier
_TUNED = model_selection.TunedThresholdClassifierCV
_LEARNING = semi_supervised.SelfTrainingClassifier


def _delegating(method: str, *classes: type) -> None:
    """Register the method of classes that hand it on to the estimator which they have fitted."""

    @formula(method, *classes, columns=True)
    def delegate(model: Any, x: Features) -> Any:
        return call(_fitted(model), method, x)


_delegating("predict", linear_model.RANSACRegressor, _LEARNING)
for _method in ("predict_proba", "decision_function"):
    _delegating(_method, _FIXED, _TUNED, _LEARNING)


def _fitted(model: Any) -> Any:
    """Return the estimator that was fitted; one that came fitted is kept under its own name."""
    return getattr(model, "estimator_", None) or model.estimator


@predict(_FIXED, columns=True)
def above_fixed(model: Any, x: Features) -> Value:
    """The class that is meant, where its score reaches the threshold."""
    threshold = model.threshold
    if threshold == "auto":
        method = first_method(_fitted(model), _methods(model))
        threshold = 0.5 if method == "predict_proba" else 0.0
    return _above(model, x, threshold, model.pos_label)


@predict(_TUNED, columns=True)
def above_tuned(model: Any, x: Features) -> Value:
    """The class that is meant, where its score reaches the best threshold found."""
    return _above(model, x, model.best_threshold_, model._curve_scorer._get_pos_label())


def _above(model: Any, x: Features, threshold: float, positive: Any) -> Value:
    scores = response(_fitted(model), x, _methods(model), positive)
    labels = np.asarray(model.classes_)
    if positive is not None and positive == labels[0]:
        labels = labels[::-1]
    return label_at(labels, (scores >= threshold).cast("int64"))


def _methods(model: Any) -> list[str]:
    chosen = model._get_response_method()
    return [chosen] if isinstance(chosen, str) else list(chosen)


@predict(compose.TransformedTargetRegressor, columns=True)
def transformed_back(model: Any, x: Features) -> Value:
    """What the regressor predicts, back in the unit of the target."""
    result: Value = call(model.transformer_, "inverse_transform", fn.as_columns(call(model.regressor_, "predict", x)))
    return fn.ravel(result) if model._training_dim == 1 else result
