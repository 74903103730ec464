"""Grid and random searches, and threshold classifiers."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
from sklearn import model_selection
from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV, HalvingRandomSearchCV

from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features
from modelport_converters.sklearn_to_onnx.dispatch import delegate
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.methods import METHODS
from modelport_converters.sklearn_to_onnx.registry import (
    predict,
)
from modelport_converters.sklearn_to_onnx.responses import first_method, response

_SEARCHES = (
    model_selection.GridSearchCV,
    model_selection.RandomizedSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
)
_FIXED = model_selection.FixedThresholdClassifier
_TUNED = model_selection.TunedThresholdClassifierCV


def _fitted(model: Any) -> Any:
    """Return the estimator that was fitted; one that came fitted is kept under its own name."""
    return getattr(model, "estimator_", None) or model.estimator


for _method in METHODS:
    delegate(_method, *_SEARCHES, to=attrgetter("best_estimator_"))
for _method in ("predict_proba", "decision_function"):
    delegate(_method, _FIXED, _TUNED, to=_fitted)


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
