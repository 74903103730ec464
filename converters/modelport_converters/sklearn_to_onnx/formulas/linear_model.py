"""Formulas of sklearn.linear_model: linear predictors and their inverse links."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
from sklearn import discriminant_analysis, linear_model
from sklearn._loss.link import IdentityLink, LogLink
from sklearn.linear_model._base import LinearClassifierMixin, LinearModel

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import call, delegate
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.registry import decision_function, predict, predict_proba, refuse

_REGRESSORS = (
    LinearModel, linear_model.ARDRegression, linear_model.BayesianRidge, linear_model.ElasticNet,
    linear_model.ElasticNetCV, linear_model.HuberRegressor, linear_model.Lars, linear_model.LarsCV,
    linear_model.Lasso, linear_model.LassoCV, linear_model.LassoLars, linear_model.LassoLarsCV,
    linear_model.LassoLarsIC, linear_model.LinearRegression, linear_model.MultiTaskElasticNet,
    linear_model.MultiTaskElasticNetCV, linear_model.MultiTaskLasso, linear_model.MultiTaskLassoCV,
    linear_model.OrthogonalMatchingPursuit, linear_model.OrthogonalMatchingPursuitCV,
    linear_model.PassiveAggressiveRegressor, linear_model.QuantileRegressor, linear_model.Ridge,
    linear_model.RidgeCV, linear_model.SGDRegressor, linear_model.TheilSenRegressor,
)  # fmt: skip
_GENERALIZED = (linear_model.GammaRegressor, linear_model.PoissonRegressor, linear_model.TweedieRegressor)
_CLASSIFIERS = (
    LinearClassifierMixin, discriminant_analysis.LinearDiscriminantAnalysis, linear_model.LogisticRegression,
    linear_model.LogisticRegressionCV, linear_model.PassiveAggressiveClassifier, linear_model.Perceptron,
    linear_model.RidgeClassifier, linear_model.RidgeClassifierCV, linear_model.SGDClassifier,
)  # fmt: skip
_LOGISTIC = (
    linear_model.LogisticRegression,
    linear_model.LogisticRegressionCV,
    discriminant_analysis.LinearDiscriminantAnalysis,
)


@predict(*_REGRESSORS)
def linear(model: Any, x: Value) -> Value:
    """Multiply by the coefficients and add the intercept."""
    return _predicted(model, x, one=np.ndim(model.coef_) == 1)


@predict(*_GENERALIZED)
def generalized(model: Any, x: Value) -> Value:
    """The inverse of the link, over the linear predictor."""
    result = _predicted(model, x, one=True)
    link = model._base_loss.link
    if isinstance(link, LogLink):
        return fn.exp(result)
    if not isinstance(link, IdentityLink):
        refuse(model, f"its link is {type(link).__name__}", "choose link='identity' or link='log'")
    return result


@decision_function(*_CLASSIFIERS)
def scores(model: Any, x: Value) -> Value:
    """Multiply by the coefficients and add the intercept; one score a row for two classes."""
    return _predicted(model, x, one=_single(model))


@predict(*_CLASSIFIERS)
def label(model: Any, x: Value) -> Value:
    """The class of the highest score; of one score the second class where it is positive."""
    raw = call(model, "decision_function", x)
    return label_at(model.classes_, (raw > 0).cast("int64") if _single(model) else fn.argmax(raw, 1))


@predict(linear_model.RidgeClassifier, linear_model.RidgeClassifierCV)
def label_or_labels(model: Any, x: Value) -> Value:
    """The class of the highest score; of several labels each whose score is positive."""
    if model._label_binarizer.y_type_.startswith("multilabel"):
        return (call(model, "decision_function", x) > 0).cast("int64")
    return label(model, x)


def _predicted(model: Any, x: Value, *, one: bool) -> Value:
    """Multiply and add: [N, k], or [N] of one. Always by a matrix: ONNX Runtime multiplies an empty batch by no vector."""
    result: Value = x @ np.atleast_2d(model.coef_).T + model.intercept_
    return fn.ravel(result) if one else result


def _single(model: Any) -> bool:
    """Whether the decision function has one score for both classes."""
    return len(np.atleast_2d(model.coef_)) == 1


@predict_proba(*_LOGISTIC)
def probabilities(model: Any, x: Value) -> Value:
    """Softmax of the scores; of one score the logistic function."""
    raw = call(model, "decision_function", x)
    if len(model.classes_) > 2:
        return fn.softmax(raw)
    return _of_positive(fn.exact_expit(raw))


@predict_proba(linear_model.SGDClassifier)
def of_each_against_the_rest(model: Any, x: Value) -> Value:
    """The probability that each score alone gives, divided by their sum; uniform where all are zero."""
    raw = call(model, "decision_function", x)
    logistic = model.loss == "log_loss"
    single: Value = fn.exact_expit(raw) if logistic else (fn.clip(raw, -1.0, 1.0) + 1.0) / 2.0
    if len(model.classes_) == 2:
        return _of_positive(single)
    nothing = fn.equal(fn.sum(single, 1, keepdims=True), 0.0)
    return fn.normalized(fn.where(nothing, 1.0, single), 1)


def _of_positive(probability: Value) -> Value:
    """The probabilities of both classes, from that of the second [N]."""
    return fn.stack([1.0 - probability, probability], 1)


delegate("predict", linear_model.RANSACRegressor, to=attrgetter("estimator_"))
