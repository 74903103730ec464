"""LightGBM's estimators inside scikit-learn's pipelines: their methods as formulas, on the same translation as by themselves."""

from __future__ import annotations

from typing import Any

import lightgbm
import onnx

import modelport_lightgbm
from modelport import Signature, TensorSpec
from modelport_converters.onnx_builder import Value, inline
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.sklearn_to_onnx import formula
from modelport_lightgbm import trees


def register() -> None:
    """Register the formulas; once or more often."""
    formula("predict", lightgbm.LGBMClassifier)(_label)
    formula("predict_proba", lightgbm.LGBMClassifier)(_probabilities)
    formula("decision_function", lightgbm.LGBMClassifier)(_raw_scores)
    formula("predict", lightgbm.LGBMRegressor)(_prediction)


def _label(model: Any, x: Value) -> Value:
    return _translated(model, x)[0]


def _probabilities(model: Any, x: Value) -> Value:
    return _translated(model, x)[1]


def _prediction(model: Any, x: Value) -> Value:
    return fn.ravel(_translated(model, x)[0])


def _raw_scores(model: Any, x: Value) -> Value:
    """What the trees add up to; one number for two classes."""
    scores = _translated(model, x, raw=True)[0]
    return fn.ravel(scores) if len(model.classes_) == 2 else scores


def _translated(model: Any, x: Value, *, raw: bool = False) -> list[Value]:
    """Return the outputs of the translation for these features, taken into their graph once."""
    key = (id(model), __name__, x.name, raw)

    def compute() -> list[Value]:
        features = fn.floating(x)
        return inline(features, _translation(model, features, raw))

    result: list[Value] = x.graph.memoized(key, compute)
    return result


def _translation(model: Any, features: Value, raw: bool) -> onnx.ModelProto:
    booster = modelport_lightgbm.booster(model)
    labelled = modelport_lightgbm.is_classifier(model) and not raw
    dtype = features.dtype.name
    matrix = TensorSpec("X", dtype, ("N", booster.num_feature()))
    prediction = (TensorSpec("prediction", dtype, ("N", booster.num_model_per_iteration())),)
    outputs = modelport_lightgbm.outputs(model, dtype) if labelled else prediction
    dump = booster.dump_model()
    if raw:
        dump["objective"] = ""
    classes = list(model.classes_) if labelled else None
    return trees.to_onnx(dump, Signature((matrix,), outputs), features.graph.opset, classes)
