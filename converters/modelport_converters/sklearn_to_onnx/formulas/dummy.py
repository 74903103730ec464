"""Formulas of sklearn.dummy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import dummy

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features, any_input
from modelport_converters.sklearn_to_onnx.labels import class_labels
from modelport_converters.sklearn_to_onnx.registry import predict, predict_proba, refuse

Array = NDArray[Any]


@predict(dummy.DummyRegressor, columns=True)
def constant(model: Any, x: Features) -> Value:
    """The same numbers for every row."""
    row = np.ravel(model.constant_)
    return fn.repeated(row if model.n_outputs_ > 1 else row[0], any_input(x))


@predict(dummy.DummyClassifier, columns=True)
def constant_label(model: Any, x: Features) -> Value:
    """The same label for every row, or labels."""
    if model._strategy == "constant":
        labels = np.ravel(model.constant)
    else:
        if model._strategy in ("stratified", "uniform") and max(map(len, _listed(model.classes_))) > 1:
            _refuse_chance(model)
        likeliest = [int(np.argmax(prior)) for prior in _listed(model.class_prior_)]
        # where the targets were sparse, scikit-learn answers with the number of the class, not with the class
        numbers = model.sparse_output_
        labels = np.array(
            likeliest if numbers else [of[at] for of, at in zip(_listed(model.classes_), likeliest, strict=True)]
        )
    row = class_labels(labels)
    return fn.repeated(row if model.n_outputs_ > 1 else row[0], any_input(x))


@predict_proba(dummy.DummyClassifier, columns=True)
def constant_probabilities(model: Any, x: Features) -> Any:
    """The same probabilities for every row; a list of them for several labels."""
    given = _listed(model.constant) if model._strategy == "constant" else [None] * model.n_outputs_
    parts = zip(_listed(model.classes_), _listed(model.class_prior_), np.ravel(np.asarray(given, object)), strict=True)
    rows = [fn.repeated(_probabilities(model, *part), any_input(x)) for part in parts]
    return rows if model.n_outputs_ > 1 else rows[0]


def _probabilities(model: Any, classes: Array, prior: Array, given: Any) -> Array:
    strategy = model._strategy
    if strategy == "stratified" and len(classes) > 1:
        _refuse_chance(model)
    if strategy == "most_frequent":
        return np.asarray(np.eye(len(classes))[np.argmax(prior)])
    if strategy == "uniform":
        return np.full(len(classes), 1.0 / len(classes))
    return (classes == given).astype(float) if strategy == "constant" else np.asarray(prior, float)


def _listed(of_outputs: Any) -> list[Any]:
    """Return what is there for each output as a list, for one output too."""
    return of_outputs if isinstance(of_outputs, list) else [of_outputs]


def _refuse_chance(model: Any) -> None:
    refuse(model, f"strategy={model._strategy!r} draws its answers at random", "choose strategy='prior'")
