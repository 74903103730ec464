"""Formulas of sklearn.mixture: log densities from the Cholesky factors of the precisions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma
from sklearn import mixture

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.registry import predict, predict_proba, score_samples

_MIXTURES = (mixture.GaussianMixture, mixture.BayesianGaussianMixture)


@predict(*_MIXTURES)
def component(model: Any, x: Value) -> Value:
    """The component of the highest weighted density."""
    return fn.argmax(_weighted(model, x), 1)


@predict_proba(*_MIXTURES)
def responsibilities(model: Any, x: Value) -> Value:
    """Each component's share of the density."""
    weighted = _weighted(model, x)
    return fn.exp(weighted - fn.logsumexp(weighted, 1, keepdims=True))


@score_samples(*_MIXTURES)
def log_density(model: Any, x: Value) -> Value:
    """The logarithm of the sum of the weighted densities."""
    return fn.logsumexp(_weighted(model, x), 1)


def _weighted(model: Any, x: Value) -> Value:
    """Weighted log densities, a column for each component; computed once for all methods."""

    def compute() -> Value:
        bayesian = isinstance(model, mixture.BayesianGaussianMixture)
        return _log_gaussian(model, x) + (_expected_logarithms(model) if bayesian else np.log(model.weights_))

    return x.graph.memoized((id(model), x.name, "weighted log densities"), compute)


def _log_gaussian(model: Any, x: Value) -> Value:
    """sklearn.mixture._gaussian_mixture._estimate_log_gaussian_prob."""
    width = model.means_.shape[1]
    distances = _DISTANCES[model.covariance_type](model.means_, model.precisions_cholesky_, x)
    return -0.5 * (width * math.log(2.0 * math.pi) + distances) + _log_determinants(model, width)


def _log_determinants(model: Any, width: int) -> Any:
    factors = model.precisions_cholesky_
    if model.covariance_type == "full":
        return np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    if model.covariance_type == "tied":
        return np.log(np.diagonal(factors)).sum()
    return np.log(factors).sum(axis=1) if model.covariance_type == "diag" else width * np.log(factors)


def _full(means: NDArray[Any], factors: NDArray[Any], x: Value) -> Value:
    """Squared distances [N, k], kept in the dtype of the features."""
    columns = []
    for mean, factor in zip(means, factors, strict=True):
        columns.append(fn.squared_norms(x @ factor - mean @ factor))
    return fn.concatenate(columns, 1).cast(x.dtype)


def _tied(means: NDArray[Any], factor: NDArray[Any], x: Value) -> Value:
    return _full(means, np.broadcast_to(factor, (len(means), *factor.shape)), x)


def _diagonal(means: NDArray[Any], factors: NDArray[Any], x: Value) -> Value:
    precisions = factors**2
    return (means**2 * precisions).sum(axis=1) - 2.0 * (x @ (means * precisions).T) + (x * x) @ precisions.T


def _spherical(means: NDArray[Any], factors: NDArray[Any], x: Value) -> Value:
    precisions = factors**2
    products = x @ means.T * precisions
    return (means**2).sum(axis=1) * precisions - 2.0 * products + fn.squared_norms(x) * precisions


_DISTANCES = {"full": _full, "tied": _tied, "diag": _diagonal, "spherical": _spherical}


def _expected_logarithms(model: Any) -> NDArray[Any]:
    """What the variational posterior adds: Bishop, Pattern Recognition and Machine Learning, 10.64 to 10.66.

    The expected logarithms of the weights (of the stick-breaking process or of the Dirichlet distribution) and of the
    precisions' determinants.
    """
    width = model.means_.shape[1]
    freedom = model.degrees_of_freedom_
    halves = 0.5 * (freedom - np.arange(width)[:, np.newaxis])
    determinants = width * np.log(2.0) + digamma(halves).sum(axis=0)
    precisions = -0.5 * width * np.log(freedom) + 0.5 * (determinants - width / model.mean_precision_)
    return precisions + _expected_log_weights(model)


def _expected_log_weights(model: Any) -> Any:
    concentration = model.weight_concentration_
    if model.weight_concentration_prior_type != "dirichlet_process":
        return digamma(concentration) - digamma(np.sum(concentration))
    taken, left = (digamma(one) - digamma(concentration[0] + concentration[1]) for one in concentration)
    return taken + np.concatenate([[0.0], np.cumsum(left)[:-1]])
