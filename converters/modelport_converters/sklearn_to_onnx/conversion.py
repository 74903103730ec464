"""Converting a fitted estimator: its inputs, its methods, and what stands in the way of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from modelport.errors import CannotConvert, UnsupportedOps
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder import ml_versions
from modelport_converters.onnx_builder.graph import (
    LARGEST_OPSET,
    SMALLEST_OPSET,
    Graph,
    Value,
    element_type,
    innermost,
)
from modelport_converters.sklearn_to_onnx import dispatch, registry
from modelport_converters.sklearn_to_onnx.columns import DROPPED, Columns, Features, Mixed, matrix
from modelport_converters.sklearn_to_onnx.labels import class_labels
from modelport_converters.sklearn_to_onnx.methods import METHODS

Dims = tuple[int | str, ...] | None
"""A shape: sizes and symbolic names; None for what is no tensor."""

_REGISTER = (
    "register a converter with skl2onnx.update_registered_converter(YourClass, alias, shape_fct, convert_fct) before "
    "converting (docs/writing_a_plugin.md shows how a plugin does it), or replace the step by one of docs/coverage.md"
)


@dataclass(frozen=True)
class Input:
    """One input of the model: a matrix [N, width], or one column of a table [N, 1].

    Args:
        dtype: NumPy's name of it, or "string".
        dims: the shape declared.
    """

    name: str
    dtype: str
    dims: Dims


@dataclass(frozen=True)
class Output:
    """What one method returns.

    Args:
        method: of the estimator.
        dtype: NumPy's name of it, or "string"; of the elements, where it is a sequence.
        dims: the shape declared; None for a sequence.
        kind: "tensor", "sequence" (a list of tensors) or "sequence_of_maps" (ZipMap).
    """

    name: str
    method: str
    dtype: str
    dims: Dims
    kind: str = "tensor"


def convert(
    estimator: Any,
    inputs: Sequence[Input],
    outputs: Sequence[Output],
    opset: int,
    *,
    table: Sequence[str] | None = None,
) -> onnx.ModelProto:
    """Convert a fitted estimator, which is left as it is.

    Args:
        inputs: one matrix, or columns of a table.
        outputs: in this order.
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
    for result, output in zip(results, outputs, strict=True):
        _give(graph, result, output)
    return _model(graph, estimator, inputs, outputs)


def _features(graph: Graph, inputs: Sequence[Input], table: Sequence[str] | None) -> Features:
    values = {given.name: Value(graph, given.name, _dtype(given.dtype)) for given in inputs}
    if table is None:
        (matrix_of_all,) = values.values()
        return matrix_of_all
    return Columns(tuple(values.get(name) or Value(graph, DROPPED + name, "float32") for name in table))


def _results(estimator: Any, features: Features, outputs: Sequence[Output]) -> list[Value]:
    results = [_finished(estimator, dispatch.call(estimator, one.method, features), one) for one in outputs]
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


def _finished(estimator: Any, result: Any, output: Output) -> Value:
    """Return the result in the kind, dtype and rank that are declared."""
    dtype = _dtype(output.dtype)
    if output.kind == "sequence":
        parts = [one.cast(dtype) for one in result]
        return innermost(*parts).op("SequenceConstruct", *parts)
    value = _stacked(result, output.dims) if isinstance(result, list) else _as_matrix(estimator, result)
    if output.kind == "sequence_of_maps":
        labels = class_labels(estimator.classes_)
        name, listed = ("strings", list(labels)) if labels.dtype.kind == "O" else ("int64s", labels.tolist())
        return value.graph.op("ZipMap", value.cast("float32"), domain="ai.onnx.ml", **{f"classlabels_{name}": listed})
    value = value.cast(dtype)
    return fn.as_columns(value) if output.dims is not None and len(output.dims) == 2 else value


def _give(graph: Graph, result: Value, output: Output) -> None:
    if output.kind != "tensor":  # Identity knows no maps, and sequences only since opset 14
        maker = next(node for node in graph.nodes if result.name in node.output)
        maker.output[0] = output.name
        return
    graph.nodes.append(helper.make_node("Identity", [result.name], [output.name], name=f"give_{output.name}"))


def _as_matrix(estimator: Any, result: Features) -> Value:
    try:
        return matrix(result)
    except Mixed as error:
        registry.refuse(
            estimator, f"its result holds {error}", "encode the texts, or give them an estimator of their own"
        )


def _stacked(results: Sequence[Value], dims: Dims) -> Value:
    """Return matrices above one another, the narrower ones filled up with zeros to the declared width."""
    assert dims is not None
    zeros, widest = np.zeros(3, np.int64), int(dims[-1])
    padded = []
    for one in results:
        missing = widest - fn.size(one, 1)
        padded.append(one.graph.op("Pad", one, fn.concatenate([one.graph.constant(zeros), missing], 0)))
    return fn.stack(padded, 0)


def _model(graph: Graph, estimator: Any, inputs: Sequence[Input], outputs: Sequence[Output]) -> onnx.ModelProto:
    given = [helper.make_tensor_value_info(one.name, element_type(_dtype(one.dtype)), one.dims) for one in inputs]
    versions = {"": graph.opset, ml_versions.DOMAIN: ml_versions.settle(graph)}
    domains = {"", *(node.domain for node in graph.nodes)}
    opsets = [helper.make_opsetid(domain, versions.get(domain, 1)) for domain in sorted(domains)]
    made = helper.make_graph(
        graph.nodes, type(estimator).__name__, given, [_info(one, estimator) for one in outputs], graph.initializers
    )
    oldest = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
    return helper.make_model(made, opset_imports=opsets, ir_version=oldest, producer_name="modelport")


def _info(output: Output, estimator: Any) -> onnx.ValueInfoProto:
    element = element_type(_dtype(output.dtype))
    if output.kind == "sequence":
        return helper.make_tensor_sequence_value_info(output.name, element, None)
    if output.kind == "sequence_of_maps":
        key = element_type(class_labels(estimator.classes_).dtype)
        maps = helper.make_map_type_proto(key, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
        return helper.make_value_info(output.name, helper.make_sequence_type_proto(maps))
    return helper.make_tensor_value_info(output.name, element, output.dims)


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
