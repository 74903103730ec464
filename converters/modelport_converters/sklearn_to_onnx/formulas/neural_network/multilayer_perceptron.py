"""MLPClassifier and MLPRegressor."""

from __future__ import annotations

from typing import Any

from sklearn import neural_network

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.registry import formula, predict, predict_proba

_FORWARD = "_forward_pass_fast"
_ACTIVATIONS = {
    "identity": lambda x: x,
    "exp": fn.exp,
    "logistic": fn.expit,
    "relu": lambda x: x.graph.op("Relu", x),
    "softmax": fn.softmax,
    "tanh": fn.tanh,
}


@formula(_FORWARD, neural_network.MLPClassifier, neural_network.MLPRegressor)
def layers(model: Any, x: Value) -> Value:
    """Each layer a linear map and an activation."""
    result = x
    last = len(model.coefs_) - 1
    for place, (weights, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        activation = model.out_activation_ if place == last else model.activation
        result = _ACTIVATIONS[activation](result @ weights + bias)
    return result


@predict(neural_network.MLPRegressor)
def value(model: Any, x: Value) -> Value:
    """What the last layer gives."""
    result: Value = call(model, _FORWARD, x)
    return fn.ravel(result) if model.n_outputs_ == 1 else result


@predict(neural_network.MLPClassifier)
def label(model: Any, x: Value) -> Value:
    """The class of the largest output; of single outputs whether each is above one half."""
    outputs = call(model, _FORWARD, x)
    kind = model._label_binarizer.y_type_
    if kind == "multiclass":
        return label_at(model.classes_, fn.argmax(outputs, 1))
    above = (outputs > 0.5).cast("int64")
    return above if kind == "multilabel-indicator" else label_at(model.classes_, fn.ravel(above))


@predict_proba(neural_network.MLPClassifier)
def probabilities(model: Any, x: Value) -> Value:
    """What the last layer gives; of one output both its complement and itself."""
    outputs: Value = call(model, _FORWARD, x)
    return fn.concatenate([1.0 - outputs, outputs], 1) if model.n_outputs_ == 1 else outputs
