"""One-vs-rest, one-vs-one and output-code classifiers."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from sklearn import multiclass
from sklearn.base import is_classifier
from sklearn.multiclass import _ConstantPredictor

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features, any_input
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.registry import decision_function, predict, predict_proba
from modelport_converters.sklearn_to_onnx.responses import binary_score

_EACH_AGAINST_REST = multiclass.OneVsRestClassifier
_EACH_AGAINST_EACH = multiclass.OneVsOneClassifier


@predict(_EACH_AGAINST_REST, columns=True)
def best_of_all(model: Any, x: Features) -> Value:
    """The class whose classifier is the surest; of several labels, or two classes, each that it is sure enough of."""
    scores = fn.stack([binary_score(one, x) for one in model.estimators_], 1)
    if model.label_binarizer_.y_type_ == "multiclass":
        return label_at(model.classes_, fn.argmax(scores, 1))
    above = (scores > _threshold(model.estimators_[0])).cast("int64")
    return above if model.multilabel_ else label_at(model.classes_, fn.ravel(above))


@predict_proba(_EACH_AGAINST_REST, columns=True)
def shares(model: Any, x: Features) -> Value:
    """The probability that each classifier gives, divided by their sum unless there may be several labels."""
    result = fn.stack([call(one, "predict_proba", x)[:, 1] for one in model.estimators_], 1)
    if len(model.estimators_) == 1:
        result = fn.concatenate([1.0 - result, result], 1)
    return result if model.multilabel_ else fn.normalized(result, 1)


@decision_function(_EACH_AGAINST_REST, columns=True)
def all_scores(model: Any, x: Features) -> Value:
    """The score of every classifier."""
    scores = [fn.ravel(call(one, "decision_function", x)) for one in model.estimators_]
    return scores[0] if len(scores) == 1 else fn.stack(scores, 1)


@decision_function(_EACH_AGAINST_EACH)
def votes(model: Any, x: Value) -> Value:
    """Votes, with the sum of confidences between -1/3 and 1/3 to settle ties: sklearn.utils.multiclass."""
    given = [x if chosen is None else x[:, chosen] for chosen in model.pairwise_indices_ or [None] * _pairs(model)]
    sides = list(zip(model.estimators_, given, strict=True))
    won = fn.stack([fn.ravel(call(one, "predict", of)) for one, of in sides], 1)
    confidences = fn.stack([binary_score(one, of) for one, of in sides], 1)
    first, second = (np.eye(model.n_classes_)[list(side)] for side in zip(*_all_pairs(model), strict=True))
    total = confidences @ (second - first)
    count = fn.equal(won, 0).cast("float64") @ first + fn.equal(won, 1).cast("float64") @ second
    result = count + total / (3.0 * (fn.absolute(total) + 1.0))
    return result[:, 1] if model.n_classes_ == 2 else result


@predict(_EACH_AGAINST_EACH)
def most_votes(model: Any, x: Value) -> Value:
    """The class with the most votes."""
    result = call(model, "decision_function", x)
    if model.n_classes_ == 2:
        return label_at(model.classes_, (result > _threshold(model.estimators_[0])).cast("int64"))
    return label_at(model.classes_, fn.argmax(result, 1))


@predict(multiclass.OutputCodeClassifier, columns=True)
def nearest_code(model: Any, x: Features) -> Value:
    """The class whose code is nearest to the scores."""
    scores = fn.stack([binary_score(one, x).cast("float64") for one in model.estimators_], 1)
    codes = np.asarray(model.code_book_, float)
    return label_at(model.classes_, fn.argmin(scores @ (-2.0 * codes.T) + (codes**2).sum(axis=1), 1))


@predict(_ConstantPredictor, columns=True)
@decision_function(_ConstantPredictor, columns=True)
def only(model: Any, x: Features) -> Value:
    """The only label that there was."""
    return fn.repeated(np.ravel(model.y_)[0], any_input(x))


@predict_proba(_ConstantPredictor, columns=True)
def certainty(model: Any, x: Features) -> Value:
    """All for the only label that there was."""
    return fn.repeated(np.eye(2)[int(np.ravel(model.y_)[0])], any_input(x))


def _threshold(model: Any) -> float:
    """Above which score, or probability, a classifier is for the second class."""
    return 0.0 if hasattr(model, "decision_function") and is_classifier(model) else 0.5


def _pairs(model: Any) -> int:
    return len(model.estimators_)


def _all_pairs(model: Any) -> list[tuple[int, int]]:
    return list(combinations(range(model.n_classes_), 2))
