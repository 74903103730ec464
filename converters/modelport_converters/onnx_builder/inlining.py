"""Inlining: an ONNX model that another translator has written, as nodes of a graph."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import helper

from modelport_converters.onnx_builder.graph import Graph, Value


def inline(x: Value, converted: onnx.ModelProto) -> list[Value]:
    """Copy the nodes of a model into the graph of x, which becomes its only input; return its outputs."""
    graph = x.graph
    prefix = graph.name("sub")
    names = {given.name: x.name for given in converted.graph.input}
    for tensor in converted.graph.initializer:
        names[tensor.name] = tensor.name = f"{prefix}_{tensor.name}"
        graph.root.initializers.append(tensor)
    for node in converted.graph.node:
        rename(node, names, prefix)
        graph.nodes.append(node)
    return [_output(graph, given, names) for given in converted.graph.output]


def rename(node: onnx.NodeProto, names: dict[str, str], prefix: str) -> None:
    """Rename what a node reads and gives by `names`; what it gives and they lack gets a prefix. In its bodies too."""
    node.name = f"{prefix}_{node.name}" if node.name else ""
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.setdefault(name, f"{prefix}_{name}" if name else "") for name in node.output]
    for attribute in node.attribute:
        for body in [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else []:
            _rename_body(body, dict(names), prefix)


def _rename_body(body: onnx.GraphProto, names: dict[str, str], prefix: str) -> None:
    held: list[Any] = [*body.input, *body.initializer]
    for given in held:
        names[given.name] = given.name = f"{prefix}_{given.name}"
    for node in body.node:
        rename(node, names, prefix)
    for given in body.output:
        given.name = names.get(given.name, given.name)


def _output(graph: Graph, given: onnx.ValueInfoProto, names: dict[str, str]) -> Value:
    element = given.type.tensor_type.elem_type
    dtype: Any = object if element == onnx.TensorProto.STRING else helper.tensor_dtype_to_np_dtype(element)
    return Value(graph, names[given.name], dtype)
