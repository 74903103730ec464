"""Lowering of Case (tf.switch_case) to nested If: ONNX has branches of two only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from modelport_converters.tensorflow_to_onnx.tracing.graph_defs import node_defs

if TYPE_CHECKING:
    from tensorflow.core.framework.function_pb2 import FunctionDef
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef

_CASES = ("Case", "StatelessCase")
_INT32 = tf.int32.as_datatype_enum


def lower_cases(graph: GraphDef) -> None:
    """Replace every Case of a GraphDef, its function library included, by a call of a function of nested Ifs, in place."""
    for node in list(node_defs(graph)):
        if node.op in _CASES:
            _lower(graph, node)


def _lower(graph: GraphDef, node: NodeDef) -> None:
    given, results = list(node.attr["Tin"].list.type), list(node.attr["Tout"].list.type)
    branches = [branch.name for branch in node.attr["branches"].list.func]
    stem = f"{branches[0]}_choice_{len(graph.library.function)}"
    following = _called(
        graph, f"{stem}_last", branches[-1], given, results
    )  # the default: also for an index out of range
    for index in reversed(range(len(branches) - 1)):
        chosen = _called(graph, f"{stem}_{index}_is", branches[index], given, results)
        following = _chosen(graph, f"{stem}_{index}", index, (chosen, following), given, results)
    node.op = "StatefulPartitionedCall" if node.op == "Case" else "PartitionedCall"
    for attribute in list(node.attr):
        del node.attr[attribute]
    _set(node, following, [_INT32, *given], results)


def _function(graph: GraphDef, name: str, given: Sequence[int], results: Sequence[int], caller: str) -> FunctionDef:
    """Add a function of an index and the arguments of the branches, which returns the outputs of its node `caller`."""
    function = graph.library.function.add()
    function.signature.name = name
    function.signature.input_arg.add(name="index", type=_INT32)
    for position, kind in enumerate(given):
        function.signature.input_arg.add(name=f"a{position}", type=kind)
    for position, kind in enumerate(results):
        function.signature.output_arg.add(name=f"r{position}", type=kind)
        function.ret[f"r{position}"] = f"{caller}:output:{position}"
    return function


def _called(graph: GraphDef, name: str, branch: str, given: Sequence[int], results: Sequence[int]) -> str:
    """Add a function that ignores the index and calls a branch; return its name."""
    function = _function(graph, name, given, results, "call")
    node = function.node_def.add(name="call", op="StatefulPartitionedCall")
    node.input.extend(f"a{position}" for position in range(len(given)))
    _set(node, branch, given, results)
    return name


def _chosen(
    graph: GraphDef, name: str, index: int, branches: tuple[str, str], given: Sequence[int], results: Sequence[int]
) -> str:
    """Add a function that calls the first branch for the given index, else the second; return its name."""
    function = _function(graph, name, given, results, "choice")
    number = function.node_def.add(name="number", op="Const")
    number.attr["dtype"].type = _INT32
    number.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(index, tf.int32))
    equal = function.node_def.add(name="equal", op="Equal", input=["index", "number:output:0"])
    equal.attr["T"].type = _INT32
    node = function.node_def.add(name="choice", op="If", input=["equal:z:0", "index"])
    node.input.extend(f"a{position}" for position in range(len(given)))
    node.attr["Tcond"].type = tf.bool.as_datatype_enum
    node.attr["then_branch"].func.name, node.attr["else_branch"].func.name = branches
    node.attr["Tin"].list.type.extend([_INT32, *given])
    node.attr["Tout"].list.type.extend(results)
    return name


def _set(node: NodeDef, called: str, given: Sequence[int], results: Sequence[int]) -> None:
    node.attr["f"].func.name = called
    node.attr["Tin"].list.type.extend(given)
    node.attr["Tout"].list.type.extend(results)
