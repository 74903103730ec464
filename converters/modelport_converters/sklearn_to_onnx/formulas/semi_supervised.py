"""Formulas of sklearn.semi_supervised."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import delegate
from modelport_converters.sklearn_to_onnx.formulas.metrics import pairwise_kernels as kernels
from modelport_converters.sklearn_to_onnx.formulas.neighbors.search import nearest
from modelport_converters.sklearn_to_onnx.registry import predict, predict_proba
from modelport_converters.sklearn_to_onnx.responses import likeliest

_SPREADING = (LabelPropagation, LabelSpreading)


@predict_proba(*_SPREADING)
def spread(model: Any, x: Value) -> Value:
    """The distributions of the fitted rows, weighted by a kernel or summed over the nearest, then normalised."""
    if model.kernel == "knn":
        found = nearest(model.nn_fit, x, model.n_neighbors)
        sums = fn.sum(fn.take(model.label_distributions_, found.positions), 1)
    else:
        weights = kernels.between(model, model.kernel, x, model.X_, {"gamma": model.gamma})
        sums = weights @ model.label_distributions_
    return sums / fn.sum(sums, 1, keepdims=True)


predict(*_SPREADING)(likeliest)


for _method in ("predict", "predict_proba", "decision_function"):
    delegate(_method, SelfTrainingClassifier, to=attrgetter("estimator_"))
