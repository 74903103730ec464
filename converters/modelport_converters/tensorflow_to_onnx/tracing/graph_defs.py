"""Walking a GraphDef."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef


def node_defs(graph: GraphDef) -> Iterator[NodeDef]:
    """Yield every node, those of the function library included."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def node_of(name: str) -> str:
    """Return the name of the node that an input or a tensor belongs to."""
    return name.lstrip("^").partition(":")[0]
