"""Handlers of TensorFlow operators: plain functions over the values of `onnx_builder`, registered with tf2onnx.

A handler takes the operation and its inputs as values, and returns what takes the place of its outputs:

    @handler("Softsign")
    def softsign(_: Operation, x: Value) -> Value:
        return x / (fn.absolute(x) + 1.0)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from onnx import helper
from tf2onnx import constants
from tf2onnx.graph import Graph as TF2ONNXGraph
from tf2onnx.handler import tf_op
from tf2onnx.utils import make_name

from modelport_converters.onnx_builder import Graph, Value
from modelport_converters.onnx_builder.graph import element_type

NEWEST_OPSET = max(constants.OPSET_TO_IR_VERSION)
"""The newest opset that tf2onnx writes; a handler registered up to it replaces each of tf2onnx's own."""

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


class NodeGraph(Graph):
    """The builder's graph on top of tf2onnx's: nodes and constants go into `ctx`.

    Attributes:
        ctx: tf2onnx's graph.
        prefix: what the names of constants begin with.
    """

    root: NodeGraph

    def __init__(self, ctx: TF2ONNXGraph, prefix: str, outer: NodeGraph | None = None) -> None:
        super().__init__(int(ctx.opset), outer)
        self.ctx, self.prefix = ctx, prefix

    def child(self) -> NodeGraph:
        """Return an empty graph for the body of a node."""
        inner = self.ctx.create_new_graph_with_same_config()
        inner.parent_graph = self.ctx
        return NodeGraph(inner, self.prefix, self)

    def body(self, inputs: Sequence[Value], outputs: Sequence[Value], *, scalars: int = 0) -> TF2ONNXGraph:
        """Return tf2onnx's graph as the body of a node."""
        for place, value in enumerate(inputs):
            self.ctx.add_graph_input(value.name, element_type(value.dtype), [] if place < scalars else None)
        for value in outputs:  # without a shape, which tf2onnx's `add_graph_output` asks for
            self.ctx.outputs.append(value.name)
            self.ctx.set_dtype(value.name, element_type(value.dtype))
        return self.ctx

    def name(self, kind: str) -> str:
        """Return a name that is free in tf2onnx's graphs."""
        return str(make_name(self.prefix if kind == "constant" else kind))

    def add_node(
        self, kind: str, inputs: list[str], outputs: list[str], domain: str, attributes: dict[str, Any]
    ) -> None:
        """Write a node; its bodies are converted already."""
        bodies = {name: value for name, value in attributes.items() if isinstance(value, TF2ONNXGraph)}
        plain = {name: value for name, value in attributes.items() if name not in bodies}
        node = self.ctx.make_node(
            kind, inputs, attr=plain, outputs=outputs, name=outputs[0], domain=domain, branches=bodies
        )
        node.skip_conversion = bool(bodies)

    def add_constant(self, name: str, values: NDArray[Any]) -> None:
        """Write a constant into the outermost graph, whose constants bodies share."""
        self.root.ctx.make_const(name, values)


class Operation:
    """A TensorFlow operation on its way to ONNX: its attributes, and what is known of its inputs before the model runs.

    Attributes:
        ctx, node: tf2onnx's graph and the node in it.
        graph: the same graph, to write into with `onnx_builder`.
        inputs: the node's inputs, in their order.
        settings: what tf2onnx hands to every handler, such as the contents of lookup tables.
    """

    def __init__(self, ctx: TF2ONNXGraph, node: Any, settings: dict[str, Any]) -> None:
        self.ctx, self.node, self.settings = ctx, node, settings
        self.graph = NodeGraph(ctx, node.name)
        self.inputs = [self.value(name) for name in node.input]

    @property
    def type(self) -> str:
        """The TensorFlow operator's name."""
        return str(self.node.type)

    @property
    def opset(self) -> int:
        """The version of the default domain that is written."""
        return self.graph.opset

    @property
    def dtypes(self) -> list[np.dtype[Any]]:
        """The dtypes of the outputs; object for strings."""
        return [_dtype(self.ctx, name) for name in self.node.output]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the first output; object for strings."""
        return self.dtypes[0]

    def attr(self, name: str, default: Any = None) -> Any:
        """Return an attribute of the node; strings as str."""
        found = self.node.get_attr_value(name, default)
        return found.decode() if isinstance(found, bytes) else found

    def value(self, name: str) -> Value:
        """Return a tensor of tf2onnx's graph as a value."""
        return Value(self.graph, name, _dtype(self.ctx, name))

    def shape(self, x: Value) -> list[int] | None:
        """Return the static shape of a value, -1 where a size is dynamic; None for an unknown rank."""
        found: list[int] | None = self.ctx.get_shape(x.name)
        return found

    def rank(self, x: Value) -> int:
        """Return the rank of a value; raises ValueError where it is unknown."""
        shape = self.shape(x)
        if shape is None:
            raise ValueError("its input is of unknown rank")
        return len(shape)

    def sizes(self, x: Value, axes: Sequence[int]) -> list[int]:
        """Return static sizes; raises ValueError where one is dynamic."""
        shape = self.shape(x)
        if shape is None or any(shape[axis] < 0 for axis in axes):
            raise ValueError(f"the sizes of its axes {list(axes)} must be known: fix them with --input")
        return [shape[axis] for axis in axes]

    def is_constant(self, index: int) -> bool:
        """Whether an input is a constant."""
        return bool(self.source(index).is_const())

    def constant(self, index: int) -> NDArray[Any]:
        """Return the array of a constant input; raises ValueError for any other."""
        if not self.is_constant(index):
            raise ValueError(f"its input {index} must be a constant")
        return np.asarray(self.source(index).get_tensor_value(as_list=False))

    def source(self, index: int) -> Any:
        """Return tf2onnx's node that an input comes from, behind Identities."""
        return through(self.node.inputs[index])

    def upstream(self, own: Callable[..., None]) -> None:
        """Leave the node to one of tf2onnx's own handlers."""
        own(self.ctx, self.node, **self.settings)

    def drop_unread(self, source: Any) -> None:
        """Remove a node whose output only this operation reads."""
        if all(reader.name == self.node.name for reader in self.ctx.find_output_consumers(source.output[0])):
            self.ctx.remove_node(source.name)

    def replace(self, results: Sequence[Value]) -> None:
        """Put values in the place of the node's outputs, under their names."""
        ctx, node = self.ctx, self.node
        kept = [(name, ctx.get_shape(name), ctx.get_dtype(name)) for name in node.output]
        ctx.remove_node(node.name)
        for value, (name, shape, dtype) in zip(results, kept, strict=True):
            ctx.make_node("Identity", [value.name], outputs=[name], shapes=[shape], dtypes=[dtype])


def handler(*names: str, since: int = 13, register: Callable[..., Any] = tf_op) -> Callable[[_Handler], _Handler]:
    """Register a function as the handler of operators.

    The function takes the operation and its inputs as values; it returns the output, or a tuple of all outputs, as values. None
    leaves the node as it is: tf2onnx's own handler has changed it, or ONNX has the operator under the same name.
    It raises ValueError with the reason where ONNX cannot express the operation.

    Args:
        names: the operators.
        since: the opset of the newest ONNX operator that the function writes.
        register: tf2onnx's decorator: `tf_op`, or `tfl_op` for operators of TensorFlow Lite.
    """

    def registered(function: _Handler) -> _Handler:
        def handle(_class: Any, /, ctx: TF2ONNXGraph, node: Any, **settings: Any) -> None:
            operation = Operation(ctx, node, settings)
            result = function(operation, *operation.inputs)
            if result is not None:
                operation.replace(result if isinstance(result, tuple) else (result,))

        versions = {f"version_{version}": classmethod(handle) for version in range(since, NEWEST_OPSET + 1)}
        register(list(names))(type(function.__name__, (), {"__doc__": function.__doc__, **versions}))
        return function

    return registered


def through(node: Any, *types: str) -> Any:
    """Return tf2onnx's node behind Identities, and behind operators of other types that pass their first input on."""
    while node.type in ("Identity", *types):
        node = node.inputs[0]
    return node


def onnx_dtype(elem_type: int) -> np.dtype[Any]:
    """Return the NumPy dtype of an ONNX element type."""
    return np.dtype(helper.tensor_dtype_to_np_dtype(elem_type))


def _dtype(ctx: TF2ONNXGraph, name: str) -> np.dtype[Any]:
    """Return the dtype of a tensor; void for what is none, such as a lookup table."""
    found = ctx.get_dtype(name)
    return onnx_dtype(found) if found else np.dtype("V")
