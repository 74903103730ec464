"""Pipelines, unions, tables by column, and searches: what hands its rows to other estimators."""

from __future__ import annotations

from typing import Any

from sklearn import compose, frozen, model_selection, pipeline

from modelport_converters.sklearn_to_onnx.calling import call
from modelport_converters.sklearn_to_onnx.columns import Features, beside, selected
from modelport_converters.sklearn_to_onnx.methods import METHODS
from modelport_converters.sklearn_to_onnx.registry import formula, refuse, transform

_SEARCHES = (
    model_selection.GridSearchCV,
    model_selection.RandomizedSearchCV,
)


def _delegating(method: str, attribute: str, *classes: type) -> None:
    """Register the method of classes that hand it on to the estimator which they hold."""

    @formula(method, *classes, columns=True)
    def delegate(model: Any, x: Features) -> Any:
        return call(getattr(model, attribute), method, x)


def _piping(method: str) -> None:
    """Register a method of pipelines: every step transforms, the last one answers."""

    @formula(method, pipeline.Pipeline, columns=True)
    def through(model: Any, x: Features) -> Any:
        *earlier, (_, last) = model.steps
        for _, step in earlier:
            x = _transformed(step, x)
        return _transformed(last, x) if method == "transform" else call(last, method, x)


for _method in METHODS:
    _delegating(_method, "best_estimator_", *_SEARCHES)
    _delegating(_method, "estimator", frozen.FrozenEstimator)
    _piping(_method)


def _transformed(step: Any, x: Features) -> Any:
    return x if step is None or step == "passthrough" else call(step, "transform", x)


@transform(pipeline.FeatureUnion, columns=True)
def union(model: Any, x: Features) -> Features:
    """Every part's columns side by side, each multiplied by its weight."""
    weights = model.transformer_weights or {}
    parts = []
    for name, step in model.transformer_list:
        if step != "drop":
            part = _transformed(step, x)
            parts.append(part * float(weights[name]) if name in weights else part)
    return _beside(model, parts)


@transform(compose.ColumnTransformer, columns=True)
def columns(model: Any, x: Features) -> Features:
    """Each step on its columns, the results side by side."""
    weights = model.transformer_weights or {}
    parts = []
    for name, step, _ in model.transformers_:
        positions = model._transformer_to_input_indices[name]
        if not (isinstance(step, str) and step == "drop") and len(positions):
            part = _transformed(step, selected(x, positions))
            parts.append(part * float(weights[name]) if name in weights else part)
    return _beside(model, parts)


def _beside(model: Any, parts: list[Any]) -> Features:
    if not parts:
        refuse(model, "it drops every column", "keep at least one")
    try:
        return beside(parts)
    except ValueError as error:
        refuse(model, f"its result holds {error}", "encode the texts in a step of it")
