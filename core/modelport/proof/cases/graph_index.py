"""An ONNX graph indexed by value: constants, shapes, producers and consumers, subgraphs included."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, TypeGuard

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, NodeProto, numpy_helper
from onnx.external_data_helper import uses_external_data

from modelport.model import graphs_of

KEEP_COLUMNS = ("Identity", "Cast", "CastLike")
"""Operators that keep the columns of a table where they are."""

PASS_ON = ("Cast", "Identity", "Squeeze", "Unsqueeze", "Reshape", "Flatten")
"""Operators that pass a choice, or its label, on in another shape or type."""

LOOKED_UP = ("Gather", "ArrayFeatureExtractor")
"""Operators that look indices, their second input, up in a table."""


class GraphIndex:
    """What is known of each value of a graph by its name.

    Attributes:
        constants: initializers and the tensors of Constant nodes.
        shapes: a size, or None, for each axis of inputs and of values with inferred shapes.
        producers: the node that makes a value.
        consumers: the nodes that take a value, each with the position it takes it at.
    """

    def __init__(self, graph: GraphProto) -> None:
        self.constants: dict[str, onnx.TensorProto] = {}
        self.shapes: dict[str, tuple[int | None, ...]] = {}
        self.producers: dict[str, NodeProto] = {}
        self.consumers: dict[str, list[tuple[NodeProto, int]]] = {}
        for inner in graphs_of(graph):
            self._read(inner)

    def _read(self, graph: GraphProto) -> None:
        self.constants.update({tensor.name: tensor for tensor in graph.initializer})
        for value in (*graph.input, *graph.value_info):
            if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape"):
                dims = value.type.tensor_type.shape.dim
                self.shapes[value.name] = tuple(d.dim_value if d.HasField("dim_value") else None for d in dims)
        for node in graph.node:
            if node.op_type == "Constant":
                self.constants.update([(node.output[0], t) for a in node.attribute if (t := _constant(a)) is not None])
            self.producers.update(dict.fromkeys(node.output, node))
            for position, name in enumerate(node.input):
                self.consumers.setdefault(name, []).append((node, position))

    def nodes(self) -> Iterator[NodeProto]:
        """Yield every node once."""
        seen: set[int] = set()
        for node in self.producers.values():
            if id(node) not in seen:
                seen.add(id(node))
                yield node

    def origin(self, name: str, through: Collection[str] = PASS_ON) -> tuple[str, NodeProto | None]:
        """Follow a value back through the first inputs of some operators; return where it comes from, and its producer."""
        while (node := self.producers.get(name)) is not None and node.op_type in through:
            name = node.input[0]
        return name, node

    def is_lookup(self, node: NodeProto | None) -> TypeGuard[NodeProto]:
        """Whether a node looks indices up in a constant table."""
        return node is not None and node.op_type in LOOKED_UP and node.input[0] in self.constants

    def numbers(self, name: str, most: int) -> NDArray[Any] | None:
        """Return a numeric constant of at most so many elements; None for any other value, and for external data."""
        tensor = self.constants.get(name)
        if tensor is None or uses_external_data(tensor) or int(np.prod(tensor.dims)) > most:
            return None
        if tensor.data_type == onnx.TensorProto.STRING:
            return None
        return numpy_helper.to_array(tensor)

    def width(self, name: str) -> int | None:
        """Return the number of columns (the size of the last axis) of a value, where it is known."""
        while name not in self.shapes and (node := self.producers.get(name)) and node.op_type in KEEP_COLUMNS:
            name = node.input[0]
        shape = self.shapes.get(name)
        return shape[-1] if shape else None

    def first_column(self, node: NodeProto, position: int, columns: int | None) -> int | None:
        """Return where an input's columns begin in what a node passes on, or None where they are mixed or unknown."""
        if columns is None or node.op_type in KEEP_COLUMNS:
            return columns
        if node.op_type != "Concat" or node.attribute[0].i not in (1, -1):
            return None
        widths = [self.width(name) for name in node.input[:position]]
        return None if None in widths else columns + sum(width for width in widths if width is not None)


def _constant(attribute: AttributeProto) -> onnx.TensorProto | None:
    """Return the tensor in an attribute of a Constant node, in whichever of its forms."""
    if attribute.name == "value":
        return attribute.t
    if attribute.name == "sparse_value":
        return None
    value = np.asarray(onnx.helper.get_attribute_value(attribute))
    return numpy_helper.from_array(value.astype(object) if value.dtype.kind == "S" else value)
