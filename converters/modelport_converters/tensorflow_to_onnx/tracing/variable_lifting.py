"""Variable lifting: a traced function takes the values of its variables as arguments, so that they stay outside the graph.

A ConcreteFunction captures the resource handles of its variables. Its graph is rewritten to take values in their place:
ReadVariableOp becomes Identity, ResourceGather becomes Gather, and functions that are called with a handle, those of branches
and loops too, are copied with an argument of the variable's dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from modelport_converters.tensorflow_to_onnx.detached_weights import Weight
from modelport_converters.tensorflow_to_onnx.interface_names import unique
from modelport_converters.tensorflow_to_onnx.tracing.case_lowering import lower_cases
from modelport_converters.tensorflow_to_onnx.tracing.tensor_list_writes import move_first_writes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef

_CALLS = {
    "PartitionedCall": ("Tin", 0, ("f",)),
    "StatefulPartitionedCall": ("Tin", 0, ("f",)),
    "If": ("Tin", 1, ("then_branch", "else_branch")),
    "StatelessIf": ("Tin", 1, ("then_branch", "else_branch")),
    "While": ("T", 0, ("cond", "body")),
    "StatelessWhile": ("T", 0, ("cond", "body")),
}
"""Operators that call functions: their attribute of argument types, the index of the first argument, their functions."""

_LOOPS = ("While", "StatelessWhile")


class _HandleNeeded(Exception):
    """An operator needs the handle of a variable, not its value: that variable is not lifted."""

    def __init__(self, tensor: str) -> None:
        super().__init__(tensor)
        self.tensor = tensor


@dataclass(frozen=True)
class _Source:
    """A variable of the function: the name of its node, its weight, whether the node is a resource handle."""

    node: str
    weight: Weight
    handle: bool


@dataclass
class Lifted:
    """A function whose variables are lifted to arguments.

    Attributes:
        weights: the arguments of `call` after the function's inputs: variables of at least the size asked for.
    """

    weights: list[Weight]
    _graph: GraphDef
    _inputs: list[str]
    _outputs: list[tuple[str, tf.TensorShape]]
    _fixed: dict[str, Callable[[], tf.Tensor]]
    _lifted: list[str]

    def call(self, *tensors: tf.Tensor) -> list[tf.Tensor]:
        """Call the function on its inputs and then the weights; return its outputs in order."""
        names = [*self._inputs, *self._lifted]
        fed = dict(zip(names, tensors, strict=True)) | {name: read() for name, read in self._fixed.items()}
        present = {node.name for node in self._graph.node}
        fed = {name: tensor for name, tensor in fed.items() if name.partition(":")[0] in present}
        outputs = [name for name, _ in self._outputs]
        results = tf.graph_util.import_graph_def(self._graph, input_map=fed, return_elements=outputs, name="model")
        for result, (_, shape) in zip(results, self._outputs, strict=True):
            result.set_shape(shape)  # a result of a table's handle has lost it
        return list(results)


def lift(function: tf.types.experimental.ConcreteFunction, *, smallest: int = 0) -> Lifted:
    """Lift the variables of a traced function.

    Args:
        function: its flat inputs are the tensors among its structured inputs, in order.
        smallest: variables below this size in bytes become constants instead.
    """
    graph = function.graph
    sources = {source.node: source for source in _sources(function)}
    while True:
        definition = graph.as_graph_def()
        lower_cases(definition)
        move_first_writes(definition)
        handles = {name: source.weight.dtype for name, source in sources.items() if source.handle}
        dtypes = {name: tf.as_dtype(dtype).as_datatype_enum for name, dtype in handles.items()}
        try:
            _Rewriting(definition).main(dtypes)
            break
        except _HandleNeeded as needed:
            del sources[needed.tensor]
    for node in definition.node:
        if node.op == "VariableV2":
            node.op = "Placeholder"
            for attribute in ("container", "shared_name"):
                node.attr.pop(attribute, None)
    captures = {inner.op.name: outer for outer, inner in graph.captures if inner.op.name not in sources}
    big = [source for source in sources.values() if source.weight.nbytes >= smallest]
    fixed: dict[str, Callable[[], tf.Tensor]] = {
        f"{source.node}:0": _constant(source.weight) for source in sources.values() if source not in big
    }
    variables = {id(variable.handle): variable for variable in graph.variables if hasattr(variable, "handle")}
    fixed |= {f"{name}:0": _captured(outer, variables.get(id(outer))) for name, outer in captures.items()}
    taken = {inner.op.name for _, inner in graph.captures}
    return Lifted(
        weights=[source.weight for source in big],
        _graph=definition,
        _inputs=[tensor.name for tensor in graph.inputs if tensor.op.name not in taken],
        _outputs=[(tensor.name, tensor.shape) for tensor in graph.outputs],
        _fixed=fixed,
        _lifted=[f"{source.node}:0" for source in big],
    )


def _constant(weight: Weight) -> Callable[[], tf.Tensor]:
    value = weight.read()  # now: while a function is traced, variables have no values
    return lambda: tf.constant(value)


def _captured(tensor: tf.Tensor, variable: tf.Variable | None) -> Callable[[], tf.Tensor]:
    """Return a function that captures a tensor in the graph being traced, a variable's handle with its variable."""

    def read() -> tf.Tensor:
        if variable is not None:
            variable.read_value()
        graph = tf.compat.v1.get_default_graph()
        return graph.capture(tensor) if hasattr(graph, "capture") else tensor

    return read


def _sources(function: tf.types.experimental.ConcreteFunction) -> list[_Source]:
    """Return the captured variables, and those of TensorFlow 1, which are nodes of the graph with the value as output."""
    graph, found = function.graph, []
    handles = {id(variable.handle): variable for variable in graph.variables if hasattr(variable, "handle")}
    for outer, inner in graph.captures:
        variable = handles.get(id(outer))
        if variable is not None and variable.shape.is_fully_defined():
            weight = Weight(variable.name, variable.dtype.name, tuple(variable.shape.as_list()), variable.numpy)
            found.append(_Source(inner.op.name, weight, handle=True))
    for operation in graph.get_operations():
        if operation.type == "VariableV2":
            tensor = operation.outputs[0]
            shape = tuple(tensor.shape.as_list())
            weight = Weight(operation.name, tensor.dtype.base_dtype.name, shape, _reader(function, tensor))
            found.append(_Source(operation.name, weight, handle=False))
    names = unique(source.weight.name.partition(":")[0] or "variable" for source in found)
    return [
        replace(source, weight=replace(source.weight, name=name)) for source, name in zip(found, names, strict=True)
    ]


def _reader(function: tf.types.experimental.ConcreteFunction, tensor: tf.Tensor) -> Callable[[], NDArray[Any]]:
    def read() -> NDArray[Any]:
        with function.graph.as_default():
            value = tf.identity(tensor)
        array: NDArray[Any] = function.prune([], value)().numpy()
        return array

    return read


@dataclass
class _Rewriting:
    """Rewrites a GraphDef in place, its library included."""

    graph: GraphDef
    _made: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def main(self, dtypes: dict[str, int]) -> None:
        """Let the nodes of these names be values of these dtypes (enum numbers).

        Raises:
            _HandleNeeded: with the name of one that must stay a handle.
        """
        origins = {alias: name for name in dtypes for alias in (name, f"{name}:0")}
        values = {alias: dtypes[name] for alias, name in origins.items()}
        self._body(self.graph.node, values, origins, function=False)

    def _body(
        self, nodes: Iterable[NodeDef], values: dict[str, int], origins: dict[str, str], *, function: bool
    ) -> dict[str, str]:
        """Rewrite nodes in their order; return the new names of renamed tensors, by the old ones."""
        renamed: dict[str, str] = {}
        for node in nodes:
            for index, name in enumerate(node.input):
                node.input[index] = renamed.get(name, name)
            held = {index: name for index, name in enumerate(node.input) if name in values}
            if not held:
                continue
            if node.op in _CALLS:
                self._called(node, held, values, origins, function)
                continue
            name = next(iter(held.values()))
            own = dict.fromkeys(_aliases(node.name, function), values[name])
            self._use(node, name, values[name], origins)
            if node.op == "Identity" and "_passes" in node.attr:
                del node.attr["_passes"]
                values |= own
                origins |= dict.fromkeys(own, origins[name])
            elif function and node.op == "Identity":
                renamed[f"{node.name}:value:0"] = f"{node.name}:output:0"
        return renamed

    def _use(self, node: NodeDef, name: str, dtype: int, origins: dict[str, str]) -> None:
        """Rewrite an operator on a handle into one on a value."""
        attributes = node.attr
        if node.op == "ReadVariableOp":
            node.op = "Identity"
            del attributes["dtype"]
            attributes["T"].type = dtype
        elif node.op == "ResourceGather" and not attributes["batch_dims"].i:
            node.op = "Gather"
            for extra in ("dtype", "batch_dims"):
                del attributes[extra]
            attributes["Tparams"].type = dtype
        elif node.op == "VariableShape":
            node.op = "Shape"
            attributes["T"].type = dtype
        elif node.op == "Identity":
            attributes["T"].type = dtype
            attributes["_passes"].b = True
        else:
            raise _HandleNeeded(origins[name])

    def _called(
        self, node: NodeDef, held: dict[int, str], values: dict[str, int], origins: dict[str, str], function: bool
    ) -> None:
        """Let the functions that a node calls take values for handles."""
        attribute, start, keys = _CALLS[node.op]
        types = node.attr[attribute].list
        dtypes = {index - start: values[name] for index, name in held.items()}
        tracked = {index - start: origins[name] for index, name in held.items()}
        for index, dtype in dtypes.items():
            types.type[index] = dtype
        shapes = node.attr["output_shapes"].list.shape if node.op in _LOOPS else []
        for key in keys:
            called, returned = node.attr[key].func, dtypes if key == "body" else {}
            called.name = self._copied(called.name, dtypes, returned, tracked)
        if node.op in _LOOPS:
            for index, dtype in dtypes.items():
                if index < len(shapes):
                    shapes[index].Clear()
                    shapes[index].unknown_rank = True
                for alias in _aliases(node.name, function, index):
                    values[alias], origins[alias] = dtype, tracked[index]

    def _copied(self, name: str, dtypes: dict[int, int], returned: dict[int, int], tracked: dict[int, str]) -> str:
        """Return the name of a copy of a function that takes values for some of its arguments."""
        key = name, tuple(sorted(dtypes.items())), tuple(sorted(returned))
        if key in self._made:
            return self._made[key]
        original = next(item for item in self.graph.library.function if item.signature.name == name)
        copy = self.graph.library.function.add()
        copy.CopyFrom(original)
        copy.signature.name = self._made[key] = f"{name}_lifted_{len(self._made)}"
        arguments = copy.signature.input_arg
        values = {arguments[index].name: dtype for index, dtype in dtypes.items()}
        origins = {arguments[index].name: origin for index, origin in tracked.items()}
        for index, dtype in dtypes.items():
            arguments[index].type = dtype
            copy.arg_attr.pop(index, None)
            del arguments[index].handle_data[:]
        for index, dtype in returned.items():
            copy.signature.output_arg[index].type = dtype
            del copy.signature.output_arg[index].handle_data[:]
        renamed = self._body(copy.node_def, values, origins, function=True)
        for output, tensor in copy.ret.items():
            copy.ret[output] = renamed.get(tensor, tensor)
        given = {argument.name for index, argument in enumerate(copy.signature.output_arg) if index in returned}
        for output, tensor in copy.ret.items():
            if tensor in values and output not in given:
                raise _HandleNeeded(origins[tensor])
        return self._made[key]


def _aliases(node: str, function: bool, index: int = 0) -> Sequence[str]:
    """Return the spellings of a node's output as an input of others."""
    if function:
        return [f"{node}:output:{index}"]
    return [f"{node}:{index}", *([node] if index == 0 else [])]
