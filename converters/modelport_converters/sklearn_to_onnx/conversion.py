"""Conversion of a fitted estimator to an ONNX model: its inputs, its outputs and the errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from modelport.errors import CannotConvert, UnsupportedOps
from modelport.signature import TensorSpec
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import (
    LARGEST_OPSET,
    SMALLEST_OPSET,
    Graph,
    Value,
    element_type,
    innermost,
)
from modelport_converters.onnx_builder.model import build_model, tensor_info
from modelport_converters.sklearn_to_onnx import dispatch, registry
from modelport_converters.sklearn_to_onnx.columns import DROPPED, Columns, Features, Mixed, matrix
from modelport_converters.sklearn_to_onnx.labels import class_labels
from modelport_converters.sklearn_to_onnx.methods import METHODS

_REGISTER = (
    "register a converter with skl2onnx.update_registered_converter(YourClass, alias, shape_fct, convert_fct) before "
    "converting (docs/writing_a_plugin.md shows how a plugin does it), or replace the step by one of docs/coverage.md"
)


def convert(
    estimator: Any,
    inputs: Sequence[TensorSpec],
    outputs: Mapping[str, TensorSpec],
    opset: int,
    *,
    table: Sequence[str] | None = None,
) -> onnx.ModelProto:
    """Convert a fitted estimator, which is left as it is.

    Args:
        inputs: one matrix [N, width], or the columns of a table, each [N, 1].
        outputs: in this order, by the method that gives each; their kind is "tensor", "sequence" (a list of tensors) or
            "sequence_of_maps" (ZipMap).
        opset: of the default domain, kept within what the formulas write.
        table: the names of all columns that the estimator was fitted on, in order; those without an input it must not use.

    Raises:
        UnsupportedOps: for estimators without a converter, each with its place in the pipeline.
        CannotConvert: for what an estimator is set to do and ONNX cannot express.
    """
    graph = Graph(max(SMALLEST_OPSET, min(opset, LARGEST_OPSET)))
    try:
        results = _results(estimator, _features(graph, inputs, table), outputs)
    except dispatch.Missing as error:
        raise _unsupported(estimator, error) from error
    except registry.Refusal as error:
        raise CannotConvert(
            f"{type(error.model).__name__}: {error.reason}", where=_place(estimator, error.model), remedy=error.remedy
        ) from error
    for result, spec in zip(results, outputs.values(), strict=True):
        _name_output(graph, result, spec)
    given = [tensor_info(spec.name, spec.dtype, spec.shape) for spec in inputs]
    return build_model(graph, type(estimator).__name__, given, [_info(spec, estimator) for spec in outputs.values()])


def _features(graph: Graph, inputs: Sequence[TensorSpec], table: Sequence[str] | None) -> Features:
    values = {spec.name: graph.input(spec.name, spec.dtype) for spec in inputs}
    if table is None:
        (matrix_of_all,) = values.values()
        return matrix_of_all
    return Columns(tuple(values.get(name) or graph.input(DROPPED + name, "float32") for name in table))


def _results(estimator: Any, features: Features, outputs: Mapping[str, TensorSpec]) -> list[Value]:
    results = [
        _finished(estimator, dispatch.call(estimator, method, features), spec) for method, spec in outputs.items()
    ]
    used = {name for node in features.graph.nodes for name in node.input}
    dropped = sorted(name.removeprefix(DROPPED) for name in used if name.startswith(DROPPED))
    if dropped:
        registry.refuse(estimator, f"it uses the column {dropped[0]!r}, which is no input", "report this as a bug")
    return results


def walk(estimator: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every estimator inside pipelines, unions, column transformers and searches, with its path."""
    yield path or type(estimator).__name__, estimator
    for name, inner in _children(estimator):
        if not isinstance(inner, str) and inner is not None:
            yield from walk(inner, f"{path}.{name}" if path else name)


def _children(estimator: Any) -> Iterator[tuple[str, Any]]:
    for attribute in ("steps", "transformers_", "transformer_list"):
        for entry in getattr(estimator, attribute, None) or ():
            yield entry[0], entry[1]
    for attribute in ("best_estimator_", "estimator_", "final_estimator_", "regressor_", "transformer_"):
        if hasattr(estimator, attribute):
            yield attribute, getattr(estimator, attribute)
    if hasattr(estimator, "named_estimators_"):
        yield from estimator.named_estimators_.items()
    elif isinstance(getattr(estimator, "estimators_", None), list):
        yield from ((f"estimators_[{place}]", one) for place, one in enumerate(estimator.estimators_))


def _place(estimator: Any, model: Any) -> str:
    return next((path for path, step in walk(estimator) if step is model), type(estimator).__name__)


def _dtype(name: str) -> Any:
    return object if name == "string" else name


def _finished(estimator: Any, result: Any, spec: TensorSpec) -> Value:
    """Return the result in the kind, dtype and rank that are declared."""
    dtype = _dtype(spec.dtype)
    if spec.kind == "sequence":
        parts = [one.cast(dtype) for one in result]
        return innermost(*parts).op("SequenceConstruct", *parts)
    value = _stacked(result, spec) if isinstance(result, list) else _as_matrix(estimator, result)
    if spec.kind == "sequence_of_maps":
        labels = class_labels(estimator.classes_)
        name, listed = ("strings", list(labels)) if labels.dtype.kind == "O" else ("int64s", labels.tolist())
        return value.graph.op("ZipMap", value.cast("float32"), domain="ai.onnx.ml", **{f"classlabels_{name}": listed})
    value = value.cast(dtype)
    return fn.as_columns(value) if spec.shape is not None and len(spec.shape) == 2 else value


def _name_output(graph: Graph, result: Value, spec: TensorSpec) -> None:
    if spec.kind == "tensor":
        graph.output(spec.name, result)
    else:  # Identity knows no maps, and sequences only since opset 14
        maker = next(node for node in graph.nodes if result.name in node.output)
        maker.output[0] = spec.name


def _as_matrix(estimator: Any, result: Features) -> Value:
    try:
        return matrix(result)
    except Mixed as error:
        registry.refuse(
            estimator, f"its result holds {error}", "encode the texts, or give them an estimator of their own"
        )


def _stacked(results: Sequence[Value], spec: TensorSpec) -> Value:
    """Return matrices above one another, the narrower ones filled up with zeros to the declared width."""
    assert spec.shape is not None
    zeros, widest = np.zeros(3, np.int64), int(spec.shape[-1])
    padded = []
    for one in results:
        missing = widest - fn.size(one, 1)
        padded.append(one.graph.op("Pad", one, fn.concatenate([one.graph.constant(zeros), missing], 0)))
    return fn.stack(padded, 0)


def _info(spec: TensorSpec, estimator: Any) -> onnx.ValueInfoProto:
    if spec.kind == "sequence":
        return helper.make_tensor_sequence_value_info(spec.name, element_type(spec.dtype), None)
    if spec.kind == "sequence_of_maps":
        key = element_type(class_labels(estimator.classes_).dtype)
        maps = helper.make_map_type_proto(key, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
        return helper.make_value_info(spec.name, helper.make_sequence_type_proto(maps))
    return tensor_info(spec.name, spec.dtype, spec.shape)


def _unsupported(estimator: Any, error: dispatch.Missing) -> UnsupportedOps:
    """Name every estimator that nothing serves, not the first alone."""
    missing = [
        f"{type(step).__module__}.{type(step).__qualname__} (at {path}): no formula and no converter of skl2onnx"
        for path, step in walk(estimator)
        if hasattr(step, "fit") and not any(dispatch.serves(step, method) for method in METHODS)
    ]
    if not missing:
        model = error.model
        missing = [
            f"{type(model).__module__}.{type(model).__qualname__}.{error.method} (at {_place(estimator, model)})"
        ]
    return UnsupportedOps(missing, where=type(estimator).__name__, remedy=_REGISTER)
