"""Operator fusion: batch normalization into a convolution, a bias into a matrix product.

Batch normalisation: y = s (W x + b - m) + t = (s W) x + s (b - m) + t.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

if TYPE_CHECKING:
    from modelport_converters.onnx_graph.registry import Registry, Traits

OWN_DOMAIN = "modelport"
"""The domain of fused operators that no schema defines: only targets that register them get them."""


def fuse(model: ir.Model, registry: Registry[Traits]) -> None:
    """Fuse, in place, BatchNormalization with constant statistics into Conv, and Add of a constant vector into MatMul.

    The latter becomes `modelport.Linear`, y = x W + b over the last dimension of x, where the target has a function for it.
    """
    linear = registry.find(OWN_DOMAIN, "Linear") is not None
    for graph in (model.graph, *model.graph.subgraphs()):
        if not isinstance(graph, ir.Graph):
            continue
        for node in list(graph):
            if node.op_type == "BatchNormalization" and node.domain == "":
                _fuse_normalisation(graph, node)
            elif linear and node.op_type == "Add" and node.domain == "":
                _fuse_bias(graph, node)


def _fuse_bias(graph: ir.Graph, add: ir.Node) -> None:
    for product, bias in (add.inputs, reversed(add.inputs)):
        node = product.producer() if product is not None else None
        if node is None or product is None or bias is None or node.op_type != "MatMul" or node.domain:
            continue
        weight, vector = node.inputs[1], _constant(bias)
        known = weight is not None and weight.const_value is not None and len(weight.const_value.shape) == 2
        if (
            not known
            or vector is None
            or node.graph is not graph
            or len(product.uses()) != 1
            or product.is_graph_output()
        ):
            continue
        columns = weight.const_value.shape[1]  # type: ignore[union-attr]
        if vector.shape == (columns,) and columns != 1 and vector.dtype in (np.float32, np.float64):
            merged = ir.Node(OWN_DOMAIN, "Linear", [*node.inputs, bias], name=node.name)
            _replace(graph, add, merged, node)
            return


def _replace(graph: ir.Graph, last: ir.Node, merged: ir.Node, first: ir.Node) -> None:
    """Replace two nodes by one, whose output takes over the name and the uses of the last one's."""
    result, old = merged.outputs[0], last.outputs[0]
    result.name, result.shape, result.type = old.name, old.shape, old.type
    graph.insert_before(last, merged)
    old.replace_all_uses_with(result, replace_graph_outputs=True)
    graph.remove([last, first], safe=True)


def _fuse_normalisation(graph: ir.Graph, norm: ir.Node) -> None:
    source = norm.inputs[0]
    conv = source.producer() if source is not None else None
    if conv is None or source is None or conv.op_type != "Conv" or conv.domain or conv.graph is not graph:
        return
    training = norm.attributes.get("training_mode")
    if len(source.uses()) != 1 or source.is_graph_output() or (training is not None and training.as_int()):
        return
    constants = [_constant(value) for value in (*norm.inputs[1:], conv.inputs[1])]
    bias = _constant(conv.inputs[2]) if len(conv.inputs) > 2 and conv.inputs[2] is not None else None
    if any(value is None for value in constants) or (
        len(conv.inputs) > 2 and conv.inputs[2] is not None and bias is None
    ):
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
    _replace(graph, norm, ir.Node("", "Conv", inputs, list(conv.attributes.values()), name=conv.name), conv)


def _constant(value: ir.Value | None) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None:
    if value is None or value.const_value is None or value.is_graph_input():
        return None
    return value.const_value.numpy()
