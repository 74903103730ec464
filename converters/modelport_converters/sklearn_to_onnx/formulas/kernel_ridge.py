"""Formulas of sklearn.kernel_ridge."""

from __future__ import annotations

from typing import Any

from sklearn import kernel_ridge

from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.formulas.metrics import pairwise_kernels as kernels
from modelport_converters.sklearn_to_onnx.registry import (
    predict,
)


@predict(kernel_ridge.KernelRidge)
def kernel_ridge_regression(model: Any, x: Value) -> Value:
    """The kernel with the fitted rows times the dual coefficients."""
    params = {"gamma": model.gamma, "degree": model.degree, "coef0": model.coef0}
    return kernels.between(model, model.kernel, x, model.X_fit_, params) @ model.dual_coef_
