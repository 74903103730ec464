"""Keeps zeros that a Pad puts around an image out of the hands of ONNX Runtime, where a MaxPool follows.

ONNX Runtime (1.31, PadFusion) takes a Pad into the MaxPool behind it, whose own padding counts as minus infinity and not as
zero: the maximum of negative numbers at the border comes out negative. A node between the two keeps them apart.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

_NOT_NEGATIVE = {"Relu", "Sigmoid"}
"""Behind these the zeros make no difference, and the fusion is right."""


def keep_padding(graph: ir.Graph) -> None:
    """Put a Max of one operand, which returns it as it is, between each Pad and a MaxPool where the padding matters."""
    for node in list(graph):
        if node.op_type != "MaxPool" or node.domain:
            continue
        padded = node.inputs[0]
        pad = padded.producer() if padded is not None else None
        if padded is None or pad is None or pad.op_type != "Pad" or pad.domain or not _matters(pad):
            continue
        kept = ir.node("Max", [padded], name=f"{node.name}_padded")
        output = kept.outputs[0]
        output.name, output.type, output.shape = f"{padded.name}_kept", padded.type, padded.shape
        graph.insert_before(node, kept)
        node.replace_input_with(0, output)


def _matters(pad: ir.Node) -> bool:
    source = pad.inputs[0].producer() if pad.inputs[0] is not None else None
    if pad.attributes.get_string("mode", "constant") != "constant" or (source and source.op_type in _NOT_NEGATIVE):
        return False
    given = pad.inputs[2] if len(pad.inputs) > 2 else None
    value = ir.convenience.get_const_tensor(given) if given is not None else None
    return value is None or not np.isneginf(np.asarray(value.numpy(), np.float64)).all()
