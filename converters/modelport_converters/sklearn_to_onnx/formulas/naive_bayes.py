"""Formulas of sklearn.naive_bayes: joint log likelihoods, and the posteriors from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import naive_bayes

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.registry import formula, predict, predict_proba

_ALL = (
    naive_bayes.BernoulliNB, naive_bayes.CategoricalNB, naive_bayes.ComplementNB, naive_bayes.GaussianNB,
    naive_bayes.MultinomialNB,
)  # fmt: skip
_JOINT = "predict_joint_log_proba"


@predict(*_ALL)
def label(model: Any, x: Value) -> Value:
    """The likeliest class."""
    return label_at(model.classes_, fn.argmax(call(model, _JOINT, x), 1))


@predict_proba(*_ALL)
def posteriors(model: Any, x: Value) -> Value:
    """Softmax of log p(x, class), rounded on the way as scikit-learn does: which of two sure classes is surer hangs on it."""
    joint = call(model, _JOINT, x)
    return fn.exp(joint - _log_evidence(joint))


def _log_evidence(joint: Value) -> Value:
    """The logarithm of p(x), the largest terms apart from the others: sklearn.utils._array_api._logsumexp."""
    top = fn.max(joint, 1, keepdims=True)
    at_top = fn.equal(joint, top)
    several = fn.sum(at_top, 1, keepdims=True).cast(joint.dtype)
    others = fn.sum(fn.exp(fn.where(at_top, -np.inf, joint) - top), 1, keepdims=True)
    return fn.log1p(others / several) + fn.log(several) + top


@formula(_JOINT, naive_bayes.GaussianNB)
def gaussian(model: Any, x: Value) -> Value:
    """The logarithm of p(class), and the log densities of a normal distribution for each feature."""
    columns = []
    for prior, mean, variance in zip(model.class_prior_, model.theta_, model.var_, strict=True):
        constant = np.log(prior) - 0.5 * np.log(2.0 * np.pi * variance).sum()
        columns.append(constant - 0.5 * fn.sum((x - mean) * (x - mean) / variance, 1, keepdims=True))
    return fn.concatenate(columns, 1)


@formula(_JOINT, naive_bayes.MultinomialNB)
def multinomial(model: Any, x: Value) -> Value:
    """Counts times the log probabilities of their features."""
    return x @ model.feature_log_prob_.T + model.class_log_prior_


@formula(_JOINT, naive_bayes.ComplementNB)
def complement(model: Any, x: Value) -> Value:
    """Counts times the weights that all other classes give; the prior counts only where there is one class."""
    result: Value = x @ model.feature_log_prob_.T
    return result + model.class_log_prior_ if len(model.classes_) == 1 else result


@formula(_JOINT, naive_bayes.BernoulliNB)
def bernoulli(model: Any, x: Value) -> Value:
    """The log probability of each feature where it is present, of its absence where it is not."""
    if model.binarize is not None:
        x = (x > model.binarize).cast(x.dtype if x.dtype.kind == "f" else "int64")
    absent = np.log(1 - np.exp(model.feature_log_prob_))
    return x @ (model.feature_log_prob_ - absent).T + (model.class_log_prior_ + absent.sum(axis=1))


@formula(_JOINT, naive_bayes.CategoricalNB)
def categorical(model: Any, x: Value) -> Value:
    """The log probability of each feature's category, whose number it is."""
    numbers = x.cast("int64")
    result: Any = 0.0
    for position, table in enumerate(model.feature_log_prob_):
        result = fn.take(table.T, numbers[:, position]) + result
    return result + model.class_log_prior_
