"""BernoulliRBM."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import neural_network

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.formulas.neural_network.mersenne_twister import integers
from modelport_converters.sklearn_to_onnx.registry import refuse, score_samples, transform


@transform(neural_network.BernoulliRBM)
def hidden_units(model: Any, x: Value) -> Value:
    """The probability of each hidden unit."""
    return fn.expit(x @ model.components_.T + model.intercept_hidden_)


@score_samples(neural_network.BernoulliRBM)
def pseudo_likelihood(model: Any, x: Value) -> Value:
    """How much less likely each row is with one of its units flipped, which the seed draws."""
    if not isinstance(model.random_state, int | np.integer):
        refuse(model, "score_samples draws other units at every call", "give random_state a number")
    width = model.components_.shape[1]
    flipped = fn.one_hot(integers(x.graph, int(model.random_state), width, fn.size(x)), width, "bool")
    rise = _free_energy(model, fn.where(flipped, 1.0 - x, x)) - _free_energy(model, x)
    return -float(width) * _softplus(-rise)


def _free_energy(model: Any, x: Value) -> Value:
    visible = fn.sum(x * model.intercept_visible_, 1)
    return -visible - fn.sum(_softplus(x @ model.components_.T + model.intercept_hidden_), 1)


def _softplus(x: Value) -> Value:
    """log(1 + exp(x))."""
    return fn.maximum(x, 0.0) + fn.log1p(fn.exp(-fn.absolute(x)))
