"""Pipeline and FeatureUnion, and what ColumnTransformer shares with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sklearn import pipeline

from modelport_converters.sklearn_to_onnx.columns import Columns, Features, beside, width
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.methods import METHODS
from modelport_converters.sklearn_to_onnx.registry import (
    formula,
    refuse,
    transform,
)


def _piping(method: str) -> None:
    """Register a method of pipelines: every step transforms, the last one answers."""

    @formula(method, pipeline.Pipeline, columns=True)
    def through(model: Any, x: Features) -> Any:
        *earlier, (_, last) = model.steps
        for _, step in earlier:
            x = transformed(step, x)
        return transformed(last, x) if method == "transform" else call(last, method, x)


for _method in METHODS:
    _piping(_method)


def transformed(step: Any, x: Features) -> Any:
    """Return the features transformed by a step; "passthrough" leaves them as they are."""
    return x if step is None or step == "passthrough" else call(step, "transform", x)


@transform(pipeline.FeatureUnion, columns=True)
def union(model: Any, x: Features) -> Features:
    """Every part's columns side by side, each multiplied by its weight."""
    steps = [(name, step) for name, step in model.transformer_list if step != "drop"]
    parts = [multiplied(model, name, transformed(step, x)) for name, step in steps]
    return side_by_side(model, parts, lambda: [_width(step, x) for _, step in steps])


def _width(step: Any, x: Features) -> int:
    return width(x, step) if isinstance(step, str) or step is None else len(step.get_feature_names_out())


def multiplied(model: Any, name: str, part: Any) -> Any:
    """Return the result of a named step times its weight of `transformer_weights`; refuses texts."""
    weight = (model.transformer_weights or {}).get(name)
    if weight is not None and (isinstance(part, Columns) or part.dtype.kind == "O"):
        refuse(model, f"transformer_weights multiplies the texts of {name!r}", "give weights to numbers alone")
    return part if weight is None else part * float(weight)


def side_by_side(model: Any, parts: list[Any], widths: Callable[[], Sequence[int]]) -> Features:
    """Return the results of the steps as one matrix or table; `widths` as for `columns.beside`."""
    if not parts:
        refuse(model, "it drops every column", "keep at least one")
    return beside(parts, widths)
