"""The ONNX model itself: its graphs, nodes and tensors, their bytes, its weights detached, and plans of its operators.

One of the three modules that converters may import; `modelport.spec` takes PlannedOp from here, so that onnx is imported in
functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import onnx_ir as ir
    from onnx import (
        AttributeProto,
        GraphProto,
        ModelProto,
        NodeProto,
        SparseTensorProto,
        TensorProto,
        TypeProto,
        ValueInfoProto,
    )

_NAMES = {"float": "float32", "double": "float64"}
_BITS = {"bool": 8, "string": 64}
"""What NumPy holds where the name says no number: a string is a pointer, whatever it points to."""

SMALL_BYTES = 1024
"""Initializers up to so many bytes are not detached: onnx's version adapters read axes, shapes and scales from them."""


@dataclass(frozen=True)
class PlannedOp:
    """One operator of an ONNX model and how a framework would express it.

    Attributes:
        domain: "ai.onnx" for the default one.
        operator: its name.
        version: of its schema, as the model's opset means it; None where onnx has no schema.
        nodes: the names of its nodes.
        status: "native", "inlined" (replaced by the operators that define it) or "unsupported".
        reason: why it is not supported.
    """

    domain: str
    operator: str
    version: int | None
    nodes: tuple[str, ...]
    status: Literal["native", "inlined", "unsupported"]
    reason: str = ""


def graphs_of(graph: GraphProto) -> Iterator[GraphProto]:
    """Yield a graph and every graph within its nodes."""
    yield graph
    yield from _within(graph.node)


def nodes_of(model: ModelProto) -> Iterator[NodeProto]:
    """Yield every node of a model: of its graph, branches, loop bodies, functions and training graphs."""
    for graph in _all_graphs(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def nodes_in(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Yield nodes, each followed by those of its branches and loop bodies."""
    pending = [iter(nodes)]
    while pending:
        for node in pending[-1]:
            yield node
            pending.append(inner for graph in _bodies(node) for inner in graph.node)
            break
        else:
            pending.pop()


def tensors_of(model: ModelProto) -> Iterator[TensorProto]:
    """Yield every tensor of a model: weights and constants, the parts of sparse ones too."""
    for graph in _all_graphs(model):
        yield from graph.initializer
        yield from _parts(graph.sparse_initializer)
    for attribute in _attributes(model):
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        yield from _parts([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else [])
        yield from _parts(attribute.sparse_tensors)


def sparse_tensors_of(model: ModelProto) -> Iterator[SparseTensorProto]:
    """Yield every sparse tensor of a model."""
    for graph in _all_graphs(model):
        yield from graph.sparse_initializer
    for attribute in _attributes(model):
        yield from [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
        yield from attribute.sparse_tensors


def tensor_types(kind: TypeProto) -> Iterator[TypeProto.Tensor]:
    """Yield the type of a tensor, or of the tensors in a sequence, an optional or a map."""
    from onnx import TypeProto

    while kind.HasField("sequence_type") or kind.HasField("optional_type") or kind.HasField("map_type"):
        inner = kind.sequence_type if kind.HasField("sequence_type") else kind.optional_type
        kind = kind.map_type.value_type if kind.HasField("map_type") else inner.elem_type
    if kind.HasField("tensor_type"):
        yield kind.tensor_type
    elif kind.HasField("sparse_tensor_type"):
        yield TypeProto.Tensor(elem_type=kind.sparse_tensor_type.elem_type, shape=kind.sparse_tensor_type.shape)


def values_of(graph: GraphProto) -> Iterator[ValueInfoProto]:
    """Yield what a graph says of its values: inputs, outputs and those between."""
    yield from (*graph.input, *graph.value_info, *graph.output)


def names_of(model: ModelProto) -> Iterator[object]:
    """Yield the names in a model: of what made it, its metadata, graphs, nodes, attributes, values, dimensions and weights.

    They are str, or bytes where they are no UTF-8.
    """
    yield from (model.producer_name, model.producer_version, model.doc_string)
    yield from (text for entry in model.metadata_props for text in (entry.key, entry.value))
    yield from (entry.domain for entry in model.opset_import)
    for graph in _all_graphs(model):
        yield graph.name
        for value in values_of(graph):
            yield value.name
            yield from (dim.dim_param for kind in tensor_types(value.type) for dim in kind.shape.dim)
    for node in nodes_of(model):
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)
    yield from (tensor.name for tensor in tensors_of(model))


def called_functions(
    nodes: Iterable[NodeProto], functions: Container[tuple[str, str, str]]
) -> list[tuple[str, str, str]]:
    """Return the keys (domain, name, overload) of the model's own functions that nodes call, once for each call.

    Calls within branches and loop bodies count.
    """
    every = [*nodes]
    every += [node for graph in _within(every) for node in graph.node]
    keys = [(node.domain, node.op_type, node.overload) for node in every]
    return [key for key in keys if key in functions]


def dtype_name(data_type: int) -> str:
    """Return the name of an element type as modelport writes it ("float32"); "" for 0 and for numbers that ONNX has not."""
    from onnx import TensorProto

    if data_type == TensorProto.UNDEFINED or data_type not in TensorProto.DataType.values():
        return ""
    name: str = TensorProto.DataType.Name(data_type).lower()
    return _NAMES.get(name, name)


def bytes_of(dtype: str, sizes: Iterable[int]) -> int:
    """Return the bytes that a tensor takes; elements of fewer than 8 bits are packed, and an unknown dtype counts as one byte."""
    digits = re.search(r"\d+", dtype)
    bits = int(digits[0]) if digits else _BITS.get(dtype, 8)
    return -(-math.prod(sizes) * bits // 8)


def initializers(model: ir.Model) -> Iterator[ir.TensorProtocol]:
    """Yield the weights of a model, of its subgraphs too, without reading them."""
    for graph in (model.graph, *model.graph.subgraphs()):
        yield from (value.const_value for value in graph.initializers.values() if value.const_value is not None)


def detach(model: ir.Model, larger_than: int = SMALL_BYTES) -> dict[str, ir.Value]:
    """Turn every initializer of more than so many bytes into a graph input without data; returns them by name.

    What is left is far from protobuf's limit of 2 GB, and quick to copy.
    """
    import onnx_ir as ir

    graph = model.graph
    own_inputs = set(graph.inputs)
    weights = {
        name: value
        for name, value in graph.initializers.items()
        if value.const_value is not None and value.const_value.nbytes > larger_than and value not in own_inputs
    }
    for name, value in weights.items():
        del graph.initializers[name]
        assert value.const_value is not None
        value.shape = ir.Shape(value.const_value.shape.numpy())
        value.dtype = value.const_value.dtype
        graph.inputs.append(value)
    return weights


def attach(model: ir.Model, weights: dict[str, ir.Value]) -> None:
    """Undo `detach`, in the same model or in one made from it."""
    graph = model.graph
    for value in [value for value in graph.inputs if value.name in weights]:
        graph.inputs.remove(value)
        value.const_value = weights[str(value.name)].const_value
        graph.register_initializer(value)


def title_of(node: NodeProto) -> str:
    """Name a node for people: its own name, else its first output's, and its operator."""
    return f"{node.name or next(iter(node.output), '')!r} ({node.op_type})"


def _all_graphs(model: ModelProto) -> Iterator[GraphProto]:
    yield from graphs_of(model.graph)
    for training in model.training_info:
        yield from graphs_of(training.initialization)
        yield from graphs_of(training.algorithm)
    for function in model.functions:
        yield from _within(function.node)


def _attributes(model: ModelProto) -> Iterator[AttributeProto]:
    for node in nodes_of(model):
        yield from node.attribute
    for function in model.functions:
        yield from function.attribute_proto


def _within(nodes: Iterable[NodeProto]) -> Iterator[GraphProto]:
    pending = [nodes]
    while pending:
        for node in pending.pop():
            for graph in _bodies(node):
                yield graph
                pending.append(graph.node)


def _bodies(node: NodeProto) -> Iterator[GraphProto]:
    """Yield the graphs that a node holds as attributes."""
    from onnx import AttributeProto

    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH or attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _parts(tensors: Iterable[SparseTensorProto]) -> Iterator[TensorProto]:
    for tensor in tensors:
        yield from (tensor.values, tensor.indices)
