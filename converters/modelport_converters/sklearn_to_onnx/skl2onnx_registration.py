"""Registration of the formulas with skl2onnx, for estimators that it has no converter for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from skl2onnx import update_registered_converter
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common import data_types
from skl2onnx.common.data_types import guess_tensor_type
from sklearn.base import is_classifier, is_regressor

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import ML_OPSET, Graph, Value
from modelport_converters.onnx_builder.inlining import rename
from modelport_converters.onnx_builder.ml_versions import to_older
from modelport_converters.sklearn_to_onnx.columns import Columns, Features, matrix
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.labels import class_labels
from modelport_converters.sklearn_to_onnx.methods import usual
from modelport_converters.sklearn_to_onnx.registry import classes, refuse


def register() -> None:
    """Register a converter with skl2onnx for every class that has a formula and no converter yet."""
    for kind in classes() - sklearn_operator_name_map.keys():
        alias = f"Modelport{kind.__module__.replace('.', '_')}_{kind.__name__}"
        update_registered_converter(kind, alias, _shapes, _convert, parser=_parser(alias))


def _parser(alias: str) -> Any:
    def parse(scope: Any, model: Any, inputs: Sequence[Any], custom_parsers: Any = None) -> Any:
        operator = scope.declare_local_operator(alias, model)
        operator.inputs.extend(inputs)
        for method in usual(model):
            operator.outputs.append(scope.declare_local_variable(method, _output_type(model, method, inputs[0])))
        return operator.outputs

    return parse


def _shapes(operator: Any) -> None:
    """Leave the outputs as the parser has declared them."""


def _output_type(model: Any, method: str, features: Any) -> Any:
    if method != "predict" or is_regressor(model):
        return guess_tensor_type(features.type)
    texts = is_classifier(model) and class_labels(model.classes_).dtype.kind == "O"
    return data_types.StringTensorType() if texts else data_types.Int64TensorType()


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Write the formulas into skl2onnx's container."""
    graph = Graph(container.target_opset)
    values = [Value(graph, variable.full_name, _dtype(variable)) for variable in operator.inputs]
    features: Features = values[0] if len(values) == 1 else Columns(tuple(values))
    model = operator.raw_operator
    results = [_result(model, method, features) for method in usual(model)]
    names = {variable.full_name: variable.full_name for variable in operator.inputs}
    for result, output in zip(results, operator.outputs, strict=True):
        given = graph.op("Identity", result.cast(_dtype(output)))
        names[given.name] = output.full_name
    _hand_over(graph, names, scope.get_unique_operator_name("modelport"), container)


def _result(model: Any, method: str, features: Features) -> Value:
    """Return what a method gives in the shape that skl2onnx expects: numbers as columns, one matrix."""
    result = call(model, method, features)
    if isinstance(result, list):
        refuse(model, f"{method} gives a list of matrices", "convert it with modelport itself")
    if method == "predict" and is_regressor(model):
        return fn.as_columns(result)
    return matrix(result)


def _hand_over(graph: Graph, names: dict[str, str], prefix: str, container: Any) -> None:
    to_older(graph)
    for tensor in graph.initializers:
        names[tensor.name] = tensor.name = f"{prefix}_{tensor.name}"
        container.initializers.append(tensor)
    for node in graph.nodes:
        rename(node, names, prefix)
        container.nodes.append(node)
        version = {"": container.target_opset, "ai.onnx.ml": ML_OPSET}.get(node.domain, 1)
        container.node_domain_version_pair_sets.add((node.domain, version))


def _dtype(variable: Any) -> np.dtype[Any]:
    element = variable.type.to_onnx_type().tensor_type.elem_type
    if element == onnx.TensorProto.STRING:
        return np.dtype(object)
    return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(element))
