"""Rewriting of loops that fill a TensorArray whose first element was written before them (tf.scan without an initializer).

What an ONNX Loop collects begins with its first iteration. So the loop is given an empty list, and the first element is
concatenated before what the loop collects. The rewritten graph is for tf2onnx alone: TensorFlow stacks the unwritten element.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import tensorflow as tf

from modelport_converters.tensorflow_to_onnx.tracing.graph_defs import node_of

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
    from tensorflow.core.framework.function_pb2 import FunctionDef
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef

_LOOPS = ("While", "StatelessWhile")
_INT32 = tf.int32.as_datatype_enum


def move_first_writes(graph: GraphDef) -> None:
    """Rewrite such loops of a GraphDef, its function library included, in place."""
    _Body(graph.node, None).rewrite()
    for function in graph.library.function:
        _Body(function.node_def, function).rewrite()


@dataclass
class _Body:
    """The nodes of a GraphDef, or of a function of its library, where tensors are written `node:output:index`."""

    nodes: RepeatedCompositeFieldContainer[NodeDef]
    function: FunctionDef | None
    _by_name: dict[str, NodeDef] = field(init=False)

    def __post_init__(self) -> None:
        self._by_name = {node.name: node for node in self.nodes}

    def rewrite(self) -> None:
        """Rewrite the loops among the nodes."""
        for loop in [node for node in self.nodes if node.op in _LOOPS]:
            for index, tensor in enumerate(loop.input):
                write = self._producer(tensor)
                if write is not None and write.op == "TensorListSetItem" and self._is_zero(write.input[1]):
                    self._move(loop, index, write)

    def _move(self, loop: NodeDef, index: int, write: NodeDef) -> None:
        """Concatenate the element of a write before the stacked list of a loop, where the list is new and stacked."""
        new = self._producer(write.input[0])
        stacks = [node for node in self.nodes if node.op == "TensorListStack"]
        stacks = [node for node in stacks if self._origin(node.input[0]) == (loop.name, index)]
        if new is not None and new.op == "TensorListReserve" and stacks:
            loop.input[index] = write.input[0]
            for stack in stacks:
                self._prepend(stack, write)

    def _producer(self, tensor: str) -> NodeDef | None:
        return self._by_name.get(node_of(tensor))

    def _is_zero(self, tensor: str) -> bool:
        node = self._producer(tensor)
        return node is not None and node.op == "Const" and not tf.make_ndarray(node.attr["value"].tensor).any()

    def _origin(self, tensor: str) -> tuple[str, int] | None:
        """Return the node and the output index of the tensor behind Identity nodes."""
        node = self._producer(tensor)
        while node is not None and node.op == "Identity":
            tensor = node.input[0]
            node = self._producer(tensor)
        last = tensor.rpartition(":")[2]
        return None if node is None else (node.name, int(last) if last.isdigit() else 0)

    def _prepend(self, stack: NodeDef, write: NodeDef) -> None:
        """Concatenate the written element before the stacked ones, under the stack's name."""
        name, element = stack.name, stack.attr["element_dtype"].type
        stack.name = f"{name}_rest"
        stack.attr["num_elements"].i = -1
        axis = self.nodes.add(name=f"{name}_axis", op="Const")
        axis.attr["dtype"].type = _INT32
        axis.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(0, tf.int32))
        zero = self._tensor(axis)
        first = self.nodes.add(name=f"{name}_first", op="ExpandDims", input=[write.input[2], zero])
        first.attr["T"].type, first.attr["Tdim"].type = element, _INT32
        parts = [self._tensor(first), self._tensor(stack, "tensor")]
        whole = self.nodes.add(name=name, op="ConcatV2", input=[*parts, zero])
        whole.attr["N"].i = 2
        whole.attr["T"].type, whole.attr["Tidx"].type = element, _INT32
        if self.function is not None:
            self._rename(self.function, f"{name}:tensor:0", f"{name}:output:0")

    def _tensor(self, node: NodeDef, output: str = "output") -> str:
        """Return how the first output of a node is written as an input of others."""
        return node.name if self.function is None else f"{node.name}:{output}:0"

    def _rename(self, function: FunctionDef, before: str, after: str) -> None:
        for node in self.nodes:
            for index, tensor in enumerate(node.input):
                if tensor == before:
                    node.input[index] = after
        for output, tensor in function.ret.items():
            if tensor == before:
                function.ret[output] = after
