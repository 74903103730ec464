"""Folding of per-channel scales and shifts (batch normalization) into the convolution or matrix product before them.

Grappler does so for constant weights; detached ones it leaves alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from modelport_converters.tensorflow_to_onnx.lazy_tensors import derived, initializer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_WEIGHT_AXIS = {"Conv": 0, "ConvTranspose": 1, "MatMul": 1}
"""The axis of the output channels in the weight."""


def fold_scales(graph: ir.Graph) -> None:
    """Fold consecutive Mul, Div, Add and Sub by one number for each channel into the node before, in place."""
    for node in list(graph):
        if node.op_type in _WEIGHT_AXIS and node.domain == "" and _channels(node) is not None:
            while _fold_next(graph, node):
                pass


def _channels(node: ir.Node) -> int | None:
    """Return the number of output channels, None where the weight is not known or has other consumers."""
    weight, tensor = node.inputs[1], _tensor(node, 1)
    if weight is None or tensor is None or len(weight.uses()) > 1 or not tensor.dtype.is_floating_point():
        return None
    if node.op_type == "ConvTranspose" and node.attributes.get_int("group", 1) != 1:
        return None
    if node.op_type == "MatMul" and len(tensor.shape) != 2:
        return None
    return int(tensor.shape.numpy()[_WEIGHT_AXIS[node.op_type]])


def _tensor(node: ir.Node, index: int) -> ir.TensorProtocol | None:
    """Return an input that is an initializer, else None."""
    value = node.inputs[index] if index < len(node.inputs) else None
    return None if value is None else value.const_value


def _fold_next(graph: ir.Graph, node: ir.Node) -> bool:
    """Fold the only consumer of the node's output into it, if it can be; return whether it was."""
    (output,) = node.outputs
    uses = list(output.uses())
    if output.is_graph_output() or len(uses) != 1:
        return False
    user, index = uses[0]
    if user.domain or user.op_type not in _allowed(node, first=index == 0) or user.graph is not graph:
        return False
    other = _tensor(user, 1 - index)
    factor = None if other is None else _by_channel(node, other)
    if factor is None:
        return False
    _scale(graph, node, user.op_type, factor)
    result = user.outputs[0]
    result.replace_all_uses_with(output, replace_graph_outputs=True)
    graph.remove(user, safe=True)
    output.name, output.type, output.shape = result.name, result.type, result.shape
    return True


def _allowed(node: ir.Node, *, first: bool) -> set[str]:
    """Return the operators that can be folded into a node, whose output is their first operand or their second."""
    allowed = {"Mul", "Div"} if node.op_type == "MatMul" else {"Mul", "Div", "Add", "Sub"}
    if len(node.inputs) > 2 and node.inputs[2] is not None and node.inputs[2].const_value is None:
        return set()  # a bias that is computed
    return allowed if first else allowed - {"Div", "Sub"}


def _by_channel(node: ir.Node, tensor: ir.TensorProtocol) -> Array | None:
    """Return one number for each channel [channels], where a constant broadcasts along no other axis."""
    weight, channels = _tensor(node, 1), _channels(node)
    if weight is None or channels is None or tensor.dtype != weight.dtype:
        return None
    sizes, rank = [int(size) for size in tensor.shape.numpy()], len(weight.shape)
    place = -1 if node.op_type == "MatMul" else 1 - rank  # from the end
    wide = [axis - len(sizes) for axis, size in enumerate(sizes) if size != 1]
    if len(sizes) > rank or wide not in ([], [place]):
        return None
    return np.broadcast_to(tensor.numpy().ravel(), [channels])


def _scale(graph: ir.Graph, node: ir.Node, op: str, factor: Array) -> None:
    function = {"Mul": np.multiply, "Div": np.divide, "Add": np.add, "Sub": np.subtract}[op]
    name = node.outputs[0].name or ""
    weight, bias = _tensor(node, 1), _tensor(node, 2)
    if op in ("Mul", "Div") and weight is not None:
        shape = [1] * len(weight.shape)
        shape[_WEIGHT_AXIS[node.op_type]] = -1
        scaled = derived(weight, lambda array: function(array, factor.reshape(shape)), f"{name}_weight_{op}")
        node.replace_input_with(1, initializer(graph, scaled))
    if bias is not None:
        moved = derived(bias, lambda array: function(array, factor), f"{name}_bias_{op}")
    elif op in ("Add", "Sub"):
        moved = ir.tensor(function(np.zeros_like(factor), factor), name=f"{name}_bias_{op}")
    else:
        return
    if len(node.inputs) < 3:
        node.resize_inputs(3)
    node.replace_input_with(2, initializer(graph, moved))
