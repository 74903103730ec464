"""Dispatch of an estimator's method inside a graph: to its formula, or to skl2onnx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelport_converters.sklearn_to_onnx import registry, skl2onnx_fallback
from modelport_converters.sklearn_to_onnx.columns import Features, Mixed, matrix


class Missing(Exception):
    """Neither a formula nor skl2onnx serves a method of this estimator."""

    def __init__(self, model: Any, method: str) -> None:
        super().__init__(f"{type(model).__name__}.{method}")
        self.model = model
        self.method = method


def serves(model: Any, method: str) -> bool:
    """Whether the method of this very estimator has a formula, or a converter of skl2onnx."""
    return skl2onnx_fallback.serves(model, method) or registry.find(type(model), method) is not None


def call(model: Any, method: str, features: Features) -> Any:
    """Return `getattr(model, method)(features)`; the same call within one graph is computed once.

    Returns:
        a Value; Columns from a transformer that keeps texts beside numbers; a list of Values where scikit-learn returns a list.

    Raises:
        Missing: when nothing serves the method.
        Refusal: when the formula cannot express how the estimator is set.
    """
    memo = features.graph.memo
    key = (id(model), method, features.name)
    if key not in memo:
        memo[key] = (model, _computed(model, method, features))  # a model that is gone could leave its id to another
    return memo[key][1]


def _computed(model: Any, method: str, features: Features) -> Any:
    try:
        return _answer(model, method, features)
    except Mixed as error:
        registry.refuse(model, str(error), "give texts and numbers to different steps of a ColumnTransformer")


def _answer(model: Any, method: str, features: Features) -> Any:
    formula = registry.find(type(model), method)
    if formula and not skl2onnx_fallback.registered(type(model)):
        return formula(model, features if registry.takes_columns(formula) else matrix(features))
    if not skl2onnx_fallback.serves(model, method):
        raise Missing(model, method)
    return skl2onnx_fallback.call(model, method, matrix(features))


def delegate(method: str, *classes: type, to: Callable[[Any], Any]) -> None:
    """Register a method of meta-estimators as that of the estimator that they hold, which `to` returns."""

    @registry.formula(method, *classes, columns=True)
    def delegated(model: Any, features: Features) -> Any:
        return call(to(model), method, features)
