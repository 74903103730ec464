"""Guard against ONNX Runtime's PadFusion, which fuses a Pad of zeros into the MaxPool behind it.

A MaxPool's own padding is minus infinity, not zero: after the fusion (ONNX Runtime 1.31) the maximum of negative values at the
border is negative. A node between the two prevents it.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

_NOT_NEGATIVE = {"Relu", "Sigmoid"}
"""Activations behind which the padding makes no difference, so that the fusion is right."""


def guard_pads(graph: ir.Graph) -> None:
    """Insert a Max of one operand, which is an identity, between each Pad and a MaxPool where the padding matters, in place."""
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
