"""Naming, typing and pruning the inputs and outputs of a converted graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
import onnx_ir as ir
from onnx import TensorProto, helper
from onnx_ir.passes.common import RemoveUnusedNodesPass

Dims = tuple[int | str, ...] | None
"""A shape: sizes and symbolic names; None for an unknown rank or what is no tensor."""

_ELEMENTS = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "string": TensorProto.STRING,
}


def name_inputs(proto: onnx.ModelProto, names: Sequence[str]) -> None:
    """Give the inputs their names, in order and in place: skl2onnx leaves letters, digits and underscores alone."""
    for given, name in zip(proto.graph.input, names, strict=True):
        _give_name(proto.graph, given, name)


def name_outputs(proto: onnx.ModelProto, wanted: Sequence[tuple[str, str]], *, binary_scores: bool) -> None:
    """Give the outputs their names and dtypes, in order and in place.

    With `binary_scores`, the last output is the decision score of two classes: skl2onnx gives one column or two, whatever
    it declares, and the last one is scikit-learn's.

    Raises:
        ValueError: when the graph has another number of outputs.
    """
    graph = proto.graph
    if len(graph.output) != len(wanted):
        given = ", ".join(output.name for output in graph.output)
        raise ValueError(f"skl2onnx gives {len(graph.output)} output(s) ({given}) where {len(wanted)} are expected")
    if binary_scores:
        _keep_last_column(graph, graph.output[-1])
    for output, (name, dtype) in zip(graph.output, wanted, strict=True):
        if output.type.HasField("tensor_type") and output.type.tensor_type.elem_type != _ELEMENTS[dtype]:
            _cast(graph, output, _ELEMENTS[dtype])
        _give_name(graph, output, name)


def keep(proto: onnx.ModelProto, inputs: Mapping[str, Dims], outputs: Mapping[str, Dims]) -> onnx.ModelProto:
    """Drop the other inputs and outputs, with the nodes that served them alone, and declare the shapes.

    Raises:
        ValueError: when an input to be dropped is used.
    """
    graph = proto.graph
    used = {name for node in graph.node for name in node.input}
    for given in [given for given in graph.input if given.name not in inputs]:
        if given.name in used:
            raise ValueError(f"the graph uses the column {given.name!r}, which the estimator drops")
        graph.input.remove(given)
    dropped = [given for given in graph.output if given.name not in outputs]
    for given in dropped:
        graph.output.remove(given)
    for given in (*graph.input, *graph.output):
        _declare(given, {**inputs, **outputs}[given.name])
    if not dropped:
        return proto
    pruned = RemoveUnusedNodesPass()(ir.from_proto(proto)).model
    return ir.to_proto(pruned)


def _declare(given: onnx.ValueInfoProto, dims: Dims) -> None:
    """Write sizes over what is declared, and symbolic names where nothing is."""
    if dims is None:
        return
    declared = given.type.tensor_type.shape.dim
    if len(declared) != len(dims):
        given.type.tensor_type.shape.CopyFrom(helper.make_tensor_type_proto(TensorProto.FLOAT, dims).tensor_type.shape)
        return
    for have, want in zip(declared, dims, strict=True):
        if isinstance(want, int):
            have.dim_value = want
        elif not have.HasField("dim_value"):
            have.dim_param = want


def _keep_last_column(graph: onnx.GraphProto, output: onnx.ValueInfoProto) -> None:
    last = helper.make_tensor(_free("last", _names(graph)), TensorProto.INT64, [1], [-1])
    graph.initializer.append(last)
    _append(graph, output, "Gather", last.name, axis=1)


def _cast(graph: onnx.GraphProto, output: onnx.ValueInfoProto, element: int) -> None:
    _append(graph, output, "Cast", to=element)
    output.type.tensor_type.elem_type = element


def _append(graph: onnx.GraphProto, output: onnx.ValueInfoProto, op: str, *inputs: str, **attributes: Any) -> None:
    """Put one more node between the output and what gave it so far."""
    result = _free(f"{output.name}_{op.lower()}", _names(graph))
    graph.node.append(helper.make_node(op, [output.name, *inputs], [result], name=result, **attributes))
    output.name = result


def _give_name(graph: onnx.GraphProto, given: Any, name: str) -> None:
    """Rename a value; another one that holds the name gives way."""
    if given.name == name:
        return
    names = _names(graph)
    if name in names:
        _rename(graph, name, _free(f"inner_{name}", names))
    _rename(graph, given.name, name)


def _names(graph: onnx.GraphProto) -> set[str]:
    names = {name for node in graph.node for name in (*node.input, *node.output)}
    named: list[Any] = [*graph.input, *graph.output, *graph.initializer]
    return names.union(given.name for given in named)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for position, name in enumerate(names):
                if name == old:
                    names[position] = new
    named: list[Any] = [*graph.input, *graph.output, *graph.initializer, *graph.value_info]
    for given in named:
        if given.name == old:
            given.name = new
