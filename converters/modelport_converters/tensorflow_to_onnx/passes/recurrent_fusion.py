"""Fusion of Loops over the time steps of a sequence into GRU and RNN, where the body is one of ONNX's cells.

ONNX Runtime computes such an operator many times faster than a Loop, as which tf2onnx writes every recurrent layer but LSTM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx_ir as ir
from onnx_ir.passes import common as passes

from modelport_converters.tensorflow_to_onnx.passes.constants import constant
from modelport_converters.tensorflow_to_onnx.passes.loop_invariants import origin
from modelport_converters.tensorflow_to_onnx.passes.recurrent_cells import Cell, H, Reader, Unrecognized, X, cell_of
from modelport_converters.tensorflow_to_onnx.passes.recurrent_nodes import Recurrence, Writer
from modelport_converters.tensorflow_to_onnx.passes.symbolic_shapes import Size, Sizes

if TYPE_CHECKING:
    from collections.abc import Callable


def fuse_recurrent_loops(model: ir.Model) -> None:
    """Replace each Loop that applies a cell of ONNX to every time step of a sequence, in place."""
    writer = Writer(model.graph)
    while _fuse(model.graph, writer):
        passes.RemoveUnusedNodesPass()(model)
        passes.ShapeInferencePass(check_type=False, strict_mode=False)(model)  # of a Loop no sizes are known


def _fuse(graph: ir.Graph, writer: Writer) -> bool:
    """Replace the Loops whose sizes are known; return whether there were any."""
    found = False
    for node in list(graph):
        what = _recurrence(node, writer.sizes) if node.op_type == "Loop" and not node.domain else None
        if what is not None:
            writer.replace(node, what)
            found = True
    return found


@dataclass(frozen=True)
class _Parts:
    """The loop-carried values of a Loop.

    Attributes:
        body: its graph.
        counters: values of the body that equal the iteration number.
        following: values of the body that equal the next iteration number.
        position: the index of the state among the carried values; all others are counters.
        carried: the number of carried values.
    """

    body: ir.Graph
    counters: set[ir.Value]
    following: set[ir.Value]
    position: int
    carried: int


def _recurrence(loop: ir.Node, sizes: Sizes) -> Recurrence | None:
    """Return the recurrence of a Loop, None for anything but a cell of ONNX over all time steps of a sequence."""
    parts = _parts(loop, sizes)
    gather = _step_of_a_sequence(parts) if parts else None
    if parts is None or gather is None:
        return None
    x, first = gather.inputs[0], loop.inputs[2 + parts.position]
    if x is None or first is None or sizes.rank(x) != 3 or sizes.rank(first) != 2:
        return None
    steps, batch = sizes.of(x, 0), sizes.of(x, 1)
    if not _runs_over_all(loop, parts, steps, sizes):
        return None
    known = {gather.outputs[0]: X, parts.body.inputs[2 + parts.position]: H}
    cell = _cell(parts, Reader(known, sizes))
    if cell is None or (sizes.of(first, 0), sizes.of(first, 1)) != (batch, cell.units):
        return None
    results = _results(loop, parts)
    return Recurrence(cell, x, first, steps, batch, *results) if results else None


def _cell(parts: _Parts, reader: Reader) -> Cell | None:
    """Return the cell of the body, where every scan output is the new state."""
    state, collected = parts.body.outputs[1 + parts.position], parts.body.outputs[1 + parts.carried :]
    try:
        formula = reader.read(state)
        return cell_of(formula) if all(reader.read(value) == formula for value in collected) else None
    except Unrecognized:
        return None


def _parts(loop: ir.Node, sizes: Sizes) -> _Parts | None:
    body, carried = loop.attributes["body"].as_graph(), len(loop.inputs) - 2
    counters, following, states = {body.inputs[0]}, set[ir.Value](), []
    for index in range(carried):
        given, returned = body.inputs[2 + index], origin(body.outputs[1 + index])
        if sizes.numbers(loop.inputs[2 + index]) == [0] and _is_next(returned, given, sizes):
            counters.add(given)
            following.add(returned)
        else:
            states.append(index)
    return _Parts(body, counters, following, states[0], carried) if len(states) == 1 else None


def _is_next(value: ir.Value, counter: ir.Value, sizes: Sizes) -> bool:
    node = value.producer()
    if node is None or node.op_type != "Add" or node.domain:
        return False
    left, right = node.inputs
    return (left is counter and sizes.numbers(right) == [1]) or (right is counter and sizes.numbers(left) == [1])


def _step_of_a_sequence(parts: _Parts) -> ir.Node | None:
    """Return the only Gather, which takes the current time step of a sequence of the outer graph."""
    found = [node for node in parts.body if node.op_type == "Gather" and not node.domain]
    if len(found) != 1 or found[0].attributes.get_int("axis", 0) != 0:
        return None
    sequence, index = found[0].inputs
    if sequence is None or index is None or sequence.graph is parts.body or _whole(index) not in parts.counters:
        return None
    return found[0]


def _whole(value: ir.Value) -> ir.Value:
    """Return the value behind Identity nodes and integer casts."""
    node = value.producer()
    while node is not None and not node.domain and node.inputs and node.inputs[0] is not None:
        integers = node.attributes.get_int("to", 0) in (ir.DataType.INT32, ir.DataType.INT64)
        if node.op_type != "Identity" and not (node.op_type == "Cast" and integers):
            break
        value = node.inputs[0]
        node = value.producer()
    return value


def _runs_over_all(loop: ir.Node, parts: _Parts, steps: Size, sizes: Sizes) -> bool:
    """Tell whether there are as many iterations as time steps, whatever the conditions."""
    if sizes.integers(loop.inputs[0]) != [steps]:
        return False
    begins = loop.inputs[1]
    if begins is not None and not _holds(begins, steps, sizes, lambda left: sizes.numbers(left) == [0]):
        return False
    running = {*parts.counters, *parts.following}
    goes_on = parts.body.outputs[0]
    return goes_on is parts.body.inputs[1] or _holds(goes_on, steps, sizes, lambda left: _whole(left) in running)


def _holds(value: ir.Value, steps: Size, sizes: Sizes, is_below: Callable[[ir.Value], bool]) -> bool:
    """Tell whether a condition is true as long as a time step is left."""
    node = origin(value).producer()
    if node is None:
        given = constant(value)
        return given is not None and given.size == 1 and bool(given.all())
    left, right = node.inputs if len(node.inputs) == 2 else (None, None)
    if left is None or right is None or node.domain:
        return False
    if node.op_type == "And":
        return _holds(left, steps, sizes, is_below) and _holds(right, steps, sizes, is_below)
    return node.op_type == "Less" and sizes.integers(right) == [steps] and is_below(left)


def _results(loop: ir.Node, parts: _Parts) -> tuple[ir.Value | None, ir.Value | None] | None:
    """Return the outputs that are used, the last state and all states (each None if unused); None where there are others."""
    used = [value for value in loop.outputs if value.uses() or value.is_graph_output()]
    last, collected = loop.outputs[parts.position], [value for value in loop.outputs[parts.carried :] if value in used]
    if len(collected) > 1 or len(used) != len(collected) + (last in used):
        return None
    return last if last in used else None, collected[0] if collected else None
