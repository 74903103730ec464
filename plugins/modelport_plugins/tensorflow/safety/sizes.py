"""The memory limit for static sizes in a graph: constants, and outputs that operators fill or repeat."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from modelport.errors import SourceUnreadable
from modelport.safety import memory
from modelport_converters.tensorflow_to_onnx.quiet_import import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelport_plugins.tensorflow.safety.graphs import Body, Library

_SHAPED = {
    "BroadcastTo": 1, "Empty": 0, "Fill": 0, "LinSpace": 2, "Multinomial": 1, "OneHot": 1, "ParameterizedTruncatedNormal": 0,
    "RandomGamma": 0, "RandomPoissonV2": 0, "RandomStandardNormal": 0, "RandomUniform": 0, "RandomUniformInt": 0,
    "ResizeArea": 1, "ResizeBicubic": 1, "ResizeBilinear": 1, "ResizeNearestNeighbor": 1, "ScatterNd": 2,
    "StatelessRandomNormal": 0, "StatelessRandomNormalV2": 0, "StatelessRandomUniform": 0, "StatelessRandomUniformInt": 0,
    "StatelessRandomUniformIntV2": 0, "StatelessRandomUniformV2": 0, "TensorListReserve": 1, "Tile": 1, "TruncatedNormal": 0,
}  # fmt: skip
"""Operators whose result has at least as many elements as the product of this operand's values."""

_MOST_SHAPES = 2**10
"""Operands of more values are no shapes."""


def require_sizes(library: Library, where: str) -> None:
    """Refuse tensors that the graph states beyond the memory limit.

    Raises:
        TooLarge: naming the operator and its node.
        SourceUnreadable: for a constant of negative size.
    """
    for body in library.bodies:
        for node in body.nodes.values():
            for tensor in _tensors(node):
                memory.require(
                    _bytes(tensor, where), f"the constant of {node.op}", where=f"{where}: {body.where(node.name)}"
                )
            if node.op in _SHAPED and (elements := _elements(body, node)):
                memory.require(elements, f"the result of {node.op}", where=f"{where}: {body.where(node.name)}")


def require_shapes(graph: Any, where: str) -> None:
    """Refuse a traced tf.Graph, and the functions that it calls, where TensorFlow infers shapes beyond the limit."""
    for operation in graph.get_operations():
        for tensor in operation.outputs:
            if tensor.shape.rank is not None and tensor.dtype.size:
                known = [size for size in tensor.shape.as_list() if size is not None]
                memory.require(
                    math.prod(known) * tensor.dtype.size,
                    f"the result of {operation.type}",
                    where=f"{where}: the node {operation.name!r}",
                )


def traced_graphs(function: Any) -> list[Any]:
    """Return the tf.Graphs of a concrete function, or of the traces of a tf.function, and of the functions that they call."""
    traces = getattr(function, "concrete_functions", None) or [function]
    waiting = [trace.graph for trace in traces if hasattr(trace, "graph")]
    found: dict[int, Any] = {}
    while waiting:
        graph = waiting.pop()
        if id(graph) not in found:
            found[id(graph)] = graph
            waiting.extend(
                inner.graph for inner in graph._functions.values() if getattr(inner, "graph", None) is not None
            )
    return list(found.values())


def _tensors(node: Any) -> Iterator[Any]:
    for value in node.attr.values():
        if value.HasField("tensor"):
            yield value.tensor
        yield from value.list.tensor


def _bytes(tensor: Any, where: str) -> int:
    """Return the bytes of a TensorProto; a string counts as the eight that point to it."""
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    if any(size < 0 for size in sizes) or tensor.tensor_shape.unknown_rank:
        raise SourceUnreadable("a constant has no size", where=where, remedy="check that the file is complete")
    try:
        width = import_tensorflow().dtypes.as_dtype(tensor.dtype).size
    except TypeError:
        width = 1  # TensorFlow refuses the type itself
    return int(math.prod(sizes) * (width or 8))


def _elements(body: Body, node: Any) -> int:
    """Return how many elements an operator's constant operand asks for; 0 where it is no constant."""
    place = _SHAPED[node.op]
    constant = body.nodes.get(body.origin(node.input[place])) if len(node.input) > place else None
    if constant is None or constant.op != "Const":
        return 0
    tensor = constant.attr["value"].tensor
    if math.prod(dim.size for dim in tensor.tensor_shape.dim) > _MOST_SHAPES:
        return 0
    try:
        values = np.ravel(import_tensorflow().make_ndarray(tensor))
    except (TypeError, ValueError):
        return 0  # TensorFlow refuses the constant itself
    return math.prod(max(int(value), 1) for value in values) if values.dtype.kind in "iu" else 0
