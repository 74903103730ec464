"""Pairwise kernels between rows and the fitted rows: sklearn.metrics.pairwise.pairwise_kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.metrics import pairwise

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.formulas.metrics import pairwise_distances
from modelport_converters.sklearn_to_onnx.formulas.metrics.pairwise_distances import Array
from modelport_converters.sklearn_to_onnx.registry import refuse

Params = Mapping[str, Any]


def _gamma(y: Array, params: Params) -> float:
    gamma = params.get("gamma")
    return 1.0 / y.shape[1] if gamma is None else float(gamma)


def _scaled_product(x: Value, y: Array, params: Params) -> Value:
    """Return gamma x.y + coef0; gamma in the constant, as ONNX Runtime keeps a product's scale in float32 only."""
    return x @ (y * _gamma(y, params)).T + float(params.get("coef0", 1))


def _poly(x: Value, y: Array, params: Params) -> Value:
    return _scaled_product(x, y, params) ** float(params.get("degree", 3))


def _rbf(x: Value, y: Array, params: Params) -> Value:
    squares = pairwise_distances.centred_euclidean(x, y)
    return fn.exp(squares.cast(np.result_type(x.dtype, y.dtype)) * -_gamma(y, params))


def _laplacian(x: Value, y: Array, params: Params) -> Value:
    return fn.exp(-_gamma(y, params) * pairwise_distances.pairwise("manhattan", x, y, {}))


def _additive_chi2(x: Value, y: Array, params: Params) -> Value:
    """Minus the sum of (x - y)^2 / (x + y)."""

    def term(a: Value, b: Any) -> Value:
        both = a + b
        off: Value = a - b
        return off * off / fn.where(fn.equal(both, 0.0), 1.0, both)

    return -pairwise_distances.over_features(x, [y], term)[0]


def _chi2(x: Value, y: Array, params: Params) -> Value:
    gamma = params.get("gamma")
    return fn.exp(_additive_chi2(x, y, params) * (1.0 if gamma is None else float(gamma)))


_KERNELS: dict[str, Callable[[Value, Array, Params], Value]] = {
    "linear": lambda x, y, params: x @ y.T,
    "poly": _poly,
    "polynomial": _poly,
    "rbf": _rbf,
    "sigmoid": lambda x, y, params: fn.tanh(_scaled_product(x, y, params)),
    "laplacian": _laplacian,
    "chi2": _chi2,
    "additive_chi2": _additive_chi2,
    "cosine": lambda x, y, params: pairwise_distances.cosine_similarity(x, y),
    "precomputed": lambda x, y, params: x,
}


def name_of(model: Any, kernel: Any) -> str:
    """Return the name of a kernel, which may be one of scikit-learn's functions; refuses any other function."""
    if isinstance(kernel, str):
        return kernel
    named = [name for name, function in pairwise.PAIRWISE_KERNEL_FUNCTIONS.items() if function is kernel]
    if not named:
        name = getattr(kernel, "__name__", type(kernel).__name__)
        refuse(model, f"kernel={name} is a function of your own", "choose one of scikit-learn's kernels by its name")
    return str(named[0])


def between(model: Any, kernel: Any, x: Value, y: Any, params: Params) -> Value:
    """Return the kernel [N, n] between the rows of x and y, which are those of an estimator.

    Arguments:
        params: gamma, degree and coef0, as far as the estimator sets them; the kernel's own defaults otherwise.
    """
    rows = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
    floats = rows if rows.dtype.kind == "f" else rows.astype(np.float64)
    wide = x if x.dtype.kind == "f" else x.cast("float64")
    return _KERNELS[name_of(model, kernel)](wide, floats, params)
