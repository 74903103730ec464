"""Global average pooling: ReduceMean over the pixels of an image becomes GlobalAveragePool.

ONNX Runtime keeps images in the blocked layout NCHWc from one convolution to the next, and GlobalAveragePool takes it, while
for a ReduceMean it reorders the whole image.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common as passes

from modelport_converters.tensorflow_to_onnx.passes.constants import axes_of

_PIXELS = [2, 3]
_FLOAT32 = ir.DataType.FLOAT
"""The only dtype of ONNX Runtime's CPU kernel of GlobalAveragePool."""


def pool_means(model: ir.Model) -> None:
    """Replace each ReduceMean over H and W of float32 images [N, C, H, W] in place, with a Flatten where keepdims is 0."""
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
