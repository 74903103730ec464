"""Loop-invariant code motion: what is the same in every iteration of a Loop moves before it.

TensorFlow passes a loop whatever its body reads, weights and sizes included, as loop-carried values. An ONNX body may read
values of the outer graph, and what is computed of those alone need be computed only once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_ir as ir
from onnx_ir.passes import common as passes

from modelport_converters.tensorflow_to_onnx.interface_names import unique

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOVABLE = {
    "Add", "Cast", "Concat", "Constant", "Identity", "Mul", "Neg", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Sub",
    "Transpose", "Unsqueeze",
}  # fmt: skip
"""Operators that cost little and cannot fail on their values, so that they may run even where the loop has no iterations."""

_FIRST_CARRIED = 2
"""The index of the first loop-carried value among the inputs of a Loop and of its body; the body returns one value before."""


def simplify_loops(model: ir.Model) -> None:
    """Remove loop-invariant carried values, and hoist loop-invariant nodes, in place."""
    if _simplify(model.graph):
        passes.NameFixPass()(model)  # a body must not hide what it reads now
        passes.RemoveUnusedNodesPass()(model)


def _simplify(graph: ir.Graph) -> bool:
    """Simplify the Loops of a graph, inner ones first; return whether there were any."""
    found = False
    for node in list(graph):
        for body in _bodies(node):
            found = _simplify(body) or found
        if node.op_type == "Loop" and not node.domain:
            found = True
            _hoist(graph, _without_invariants(graph, node))
    return found


def _bodies(node: ir.Node) -> Iterator[ir.Graph]:
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.as_graph()
        elif attribute.type == ir.AttributeType.GRAPHS:
            yield from attribute.as_graphs()


# --- loop-carried values -----------------------------------------------------------------------------------------------


def _without_invariants(graph: ir.Graph, loop: ir.Node) -> ir.Node:
    """Replace a Loop by one that carries only what its body changes, and return that."""
    body = loop.attributes["body"].as_graph()
    carried = len(loop.inputs) - _FIRST_CARRIED
    kept = [index for index in range(carried) if not _stays(loop, body, index)]
    if len(kept) == carried:
        return loop
    for index in reversed([index for index in range(carried) if index not in kept]):
        _take_from_outside(loop, body, index)
    inputs = [*loop.inputs[:_FIRST_CARRIED], *(loop.inputs[_FIRST_CARRIED + index] for index in kept)]
    outputs = [*(loop.outputs[index] for index in kept), *loop.outputs[carried:]]
    made = ir.Node("", "Loop", inputs, loop.attributes.values(), num_outputs=len(outputs), name=loop.name)
    ir.convenience.replace_nodes_and_values(graph, loop, [loop], [made], outputs, made.outputs)
    return made


def _stays(loop: ir.Node, body: ir.Graph, index: int) -> bool:
    """Tell whether the body returns a carried value unchanged, and its last value is no graph output."""
    if loop.outputs[index].is_graph_output() or loop.inputs[_FIRST_CARRIED + index] is None:
        return False
    return origin(body.outputs[1 + index]) is body.inputs[_FIRST_CARRIED + index]


def origin(value: ir.Value) -> ir.Value:
    """Return the value behind any Identity nodes."""
    node = value.producer()
    while node is not None and node.op_type == "Identity" and not node.domain and node.inputs[0] is not None:
        value = node.inputs[0]
        node = value.producer()
    return value


def _take_from_outside(loop: ir.Node, body: ir.Graph, index: int) -> None:
    """Let body and graph read the initial value of a carried one, and carry it no longer."""
    outside, inside = loop.inputs[_FIRST_CARRIED + index], body.inputs[_FIRST_CARRIED + index]
    assert outside is not None
    body.outputs.pop(1 + index)
    for position, output in enumerate(body.outputs):
        if output is inside:  # what a body returns must be its own
            body.outputs[position] = _own_copy(body, inside, f"{inside.name}_{position}")
    body.inputs.pop(_FIRST_CARRIED + index)
    inside.replace_all_uses_with(outside)
    loop.outputs[index].replace_all_uses_with(outside)


def _own_copy(body: ir.Graph, value: ir.Value, name: str) -> ir.Value:
    copy = ir.node("Identity", [value], name=name)
    copy.outputs[0].name, copy.outputs[0].type, copy.outputs[0].shape = name, value.type, value.shape
    body.append(copy)
    return copy.outputs[0]


# --- hoisting ----------------------------------------------------------------------------------------------------------


def _hoist(graph: ir.Graph, loop: ir.Node) -> None:
    """Move each node of the body that reads nothing of the body but constants before the Loop."""
    body = loop.attributes["body"].as_graph()
    for node in list(body):
        if not _is_movable(node, body):
            continue
        for value in dict.fromkeys(node.inputs):
            if value is not None and value.graph is body:
                _move_constant(body, graph, value)
        body.remove(node)
        graph.insert_before(loop, node)


def _is_movable(node: ir.Node, body: ir.Graph) -> bool:
    if node.op_type not in _MOVABLE or node.domain or any(value.is_graph_output() for value in node.outputs):
        return False
    return all(value is None or value.graph is not body or _is_plain_constant(value) for value in node.inputs)


def _is_plain_constant(value: ir.Value) -> bool:
    return value.is_initializer() and not value.is_graph_input() and not value.is_graph_output()


def _move_constant(body: ir.Graph, graph: ir.Graph, value: ir.Value) -> None:
    assert value.name is not None
    del body.initializers[value.name]
    (value.name,) = unique([value.name], graph.initializers)
    graph.register_initializer(value)
