"""Writes the mean over the pixels of an image as GlobalAveragePool, as ONNX has a name for it.

ONNX Runtime keeps images in blocks of channels (NCHWc) from one convolution to the next, and GlobalAveragePool takes them so,
while for a ReduceMean it puts the whole image back in order.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common as passes

from modelport_converters.tensorflow_to_onnx.passes.layout_rules import axes_of

_PIXELS = [2, 3]
_FLOAT32 = ir.DataType.FLOAT
"""ONNX Runtime computes GlobalAveragePool on the processor in this type alone."""


def pool_means(model: ir.Model) -> None:
    """Replace each ReduceMean over the pixels of float32 images [N, C, H, W] in place, with a Flatten where it drops the axes."""
    found = [node for node in model.graph if node.op_type == "ReduceMean" and not node.domain and _is_over_pixels(node)]
    for node in found:
        _replace(model.graph, node)
    if found:
        passes.RemoveUnusedNodesPass()(model)  # the axes


def _is_over_pixels(node: ir.Node) -> bool:
    image = node.inputs[0]
    if image is None or image.dtype != _FLOAT32 or image.shape is None or image.shape.rank() != 4:
        return False
    return sorted(axis % 4 for axis in axes_of(node)) == _PIXELS


def _replace(graph: ir.Graph, node: ir.Node) -> None:
    image, mean = node.inputs[0], node.outputs[0]
    assert image is not None
    assert image.shape is not None
    made = [ir.node("GlobalAveragePool", [image], name=node.name)]
    if not node.attributes.get_int("keepdims", 1):
        pooled = made[0].outputs[0]
        pooled.name, pooled.type, pooled.shape = f"{mean.name}_pooled", mean.type, ir.Shape([*image.shape[:2], 1, 1])
        made.append(ir.node("Flatten", [pooled], {"axis": 1}, name=f"{node.name}_flat"))
    ir.convenience.replace_nodes_and_values(graph, node, [node], made, [mean], [made[-1].outputs[0]])
