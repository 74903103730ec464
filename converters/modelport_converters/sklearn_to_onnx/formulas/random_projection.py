"""Formulas of sklearn.random_projection."""

from __future__ import annotations

from typing import Any

from scipy.sparse import issparse
from sklearn import random_projection

from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.registry import transform


@transform(random_projection.GaussianRandomProjection, random_projection.SparseRandomProjection)
def projected(model: Any, x: Value) -> Value:
    """A product with the components that were drawn."""
    components = model.components_
    return x @ (components.toarray() if issparse(components) else components).T
