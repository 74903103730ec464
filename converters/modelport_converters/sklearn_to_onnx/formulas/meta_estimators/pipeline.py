"""Pipelines, unions, tables by column, and searches: what hands its rows to other estimators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sklearn import compose, frozen, model_selection, pipeline
from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV, HalvingRandomSearchCV

from modelport_converters.sklearn_to_onnx.columns import Columns, Features, beside, selected, width
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.methods import METHODS
from modelport_converters.sklearn_to_onnx.registry import formula, refuse, transform

_SEARCHES = (
    model_selection.GridSearchCV,
    model_selection.RandomizedSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
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
    steps = [(name, step) for name, step in model.transformer_list if step != "drop"]
    parts = [_multiplied(model, name, _transformed(step, x)) for name, step in steps]
    return _beside(model, parts, lambda: [_width(step, x) for _, step in steps])


def _width(step: Any, x: Features) -> int:
    return width(x, step) if isinstance(step, str) or step is None else len(step.get_feature_names_out())


@transform(compose.ColumnTransformer, columns=True)
def columns(model: Any, x: Features) -> Features:
    """Each step on its columns, the results side by side."""
    names, parts = [], []
    for name, step, _ in model.transformers_:
        positions = model._transformer_to_input_indices[name]
        if not (isinstance(step, str) and step == "drop") and len(positions):
            names.append(name)
            parts.append(_multiplied(model, name, _transformed(step, selected(x, positions))))
    given = model.output_indices_
    return _beside(model, parts, lambda: [given[name].stop - given[name].start for name in names])


def _multiplied(model: Any, name: str, part: Any) -> Any:
    weight = (model.transformer_weights or {}).get(name)
    if weight is not None and (isinstance(part, Columns) or part.dtype.kind == "O"):
        refuse(model, f"transformer_weights multiplies the texts of {name!r}", "give weights to numbers alone")
    return part if weight is None else part * float(weight)


def _beside(model: Any, parts: list[Any], widths: Callable[[], Sequence[int]]) -> Features:
    if not parts:
        refuse(model, "it drops every column", "keep at least one")
    return beside(parts, widths)
