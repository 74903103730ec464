"""Operators on strings, which ONNX has from a newer opset on than tf2onnx writes.

They are written in a domain of their own; `settled` carries the finished model to the opset that has them, and then
moves them to the default domain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import numpy_helper

from modelport.errors import UnsupportedOps
from modelport.model import nodes_in
from modelport_converters.onnx_builder.graph import Operand, Value, innermost

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    from numpy.typing import DTypeLike

OPSET = 20
"""The first opset with StringSplit and StringConcat; Equal takes strings from 19."""

_DOMAIN = "modelport.newer"


def newer(
    kind: str, first: Value, *others: Operand, dtypes: Sequence[DTypeLike | None] = (None,), **attributes: str
) -> list[Value]:
    """Write an operator of opset 20, with one output for each of `dtypes` (None: that of the first input)."""
    graph = innermost(first, *others)
    return graph.ops(kind, first, *others, dtypes=dtypes, domain=_DOMAIN, **attributes)


def settled(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Return the model at opset 20 when it has operators of that opset, else as it is.

    Args:
        model: as tf2onnx wrote it.
        opset: what was asked for.

    Raises:
        UnsupportedOps: when less was asked for.
    """
    nodes = list(nodes_in(model.graph.node))
    found = [node for node in nodes if node.domain == _DOMAIN]
    if not found:
        return model
    if opset < OPSET:
        raise UnsupportedOps(
            [f"{node.op_type}, node {node.name!r}: ONNX has it for strings from --opset {OPSET} on" for node in found],
            remedy=f"choose --opset {OPSET} or a newer one",
        )
    for node in nodes:
        if node.domain == _DOMAIN:
            node.domain = ""
        elif node.domain == "" and node.op_type in _CHANGED:
            _CHANGED[node.op_type](node, model.graph)
    for entry in model.opset_import:
        if entry.domain == "":
            entry.version = OPSET
    bodies = [item.g for node in nodes for item in node.attribute if item.HasField("g")]
    for graph in (model.graph, *bodies):
        del graph.value_info[:]  # what tf2onnx inferred without knowing these operators
    return model


def _dft(node: onnx.NodeProto, graph: onnx.GraphProto) -> None:
    """The axis is an input from opset 20."""
    for attribute in [item for item in node.attribute if item.name == "axis"]:
        name = f"{node.name}_axis"
        graph.initializer.append(numpy_helper.from_array(np.array(attribute.i, np.int64), name))
        node.input.extend([""] * (2 - len(node.input)) + [name])
        node.attribute.remove(attribute)


def _grid_sample(node: onnx.NodeProto, graph: onnx.GraphProto) -> None:
    """The modes have other names from opset 20."""
    for attribute in node.attribute:
        if attribute.name == "mode":
            attribute.s = {b"bilinear": b"linear", b"bicubic": b"cubic"}.get(attribute.s, attribute.s)


_CHANGED = {"DFT": _dft, "GridSample": _grid_sample}
"""What means something else in opset 20 than in 18. onnx's converter is not used: it needs types that it cannot infer here."""
