"""ColumnTransformer and TransformedTargetRegressor."""

from __future__ import annotations

from typing import Any

from sklearn import compose

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features, selected
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.formulas.meta_estimators.pipeline import multiplied, side_by_side, transformed
from modelport_converters.sklearn_to_onnx.registry import (
    predict,
    transform,
)


@transform(compose.ColumnTransformer, columns=True)
def columns(model: Any, x: Features) -> Features:
    """Each step on its columns, the results side by side."""
    names, parts = [], []
    for name, step, _ in model.transformers_:
        positions = model._transformer_to_input_indices[name]
        if not (isinstance(step, str) and step == "drop") and len(positions):
            names.append(name)
            parts.append(multiplied(model, name, transformed(step, selected(x, positions))))
    given = model.output_indices_
    return side_by_side(model, parts, lambda: [given[name].stop - given[name].start for name in names])


@predict(compose.TransformedTargetRegressor, columns=True)
def transformed_back(model: Any, x: Features) -> Value:
    """What the regressor predicts, back in the unit of the target."""
    result: Value = call(model.transformer_, "inverse_transform", fn.as_columns(call(model.regressor_, "predict", x)))
    return fn.ravel(result) if model._training_dim == 1 else result
