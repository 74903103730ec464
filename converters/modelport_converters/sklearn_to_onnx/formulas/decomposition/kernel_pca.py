"""KernelPCA."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import decomposition

from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.formulas.metrics import pairwise_kernels as kernels
from modelport_converters.sklearn_to_onnx.registry import (
    transform,
)


@transform(decomposition.KernelPCA)
def kernel_components(model: Any, x: Value) -> Value:
    """The centred kernel on its eigenvectors, each over the root of its eigenvalue."""
    params = {"gamma": model.gamma_, "degree": model.degree, "coef0": model.coef0}
    kernel = kernels.between(model, model.kernel, x, model.X_fit_, params)
    kept = model.eigenvalues_ != 0
    scaled = np.zeros_like(model.eigenvectors_)
    scaled[:, kept] = model.eigenvectors_[:, kept] / np.sqrt(model.eigenvalues_[kept])
    return call(model._centerer, "transform", kernel) @ scaled
