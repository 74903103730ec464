"""PCA, factor analysis, FastICA, TruncatedSVD and sparse PCA: linear projections on components."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn import decomposition
from sklearn.linear_model import ridge_regression
from sklearn.utils.extmath import fast_logdet

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.registry import score_samples, transform


@transform(decomposition.PCA, decomposition.IncrementalPCA)
def principal_components(model: Any, x: Value) -> Value:
    """Project what is off the mean, each component divided by its deviation when whitened."""
    result: Value = x @ model.components_.T - model.mean_.reshape(1, -1) @ model.components_.T
    if not model.whiten:
        return result
    smallest = np.finfo(model.explained_variance_.dtype).eps
    return result / np.maximum(np.sqrt(model.explained_variance_), smallest)  # sklearn.decomposition._base


@score_samples(decomposition.PCA, decomposition.FactorAnalysis)
def log_likelihood(model: Any, x: Value) -> Value:
    """The logarithm of the normal density with the model's mean and precision."""
    precision = model.get_precision()
    centred = x - model.mean_
    distance = fn.sum(centred * (centred @ precision), 1)
    norm = len(precision) * math.log(2.0 * math.pi) - float(fast_logdet(precision))
    return -0.5 * distance - 0.5 * norm


@transform(decomposition.SparsePCA, decomposition.MiniBatchSparsePCA)
def sparse_components(model: Any, x: Value) -> Value:
    """Ridge regression of what is off the mean on the components: linear in it, so that its matrix is known beforehand."""
    components = model.components_
    unit = np.eye(components.shape[1], dtype=components.dtype)
    matrix = ridge_regression(components.T, unit, model.ridge_alpha, solver="cholesky")
    return (x - model.mean_).cast(components.dtype) @ matrix.reshape(len(unit), len(components))


@transform(decomposition.TruncatedSVD)
def singular_vectors(model: Any, x: Value) -> Value:
    """Project on the right singular vectors."""
    return x @ model.components_.T


@transform(decomposition.FastICA)
def independent_components(model: Any, x: Value) -> Value:
    """Unmix what is off the mean, subtracted in place: in the dtype of the features."""
    centred = (x - model.mean_).cast(x.dtype) if model.whiten else x
    return centred @ model.components_.T


@transform(decomposition.FactorAnalysis)
def factors(model: Any, x: Value) -> Value:
    """The expected factors given the features: Barber, Bayesian Reasoning and Machine Learning, 21.2.33."""
    scaled = model.components_ / model.noise_variance_
    covariance = np.linalg.inv(np.eye(len(scaled)) + scaled @ model.components_.T)
    return (x - model.mean_) @ scaled.T @ covariance
