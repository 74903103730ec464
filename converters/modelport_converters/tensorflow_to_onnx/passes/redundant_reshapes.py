"""Removal of redundant Reshapes, which tf2onnx leaves where a Transpose met a tensor of one pixel.

ONNX Runtime reorders the blocked layout of its convolutions (NCHWc) before each of them.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common as passes

from modelport_converters.tensorflow_to_onnx.passes.constants import constant

_ORDER_PRESERVING = {"Flatten", "Reshape", "Squeeze", "Unsqueeze"}


def drop_reshapes(model: ir.Model) -> None:
    """Let each Reshape to a constant shape skip order-preserving nodes before it; drop it where that is no change, in place."""
    found = [node for node in model.graph if node.op_type == "Reshape" and not node.domain]
    for node in found:
        _shorten(node)
    if found:
        passes.RemoveUnusedNodesPass()(model)


def _shorten(node: ir.Node) -> None:
    given = constant(node.inputs[1])
    if given is None or 0 in given:  # a 0 copies a size of the input that would be skipped
        return
    source = node.inputs[0]
    while source is not None and (before := source.producer()) is not None and _keeps_order(before):
        source = before.inputs[0]
    output = node.outputs[0]
    if source is None or (source is node.inputs[0] and not _has(source, given.tolist())):
        return
    if _has(source, given.tolist()) and not output.is_graph_output():
        output.replace_all_uses_with(source)
    else:
        node.replace_input_with(0, source)


def _keeps_order(node: ir.Node) -> bool:
    return node.op_type in _ORDER_PRESERVING and not node.domain


def _has(value: ir.Value, sizes: list[int]) -> bool:
    """Tell whether a value has these sizes, of which one may be -1: then that one alone may be dynamic."""
    if value.shape is None or value.shape.rank() != len(sizes):
        return False
    known = [size if isinstance(size, int) else -1 for size in value.shape]
    return known.count(-1) <= 1 and all(wanted in (-1, size) for wanted, size in zip(sizes, known, strict=True))
