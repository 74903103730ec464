"""A loop that fills a TensorArray whose first element was written before it (tf.scan without an initializer).

What a loop collects in ONNX begins with its first step. So the loop is given a new list, and the first element is put before
what it collects.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_LOOPS = ("While", "StatelessWhile")


def without_first_writes(graph: Any) -> None:
    """Rewrite such loops of a GraphDef, its library included, in place."""
    _rewrite(graph.node, None)
    for function in graph.library.function:
        _rewrite(function.node_def, function)


def _rewrite(nodes: Any, function: Any) -> None:
    by_name = {node.name: node for node in nodes}

    def source(tensor: str) -> Any:
        return by_name.get(tensor.partition(":")[0])

    def place(tensor: str) -> int:
        """Return which output of its node a tensor is."""
        last = tensor.rpartition(":")[2]
        return int(last) if last.isdigit() else 0

    def is_zero(tensor: str) -> bool:
        node = source(tensor)
        return node is not None and node.op == "Const" and not tf.make_ndarray(node.attr["value"].tensor).any()

    for loop in [node for node in nodes if node.op in _LOOPS]:
        for index, tensor in enumerate(loop.input):
            write = source(tensor)
            if write is None or write.op != "TensorListSetItem" or not is_zero(write.input[1]):
                continue
            new = source(write.input[0])
            stacks = [node for node in nodes if node.op == "TensorListStack"]
            stacks = [node for node in stacks if _origin(node.input[0], source, place) == (loop.name, index)]
            if new is not None and new.op == "TensorListReserve" and stacks:
                loop.input[index] = write.input[0]
                for stack in stacks:
                    _precede(nodes, function, stack, write)


def _origin(tensor: str, source: Any, place: Any) -> tuple[str, int] | None:
    """Return the node and the output that a tensor is, behind Identities."""
    node = source(tensor)
    while node is not None and node.op == "Identity":
        tensor = node.input[0]
        node = source(tensor)
    return None if node is None else (node.name, place(tensor))


def _precede(nodes: Any, function: Any, stack: Any, write: Any) -> None:
    """Put the element that was written first before the stacked ones, under the stack's name."""
    name, element = stack.name, stack.attr["element_dtype"].type
    stack.name = f"{name}_rest"
    stack.attr["num_elements"].i = -1
    axis = nodes.add(name=f"{name}_axis", op="Const")
    axis.attr["dtype"].type = tf.int32.as_datatype_enum
    axis.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(0, tf.int32))
    inner = function is not None
    zero = f"{axis.name}:output:0" if inner else axis.name
    first = nodes.add(name=f"{name}_first", op="ExpandDims", input=[write.input[2], zero])
    first.attr["T"].type, first.attr["Tdim"].type = element, tf.int32.as_datatype_enum
    parts = [f"{first.name}:output:0", f"{stack.name}:tensor:0"] if inner else [first.name, stack.name]
    whole = nodes.add(name=name, op="ConcatV2", input=[*parts, zero])
    whole.attr["N"].i = 2
    whole.attr["T"].type, whole.attr["Tidx"].type = element, tf.int32.as_datatype_enum
    if inner:
        for node in nodes:
            for index, tensor in enumerate(node.input):
                if tensor == f"{name}:tensor:0":
                    node.input[index] = f"{name}:output:0"
        for output, tensor in function.ret.items():
            if tensor == f"{name}:tensor:0":
                function.ret[output] = f"{name}:output:0"
