"""Projections on learnt components."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import decomposition

from modelport_converters.sklearn_to_onnx.building import Value
from modelport_converters.sklearn_to_onnx.registry import transform


@transform(decomposition.PCA, decomposition.IncrementalPCA)
def principal_components(model: Any, x: Value) -> Value:
    """Project what is off the mean, each component divided by its deviation when whitened."""
    result: Value = x @ model.components_.T - model.mean_.reshape(1, -1) @ model.components_.T
    if not model.whiten:
        return result
    smallest = np.finfo(model.explained_variance_.dtype).eps
    whitened: Value = result / np.maximum(np.sqrt(model.explained_variance_), smallest)  # sklearn.decomposition._base
    return whitened
