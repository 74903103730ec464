"""GRU and RNN nodes in the place of Loops."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from modelport_converters.tensorflow_to_onnx.interface_names import unique
from modelport_converters.tensorflow_to_onnx.lazy_tensors import initializer, lazy
from modelport_converters.tensorflow_to_onnx.passes.recurrent_cells import LINEAR, Cell, Weights
from modelport_converters.tensorflow_to_onnx.passes.symbolic_shapes import Size, Sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]

_WITH_ALPHA = {"HardSigmoid": float(np.float32(1 / 6)), "Elu": 1.0, LINEAR: 1.0}
_WITH_BETA = {"HardSigmoid": 0.5, LINEAR: 0.0}


@dataclass(frozen=True)
class Recurrence:
    """A cell over the time steps of a sequence.

    Attributes:
        cell: of each step.
        x: the sequence [steps, batch, features].
        first: the initial state [batch, units].
        steps: the number of time steps.
        batch: the number of sequences.
        last: the Loop's output that is the last state [batch, units], None where unused.
        all: the Loop's output that is every state [steps, batch, units], None where unused.
    """

    cell: Cell
    x: ir.Value
    first: ir.Value
    steps: Size
    batch: Size
    last: ir.Value | None
    all: ir.Value | None


@dataclass
class Writer:
    """Writes GRU and RNN nodes into a graph, and rearranges each weight only once."""

    graph: ir.Graph
    sizes: Sizes = field(default_factory=Sizes)
    _arranged: dict[object, ir.Value] = field(default_factory=dict)

    def replace(self, loop: ir.Node, found: Recurrence) -> None:
        """Replace a Loop by the operator of its recurrence."""
        every, last = (found.steps, found.batch, found.cell.units), (found.batch, found.cell.units)
        told = [(value, sizes) for value, sizes in ((found.all, every), (found.last, last)) if value is not None]
        nodes, results = self._operator(f"{loop.name}", found)
        for result, (value, sizes) in zip(results, told, strict=True):
            shape = value.shape if value.is_graph_output() else _shape(sizes)
            value.type, value.shape = ir.TensorType(ir.DataType.FLOAT), shape
            result.type, result.shape = value.type, shape
        outputs = [value for value, _ in told]
        ir.convenience.replace_nodes_and_values(self.graph, loop, [loop], nodes, outputs, results)
        _detach_body(loop)
        for result, (_, sizes) in zip(results, told, strict=True):
            self.sizes.tell(result, sizes)

    def _operator(self, name: str, found: Recurrence) -> tuple[list[ir.Node], list[ir.Value]]:
        """Return the nodes, and the states that are used."""
        cell, zero, one = found.cell, self._constant([0]), self._constant([1])
        inputs = [found.x, self._matrix(cell.kernel, "W"), self._matrix(cell.recurrent, "R"), self._biases(cell)]
        nodes, results = [], []
        if not _is_zero(found.first):
            nodes.append(ir.node("Unsqueeze", [found.first, zero], name=f"{name}_first"))
            inputs += [None, nodes[0].outputs[0]]
        operator = ir.node(cell.op, inputs, _attributes(cell), num_outputs=2, name=f"{name}_{cell.op}")
        nodes.append(operator)
        if found.all is not None:  # without the axis of the directions
            nodes.append(ir.node("Squeeze", [operator.outputs[0], one], name=f"{name}_all"))
            results.append(nodes[-1].outputs[0])
        if found.last is not None:
            nodes.append(ir.node("Squeeze", [operator.outputs[1], zero], name=f"{name}_last"))
            results.append(nodes[-1].outputs[0])
        _name(nodes)
        return nodes, results

    def _constant(self, numbers: Sequence[int]) -> ir.Value:
        name = f"recurrent_{numbers[0]}"
        return self._initializer(name, name, lambda: ir.tensor(np.array(numbers, np.int64), name=name))

    def _matrix(self, weights: Weights, role: str) -> ir.Value:
        """A matrix [n, m] as ONNX takes it: [directions = 1, m, n]."""
        shape = (1, *weights.shape[::-1])
        return self._rearranged(
            (weights, role), f"{weights.value.name}_{role}", [weights], lambda one: one[0].T[None], shape
        )

    def _biases(self, cell: Cell) -> ir.Value | None:
        """Both biases, concatenated [1, 2 * gates * units]; None where there are none."""
        own, recurrent = cell.biases
        given = [bias for bias in cell.biases if bias is not None]
        if not given:
            return None
        width = given[0].shape[0]

        def joined(arrays: Sequence[Array]) -> Array:
            left, right = iter(arrays), np.zeros(width, np.float32)
            parts = [next(left) if bias is not None else right for bias in (own, recurrent)]
            return np.concatenate(parts)[None]

        return self._rearranged((cell.biases, "B"), f"{given[0].value.name}_B", given, joined, (1, 2 * width))

    def _rearranged(
        self,
        key: object,
        name: str,
        sources: Sequence[Weights],
        function: Callable[[Sequence[Array]], Array],
        shape: Sequence[int],
    ) -> ir.Value:
        """Return the initializer that a function computes of weights, lazily where they are lazy."""

        def read() -> Array:
            return np.ascontiguousarray(function([_array(source) for source in sources]))

        def made() -> ir.TensorProtocol:
            if any(isinstance(source.value.const_value, ir.LazyTensor) for source in sources):
                return lazy(name, read, ir.DataType.FLOAT, shape)
            return ir.tensor(read(), name=name)

        return self._initializer(key, name, made)

    def _initializer(self, key: object, name: str, make: Callable[[], ir.TensorProtocol]) -> ir.Value:
        if key not in self._arranged or not self._arranged[key].is_initializer():  # else it went with what used it
            tensor = make()
            (tensor.name,) = unique([name], self.graph.initializers)
            self._arranged[key] = initializer(self.graph, tensor)
        return self._arranged[key]


def _is_zero(state: ir.Value) -> bool:
    """Tell whether a state is zeros, ONNX's default initial state."""
    node = state.producer()
    if node is None or node.op_type != "Expand" or node.domain or node.inputs[0] is None:
        return False
    filling = node.inputs[0].const_value
    return filling is not None and filling.size == 1 and not filling.numpy().any()


def _detach_body(loop: ir.Node) -> None:
    """Remove the body of a replaced Loop from the uses of values of the outer graph."""
    for node in ir.traversal.RecursiveGraphIterator(loop.attributes["body"].as_graph()):
        for index in range(len(node.inputs)):
            node.replace_input_with(index, None)


def _array(weights: Weights) -> Array:
    assert weights.value.const_value is not None
    array: Array = weights.value.const_value.numpy()
    return array if weights.row is None else array[weights.row]


def _attributes(cell: Cell) -> dict[str, Any]:
    """Return the attributes; alpha and beta are listed for the activations that have them only."""
    attributes: dict[str, Any] = {"hidden_size": cell.units, "activations": list(cell.activations)}
    for name, given in (("activation_alpha", _WITH_ALPHA), ("activation_beta", _WITH_BETA)):
        values = [given[activation] for activation in cell.activations if activation in given]
        attributes.update({name: values} if values else {})
    return attributes | ({"linear_before_reset": int(cell.after)} if cell.op == "GRU" else {})


def _shape(sizes: Sequence[Size]) -> ir.Shape:
    return ir.Shape([size if isinstance(size, int | str) else None for size in sizes])


def _name(nodes: Sequence[ir.Node]) -> None:
    """Name the outputs of nodes after the nodes."""
    for node in nodes:
        for position, output in enumerate(node.outputs):
            output.name = f"{node.name}:{position}"
