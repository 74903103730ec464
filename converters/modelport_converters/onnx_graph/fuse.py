"""Fusing the batch normalisation after a convolution into its weights: y = s (W x + b - m) + t = (s W) x + s (b - m) + t."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir


def fuse(model: ir.Model) -> None:
    """Fold, in place, every BatchNormalization with constant statistics into the Conv before it."""
    for graph in (model.graph, *model.graph.subgraphs()):
        if isinstance(graph, ir.Graph):
            for node in list(graph):
                if node.op_type == "BatchNormalization" and node.domain == "":
                    _fuse_one(graph, node)


def _fuse_one(graph: ir.Graph, norm: ir.Node) -> None:
    source = norm.inputs[0]
    conv = source.producer() if source is not None else None
    if conv is None or source is None or conv.op_type != "Conv" or conv.domain or conv.graph is not graph:
        return
    training = norm.attributes.get("training_mode")
    if len(source.uses()) != 1 or source.is_graph_output() or (training is not None and training.as_int()):
        return
    constants = [_constant(value) for value in (*norm.inputs[1:], conv.inputs[1])]
    bias = _constant(conv.inputs[2]) if len(conv.inputs) > 2 and conv.inputs[2] is not None else None
    if any(value is None for value in constants) or (len(conv.inputs) > 2 and conv.inputs[2] is not None and bias is None):
        return
    scale, shift, mean, variance, weight = (np.asarray(value) for value in constants)
    if weight.dtype not in (np.float32, np.float64):
        return
    epsilon = norm.attributes["epsilon"].as_float() if "epsilon" in norm.attributes else 1e-5
    factor = scale.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    fused = (weight * factor.reshape(-1, *[1] * (weight.ndim - 1))).astype(weight.dtype)
    moved = (shift + ((0.0 if bias is None else bias) - mean) * factor).astype(weight.dtype)
    inputs = [conv.inputs[0]]
    for part, array in (("weight", fused), ("bias", moved)):
        value = ir.Value(name=f"{norm.outputs[0].name}.{part}", const_value=ir.tensor(array))
        value.shape, value.type = ir.Shape(array.shape), ir.TensorType(ir.DataType.from_numpy(array.dtype))
        graph.register_initializer(value)
        inputs.append(value)
    # The convolution takes the place of the normalisation, so that its output keeps its name.
    merged = ir.Node("", "Conv", inputs, list(conv.attributes.values()), outputs=[ir.Value(name=norm.outputs[0].name)], name=conv.name)
    result, old = merged.outputs[0], norm.outputs[0]
    result.shape, result.type = old.shape, old.type
    graph.insert_before(norm, merged)
    old.replace_all_uses_with(result, replace_graph_outputs=True)
    graph.remove([norm, conv], safe=True)


def _constant(value: ir.Value | None) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None:
    if value is None or value.const_value is None or value.is_graph_input():
        return None
    return value.const_value.numpy()
