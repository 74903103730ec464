"""VotingClassifier and VotingRegressor."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
from sklearn import ensemble

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.registry import (
    predict,
    predict_proba,
    transform,
)
from modelport_converters.sklearn_to_onnx.responses import likeliest


def _weighted(model: Any, parts: list[Value]) -> Value:
    """numpy.average over the estimators: the sum of the products divided by the sum of the weights."""
    weights = model._weights_not_none
    given = np.ones(len(parts)) if weights is None else np.asarray(weights, np.float64)
    total = reduce(add, [part.cast("float64") * float(weight) for part, weight in zip(parts, given, strict=True)])
    return total / float(given.sum())


def _answers(model: Any, method: str, x: Features) -> list[Value]:
    return [call(one, method, x) for one in model.estimators_]


@predict_proba(ensemble.VotingClassifier, columns=True)
def shares_of_all(model: Any, x: Features) -> Value:
    """The weighted mean of the probabilities."""
    return _weighted(model, _answers(model, "predict_proba", x))


@predict(ensemble.VotingClassifier, columns=True)
def vote(model: Any, x: Features) -> Value:
    """The class of the largest mean probability, or of the most votes; the first of equal ones."""
    if model.voting == "soft":
        return likeliest(model, x)
    weights = model._weights_not_none or [1] * len(model.estimators_)
    ballots = [fn.one_hot(one, len(model.classes_)) for one in _answers(model, "predict", x)]
    votes = reduce(add, [ballot * float(weight) for ballot, weight in zip(ballots, weights, strict=True)])
    return label_at(model.classes_, fn.argmax(votes, 1))


@transform(ensemble.VotingClassifier, columns=True)
def ballots_cast(model: Any, x: Features) -> Value:
    """The probabilities side by side, or the votes."""
    if model.voting == "hard":
        return fn.stack(_answers(model, "predict", x), 1)
    parts = _answers(model, "predict_proba", x)
    return fn.concatenate(parts, 1) if model.flatten_transform else fn.stack(parts, 0)


@predict(ensemble.VotingRegressor, columns=True)
def mean_of_all(model: Any, x: Features) -> Value:
    """The weighted mean of the predictions."""
    return _weighted(model, _answers(model, "predict", x))


@transform(ensemble.VotingRegressor, columns=True)
def predictions_of_all(model: Any, x: Features) -> Value:
    """The predictions side by side."""
    return fn.stack(_answers(model, "predict", x), 1)
