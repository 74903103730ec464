"""Formulas of sklearn.svm: libsvm's one-vs-one decisions, votes and Platt scaling, in float64 as libsvm computes."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from sklearn import svm
from sklearn.linear_model import SGDOneClassSVM

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.formulas import linear_model
from modelport_converters.sklearn_to_onnx.formulas.metrics import pairwise_kernels as kernels
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.registry import decision_function, predict, predict_proba, score_samples

_CLASSIFIERS = (svm.SVC, svm.NuSVC)
_REGRESSORS = (svm.SVR, svm.NuSVR)

_LEAST_PROBABILITY = 1e-7
"""Of a class against another: svm.cpp, svm_predict_probability."""


def _kernel(model: Any, x: Value) -> Value:
    """Return the kernel between the rows and the support vectors."""
    name = kernels.name_of(model, model.kernel)
    x = x.cast("float64")
    if name == "precomputed":
        return x[:, model.support_]
    vectors = model.support_vectors_
    if callable(model.kernel):  # the support vectors are rows of a precomputed matrix then
        return kernels.between(model, name, x, np.asarray(model._BaseLibSVM__Xfit)[model.support_], {})
    params = {"gamma": model._gamma, "coef0": model.coef0, "degree": model.degree}
    return kernels.between(model, name, x, vectors, params)


def _sums(model: Any, x: Value, coefficients: Any) -> Value:
    return _kernel(model, x) @ coefficients + model._intercept_


def _pairs(model: Any) -> list[tuple[int, int]]:
    return list(combinations(range(len(model.classes_)), 2))


def _decisions(model: Any, x: Value) -> Value:
    """Return libsvm's decision for each pair of classes, positive for the first of the two: [N, pairs]."""
    key = ("libsvm", id(model), x.name)
    return x.graph.memoized(key, lambda: _sums(model, x, _pairwise_coefficients(model)))


def _pairwise_coefficients(model: Any) -> Any:
    """Return what each support vector counts in each pair: libsvm keeps k - 1 coefficients for each, sorted by class."""
    dual = model._dual_coef_.toarray() if hasattr(model._dual_coef_, "toarray") else model._dual_coef_
    ends = np.cumsum(model._n_support)
    spans = [slice(end - count, end) for end, count in zip(ends, model._n_support, strict=True)]
    result = np.zeros((dual.shape[1], len(_pairs(model))))
    for column, (first, second) in enumerate(_pairs(model)):
        result[spans[first], column] = dual[second - 1, spans[first]]
        result[spans[second], column] = dual[first, spans[second]]
    return result


def _sides(model: Any) -> tuple[Any, Any]:
    """Return the class on either side of each pair, one-hot: [pairs, classes]."""
    every = np.eye(len(model.classes_))
    first, second = zip(*_pairs(model), strict=True)
    return every[list(first)], every[list(second)]


@decision_function(*_CLASSIFIERS)
def scores(model: Any, x: Value) -> Value:
    """One against one as libsvm has it; one against the rest by votes, with confidences to settle ties."""
    decisions = _decisions(model, x)
    if len(model.classes_) == 2:
        return -decisions[:, 0]
    if model.decision_function_shape == "ovo":
        return decisions
    first, second = _sides(model)
    lost = (decisions < 0.0).cast("float64")
    confidence = decisions @ (first - second)
    votes = (1.0 - lost) @ first + lost @ second
    return votes + confidence / (3.0 * (fn.absolute(confidence) + 1.0))  # sklearn.utils.multiclass


@predict(*_CLASSIFIERS)
def label(model: Any, x: Value) -> Value:
    """The class with the most votes, the first of several unless ties are broken by the scores."""
    if model.break_ties and len(model.classes_) > 2:
        return label_at(model.classes_, fn.argmax(call(model, "decision_function", x), 1))
    won = (_decisions(model, x) > 0.0).cast("float64")
    first, second = _sides(model)
    return label_at(model.classes_, fn.argmax(won @ first + (1.0 - won) @ second, 1))


@predict_proba(*_CLASSIFIERS)
def probabilities(model: Any, x: Value) -> Value:
    """Platt's sigmoid of each decision, coupled by the second method of Wu, Lin and Weng (JMLR 5, 2004) as svm.cpp does."""
    sigmoid = fn.expit(-(_decisions(model, x) * model._probA + model._probB))
    for_first = fn.clip(sigmoid, _LEAST_PROBABILITY, 1.0 - _LEAST_PROBABILITY)
    return _coupled(for_first, len(model.classes_))


def _coupled(for_first: Value, classes: int) -> Value:
    """Return the probabilities [N, classes] whose pairs come nearest to those given."""
    rows: list[list[Value | None]] = [[None] * classes for _ in range(classes)]
    squares: list[Value | None] = [None] * classes
    for number, (i, j) in enumerate(combinations(range(classes), 2)):
        own = for_first[:, number]
        other = 1.0 - own
        rows[i][j] = rows[j][i] = -(other * own)
        for one, square in ((i, other * other), (j, own * own)):
            held = squares[one]
            squares[one] = square if held is None else held + square
    matrix = fn.stack([fn.stack([one or square for one in row], 1) for row, square in _with(rows, squares)], 1)
    start = for_first[:, :1] * 0.0 + np.full(classes, 1.0 / classes)

    def improve(_: Value, shares: Value, open_: Value) -> tuple[Value, list[Value]]:
        products = fn.squeeze(matrix @ fn.expand_dims(shares, 2), 2)
        whole = fn.sum(shares * products, 1, keepdims=True)
        error = fn.max(fn.absolute(products - whole), 1, keepdims=True)
        open_ = open_ & (error >= 0.005 / classes)
        return fn.any(open_), [fn.where(open_, _one_round(matrix, shares, products, whole, classes), shares), open_]

    started = fn.equal(start[:, :1], start[:, :1])
    return fn.loop(for_first.graph, max(100, classes), [start, started], improve)[0]


def _with(rows: Any, squares: Any) -> Any:
    return zip(rows, squares, strict=True)


def _one_round(matrix: Value, shares: Value, products: Value, whole: Value, classes: int) -> Value:
    """Better one share after the other."""
    for one in range(classes):
        column = matrix[:, one]
        own, product = column[:, [one]], products[:, [one]]
        change = (whole - product) / own
        grown = 1.0 + change
        whole = (whole + change * (change * own + 2.0 * product)) / grown / grown
        products = (products + change * column) / grown
        shares = (shares + change * np.eye(classes)[one]) / grown
    return shares


@predict(*_REGRESSORS)
def regression(model: Any, x: Value) -> Value:
    """The kernel with the support vectors, weighted."""
    return _sums(model, x, _dual(model))[:, 0]


def _dual(model: Any) -> Any:
    dual = model._dual_coef_
    return (dual.toarray() if hasattr(dual, "toarray") else np.asarray(dual)).T


@decision_function(svm.OneClassSVM)
def outlier_score(model: Any, x: Value) -> Value:
    """Positive inside of what has been learnt."""
    return _sums(model, x, _dual(model))[:, 0]


@score_samples(svm.OneClassSVM, SGDOneClassSVM)
def raw_score(model: Any, x: Value) -> Value:
    """The decision without its offset."""
    return call(model, "decision_function", x) + np.ravel(model.offset_)


@predict(svm.OneClassSVM)
def inside(model: Any, x: Value) -> Value:
    """1 inside, -1 outside."""
    return fn.where(call(model, "decision_function", x) > 0.0, np.int64(1), np.int64(-1))


@decision_function(SGDOneClassSVM)
def linear_outlier_score(model: Any, x: Value) -> Value:
    """The product with the coefficients above the offset."""
    return fn.reshape(x @ model.coef_.T - model.offset_, [-1])


@predict(SGDOneClassSVM)
def linear_inside(model: Any, x: Value) -> Value:
    """1 inside and on the border, -1 outside."""
    return fn.where(call(model, "decision_function", x) >= 0.0, np.int64(1), np.int64(-1))


decision_function(svm.LinearSVC)(linear_model.scores)
predict(svm.LinearSVC)(linear_model.label)
predict(svm.LinearSVR)(linear_model.linear)
