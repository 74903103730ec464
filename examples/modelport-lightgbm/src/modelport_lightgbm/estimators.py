"""LightGBM's estimators inside scikit-learn's pipelines: their methods as formulas, on the same translation as by themselves."""

from __future__ import annotations

from typing import Any

import lightgbm
from modelport_converters.sklearn_to_onnx import inlining, registry
from modelport_converters.sklearn_to_onnx.building import Value

import modelport_lightgbm
from modelport import Signature, TensorSpec
from modelport_lightgbm import trees


def register() -> None:
    """Register the formulas; once or more often."""
    registry.predict(lightgbm.LGBMClassifier)(_label)
    registry.predict_proba(lightgbm.LGBMClassifier)(_probabilities)
    registry.predict(lightgbm.LGBMRegressor)(_prediction)


def _label(model: Any, x: Value) -> Value:
    return _translated(model, x)[0]


def _probabilities(model: Any, x: Value) -> Value:
    return _translated(model, x)[1]


def _prediction(model: Any, x: Value) -> Value:
    return _translated(model, x)[0]


def _translated(model: Any, x: Value) -> list[Value]:
    """Return the outputs of the translation for these features, taken into their graph once."""
    features = x if x.dtype.kind == "f" else x.cast("float64")
    key = (id(model), "modelport_lightgbm", x.name)
    if key not in x.graph.memo:
        booster = modelport_lightgbm.booster(model)
        matrix = TensorSpec("X", features.dtype.name, ("N", booster.num_feature()))
        signature = Signature((matrix,), modelport_lightgbm.outputs(model, matrix.dtype), {})
        classes = list(model.classes_) if modelport_lightgbm.is_classifier(model) else None
        translated = trees.to_onnx(booster.dump_model(), signature, x.graph.opset, classes)
        x.graph.memo[key] = inlining.taken_in(features, translated)
    result: list[Value] = x.graph.memo[key]
    return result
