"""Formulas of sklearn.gaussian_process: covariance kernels, posterior means and the Laplace approximation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import gammaln
from sklearn import gaussian_process
from sklearn.gaussian_process import _gpc
from sklearn.gaussian_process import kernels as covariances

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.onnx_builder.special import erf
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.formulas.metrics import pairwise_distances
from modelport_converters.sklearn_to_onnx.formulas.metrics import pairwise_kernels as kernels
from modelport_converters.sklearn_to_onnx.formulas.metrics.pairwise_distances import Array
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.registry import formula, predict, predict_proba, refuse

_Covariance = Callable[[Any, Any, Value, Array], Value]
_Variance = Callable[[Any, Any, Value], Value]


def covariance(model: Any, kernel: Any, x: Value, y: Array) -> Value:
    """Return the covariance [N, n] of the rows of x with the fitted ones; both of float64, as SciPy measures distances."""
    return _found(_COVARIANCES, model, kernel)(model, kernel, x, y)


def variance(model: Any, kernel: Any, x: Value) -> Value:
    """Return the variance [N] of each row, or one for all."""
    return _found(_VARIANCES, model, kernel)(model, kernel, x)


def _found(table: dict[type, Any], model: Any, kernel: Any) -> Callable[..., Value]:
    found: list[Callable[..., Value]] = [table[kind] for kind in type(kernel).__mro__ if kind in table]
    if not found:
        reason = f"kernel={type(kernel).__name__} is not one of scikit-learn's"
        refuse(model, reason, "build it of those in sklearn.gaussian_process.kernels")
    return found[0]


def _constant(value: float) -> _Covariance:
    return lambda model, kernel, x, y: fn.repeated(np.full(len(y), value), x)


def _rbf(model: Any, kernel: Any, x: Value, y: Array) -> Value:
    return fn.exp(-0.5 * pairwise_distances.squared_euclidean(x / kernel.length_scale, y / kernel.length_scale))


def _matern(model: Any, kernel: Any, x: Value, y: Array) -> Value:
    """Exponentials times polynomials where nu is a half, 3/2 or 5/2; a Bessel function elsewhere."""
    away = fn.sqrt(pairwise_distances.squared_euclidean(x / kernel.length_scale, y / kernel.length_scale))
    if kernel.nu == 0.5:
        return fn.exp(-away)
    if kernel.nu == np.inf:
        return fn.exp(-(away * away) / 2.0)
    scaled = away * float(np.sqrt(2.0 * kernel.nu))
    if kernel.nu == 1.5:
        return (1.0 + scaled) * fn.exp(-scaled)
    if kernel.nu == 2.5:
        return (1.0 + scaled + scaled * scaled / 3.0) * fn.exp(-scaled)
    return _bessel(kernel.nu, fn.maximum(scaled, np.sqrt(2.0 * kernel.nu) * np.finfo(float).eps))


_STEP = 0.1
"""Between the nodes of the trapezoidal rule, which converges exponentially here."""


def _bessel(nu: float, z: Value) -> Value:
    """2^(1 - nu) / gamma(nu) z^nu K_nu(z), by K_nu(z) = integral of exp(-z cosh t) cosh(nu t) over t > 0 (DLMF 10.32.9).

    The factors are brought together in the exponent, where nothing overflows.
    """
    nodes = np.arange(0.0, 45.0, _STEP)
    heights, growth = np.cosh(nodes), np.logaddexp(nu * nodes, -nu * nodes)
    widths = np.where(nodes == 0.0, _STEP / 2.0, _STEP)
    outside = nu * fn.log(z) + float(-nu * np.log(2.0) - gammaln(nu))

    def add(step: Value, result: Value) -> tuple[None, list[Value]]:
        exponent = fn.take(growth, step) + outside - z * fn.take(heights, step)
        return None, [result + fn.take(widths, step) * fn.exp(exponent)]

    return fn.loop(z.graph, len(nodes), [z * 0.0], add)[0]


def _rational(model: Any, kernel: Any, x: Value, y: Array) -> Value:
    squares = pairwise_distances.squared_euclidean(x, y)
    return (1.0 + squares / (2.0 * kernel.alpha * kernel.length_scale**2)) ** -float(kernel.alpha)


def _periodic(model: Any, kernel: Any, x: Value, y: Array) -> Value:
    away = fn.sqrt(pairwise_distances.squared_euclidean(x, y))
    waves = fn.sin(away * float(np.pi / kernel.periodicity)) / kernel.length_scale
    return fn.exp(-2.0 * (waves * waves))


def _pairwise(model: Any, kernel: Any, x: Value, y: Array) -> Value:
    params = {"gamma": kernel.gamma, **(kernel.pairwise_kernels_kwargs or {})}
    return kernels.between(model, kernel.metric, x, y, params)


_COVARIANCES: dict[type, _Covariance] = {
    covariances.ConstantKernel: lambda model, k, x, y: fn.repeated(np.full(len(y), float(k.constant_value)), x),
    covariances.WhiteKernel: _constant(0.0),
    covariances.RBF: _rbf,
    covariances.Matern: _matern,
    covariances.RationalQuadratic: _rational,
    covariances.ExpSineSquared: _periodic,
    covariances.DotProduct: lambda model, k, x, y: x @ y.T + k.sigma_0**2,
    covariances.PairwiseKernel: _pairwise,
    covariances.Sum: lambda model, k, x, y: covariance(model, k.k1, x, y) + covariance(model, k.k2, x, y),
    covariances.Product: lambda model, k, x, y: covariance(model, k.k1, x, y) * covariance(model, k.k2, x, y),
    covariances.Exponentiation: lambda model, k, x, y: covariance(model, k.kernel, x, y) ** float(k.exponent),
}


def _stationary(model: Any, kernel: Any, x: Value) -> Value:
    return fn.repeated(1.0, x)


def _own_pairs(model: Any, kernel: Any, x: Value) -> Value:
    """The kernel of each row with itself."""
    params = {"gamma": kernel.gamma, **(kernel.pairwise_kernels_kwargs or {})}
    squares = fn.sum(x * x, 1)
    ones = fn.repeated(1.0, x)
    if kernel.metric in ("rbf", "laplacian", "chi2", "cosine"):
        return ones
    if kernel.metric == "linear":
        return squares
    if kernel.metric == "additive_chi2":
        return ones * 0.0
    wide = fn.expand_dims(squares, 1)  # poly and sigmoid are functions of the product alone
    width = float(model.X_train_.shape[1])
    given = {**params, "gamma": params["gamma"] if params["gamma"] is not None else 1.0 / width}
    return fn.squeeze(kernels.between(model, kernel.metric, wide, np.ones((1, 1)), given), 1)


_VARIANCES: dict[type, _Variance] = {
    covariances.ConstantKernel: lambda model, k, x: fn.repeated(float(k.constant_value), x),
    covariances.WhiteKernel: lambda model, k, x: fn.repeated(float(k.noise_level), x),
    covariances.StationaryKernelMixin: _stationary,
    covariances.DotProduct: lambda model, k, x: fn.sum(x * x, 1) + k.sigma_0**2,
    covariances.PairwiseKernel: _own_pairs,
    covariances.Sum: lambda model, k, x: variance(model, k.k1, x) + variance(model, k.k2, x),
    covariances.Product: lambda model, k, x: variance(model, k.k1, x) * variance(model, k.k2, x),
    covariances.Exponentiation: lambda model, k, x: variance(model, k.kernel, x) ** float(k.exponent),
}


@predict(gaussian_process.GaussianProcessRegressor)
def mean(model: Any, x: Value) -> Value:
    """The covariance with the fitted rows times their weights, in the units of the targets; 0 when nothing is fitted."""
    if not hasattr(model, "X_train_"):
        targets = model.n_targets or 1
        return fn.repeated(0.0 if targets == 1 else np.zeros(targets), x)
    weights = model.alpha_ * model._y_train_std
    shared = covariance(model, model.kernel_, x.cast("float64"), np.asarray(model.X_train_, np.float64))
    result: Value = shared @ weights + model._y_train_mean
    return fn.squeeze(result, 1) if model.alpha_.ndim > 1 and model.alpha_.shape[1] == 1 else result


_BINARY = _gpc._BinaryGaussianProcessClassifierLaplace


def _latent(model: Any, x: Value) -> tuple[Value, Value]:
    """Return the covariance with the fitted rows, and the latent mean [N]."""

    def compute() -> tuple[Value, Value]:
        shared = covariance(model, model.kernel_, x.cast("float64"), np.asarray(model.X_train_, np.float64))
        return shared, shared @ (model.y_train_ - model.pi_)

    return x.graph.memoized(("latent", id(model), x.name), compute)


@predict(_BINARY)
def more_likely(model: Any, x: Value) -> Value:
    """The second class where the latent mean is positive."""
    return label_at(model.classes_, (_latent(model, x)[1] > 0.0).cast("int64"))


@predict_proba(_BINARY)
def integrated(model: Any, x: Value) -> Value:
    """The logistic function, as a sum of five error functions, integrated over the latent Gaussian (Williams and Barber 1998)."""
    shared, latent_mean = _latent(model, x)
    solved = np.linalg.solve(model.L_, np.diag(model.W_sr_))
    latent_variance = variance(model, model.kernel_, x.cast("float64")) - fn.sum(fn.square(shared @ solved.T), 1)
    alpha = fn.expand_dims(1.0 / (2.0 * latent_variance), 1)
    scales, weights = _gpc.LAMBDAS[:, 0], _gpc.COEFS[:, 0]
    inside = fn.expand_dims(latent_mean, 1) * scales * fn.sqrt(alpha / (alpha + scales**2))
    widths = 2.0 * fn.sqrt(fn.expand_dims(latent_variance, 1) * (2.0 * np.pi))
    integrals = fn.sqrt(np.pi / alpha) * erf(inside) / widths
    positive = fn.sum(integrals * weights, 1, keepdims=True) + 0.5 * float(weights.sum())
    return fn.concatenate([1.0 - positive, positive], 1)


def _delegating(method: str) -> None:
    @formula(method, gaussian_process.GaussianProcessClassifier)
    def delegate(model: Any, x: Value) -> Any:
        if method == "predict_proba" and model.n_classes_ > 2 and model.multi_class == "one_vs_one":
            refuse(
                model,
                "multi_class='one_vs_one' has no probabilities in scikit-learn either",
                "choose multi_class='one_vs_rest', or leave predict_proba out of the outputs",
            )
        return call(model.base_estimator_, method, x)


for _method in ("predict", "predict_proba"):
    _delegating(_method)
