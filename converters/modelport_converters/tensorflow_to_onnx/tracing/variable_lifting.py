"""The variables of a traced function as arguments, so that their values stay outside the graph while it is translated.

A ConcreteFunction captures the handles of its variables. Here its graph is rewritten until it takes values in their place:
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
from modelport_converters.tensorflow_to_onnx.tracing.case_lowering import without_cases
from modelport_converters.tensorflow_to_onnx.tracing.tensor_list_writes import without_first_writes

if TYPE_CHECKING:
    from collections.abc import Iterable

_CALLS = {
    "PartitionedCall": ("Tin", 0, ("f",)),
    "StatefulPartitionedCall": ("Tin", 0, ("f",)),
    "If": ("Tin", 1, ("then_branch", "else_branch")),
    "StatelessIf": ("Tin", 1, ("then_branch", "else_branch")),
    "While": ("T", 0, ("cond", "body")),
    "StatelessWhile": ("T", 0, ("cond", "body")),
}
"""Operators that call functions: the attribute with the types of what they pass on, where that begins, the functions."""

_LOOPS = ("While", "StatelessWhile")


class _Bound(Exception):  # it is caught here, and no error
    """An operator needs the variable itself, not its value."""

    def __init__(self, tensor: str) -> None:
        super().__init__(tensor)
        self.tensor = tensor


@dataclass(frozen=True)
class _Source:
    """A variable of the function: the name of the node that stands for it, its weight, whether the node is a handle."""

    node: str
    weight: Weight
    handle: bool


@dataclass
class Lifted:
    """A function without its variables.

    Attributes:
        weights: what `call` takes after the function's inputs, those of at least the size asked for.
    """

    weights: list[Weight]
    _graph: Any
    _inputs: list[str]
    _outputs: list[tuple[str, tf.TensorShape]]
    _fixed: dict[str, Callable[[], tf.Tensor]]
    _lifted: list[str]

    def call(self, *tensors: tf.Tensor) -> list[tf.Tensor]:
        """Return the function's outputs in order, of its inputs and then the weights."""
        names = [*self._inputs, *self._lifted]
        fed = dict(zip(names, tensors, strict=True)) | {name: read() for name, read in self._fixed.items()}
        present = {node.name for node in self._graph.node}
        fed = {name: tensor for name, tensor in fed.items() if name.partition(":")[0] in present}
        outputs = [name for name, _ in self._outputs]
        results = tf.graph_util.import_graph_def(self._graph, input_map=fed, return_elements=outputs, name="model")
        for result, (_, shape) in zip(results, self._outputs, strict=True):
            result.set_shape(shape)  # what came of a table's handle has lost it
        return list(results)


def lift(function: Any, *, smallest: int = 0) -> Lifted:
    """Take the variables out of a ConcreteFunction.

    Args:
        function: its flat inputs are the tensors among its structured inputs, in order.
        smallest: variables below this size in bytes become constants.
    """
    graph = function.graph
    sources = {source.node: source for source in _sources(function)}
    while True:
        definition = graph.as_graph_def()
        without_cases(definition)
        without_first_writes(definition)
        handles = {name: source.weight.dtype for name, source in sources.items() if source.handle}
        dtypes = {name: tf.as_dtype(dtype).as_datatype_enum for name, dtype in handles.items()}
        try:
            _Rewriting(definition).main(dtypes)
            break
        except _Bound as bound:
            del sources[bound.tensor]
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


def _captured(tensor: Any, variable: Any) -> Callable[[], tf.Tensor]:
    """Return what gives a captured tensor; a variable's handle is made known to the graph that is traced."""

    def read() -> tf.Tensor:
        if variable is not None:
            variable.read_value()
        graph = tf.compat.v1.get_default_graph()
        return graph.capture(tensor) if hasattr(graph, "capture") else tensor

    return read


def _sources(function: Any) -> list[_Source]:
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


def _reader(function: Any, tensor: Any) -> Callable[[], Any]:
    def read() -> Any:
        with function.graph.as_default():
            value = tf.identity(tensor)
        return function.prune([], value)().numpy()

    return read


@dataclass
class _Rewriting:
    """Rewrites a GraphDef in place, its library included."""

    graph: Any
    _made: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def main(self, dtypes: dict[str, int]) -> None:
        """Take the nodes of these names for values of these dtypes; raises _Bound with the name of one that must stay."""
        origins = {alias: name for name in dtypes for alias in (name, f"{name}:0")}
        values = {alias: dtypes[name] for alias, name in origins.items()}
        self._body(self.graph.node, values, origins, function=False)

    def _body(
        self, nodes: Iterable[Any], values: dict[str, int], origins: dict[str, str], *, function: bool
    ) -> dict[str, str]:
        """Rewrite nodes in their order; return what was called otherwise before."""
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

    def _use(self, node: Any, name: str, dtype: int, origins: dict[str, str]) -> None:
        """Rewrite an operator on a handle."""
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
            raise _Bound(origins[name])

    def _called(
        self, node: Any, held: dict[int, str], values: dict[str, int], origins: dict[str, str], function: bool
    ) -> None:
        """Let the functions that a node calls take values."""
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
        """Return the name of a copy of a function that takes values as some of its arguments."""
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
                raise _Bound(origins[tensor])
        return self._made[key]


def _aliases(node: str, function: bool, index: int = 0) -> Sequence[str]:
    """Return how a node's output is written as an input of others."""
    if function:
        return [f"{node}:output:{index}"]
    return [f"{node}:{index}", *([node] if index == 0 else [])]
