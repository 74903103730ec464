"""Freezing: a traced function as a GraphDef with constants for its variables, optimized by Grappler.

TensorFlow's own `convert_variables_to_constants_v2` builds the frozen graph anew as a function, node by node in Python, only
to have it written as a GraphDef again: a quarter of the time of a whole conversion. tf2onnx's way for large models leaves
that out, and Grappler, which is called here. Only lookup tables it cannot find.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf
from tf2onnx import tf_loader

from modelport.errors import CannotConvert
from modelport_converters.tensorflow_to_onnx.tracing.graph_defs import node_defs, node_of

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef

_LARGEST_BYTES = 2**31
"""The limit of a protobuf message, and so of a GraphDef."""

_ASSIGNMENTS = ("AssignVariableOp", "AssignSubVariableOp")


def frozen(
    function: tf.types.experimental.ConcreteFunction, sources: list[str], targets: list[str], owner: tf.Module
) -> tuple[GraphDef, Any]:
    """Freeze a function.

    Args:
        function: traced.
        sources: the names of its input tensors.
        targets: the names of its output tensors.
        owner: the trackable object that holds its variables and lookup tables.

    Returns:
        The GraphDef, and the lookup tables in the form that tf2onnx takes them in.

    Raises:
        CannotConvert: for 2 GB of weights.
    """
    traced = function.graph.as_graph_def()
    _refuse_large(function, traced)
    has_tables = any("Table" in node.op for node in node_defs(traced))
    graph, tables = tf_loader.from_trackable(owner, function, sources, targets, not has_tables)
    graph = tf_loader.fix_freezing_errors_part2(graph)
    _allow_inlining(graph)
    _drop_assignments(graph)
    _prune(graph, [*sources, *targets])
    with tf.Graph().as_default():  # tf2onnx asks TensorFlow for something that it has only outside eager execution
        return tf_loader.tf_optimize(sources, targets, graph), tables


def _refuse_large(function: tf.types.experimental.ConcreteFunction, traced: GraphDef) -> None:
    captured = [tensor for tensor in function.captured_inputs if tensor.dtype != tf.resource]
    held = [*function.graph.variables, *captured]
    sizes = [(item.shape.num_elements() or 0) * item.dtype.size for item in held]
    if sum(sizes) + traced.ByteSize() >= _LARGEST_BYTES:
        raise CannotConvert(
            "the weights exceed 2 GB, which TensorFlow cannot freeze into one graph",
            remedy="convert the Keras model that it was exported from, or store the weights as float16",
        )


def _allow_inlining(graph: GraphDef) -> None:
    """Unmark functions compiled with XLA, which Grappler keeps as calls (Keras compiles grouped convolutions)."""
    for item in (*node_defs(graph), *graph.library.function):
        if "_XlaMustCompile" in item.attr:
            del item.attr["_XlaMustCompile"]
            if "_noinline" in item.attr:
                del item.attr["_noinline"]


def _drop_assignments(graph: GraphDef) -> None:
    """Remove assignments to variables that are constants by now: layers count their draws of random numbers."""
    handles = {node.name for node in graph.node if node.op == "VarHandleOp"}
    dropped = {
        f"^{node.name}" for node in graph.node if node.op in _ASSIGNMENTS and node_of(node.input[0]) not in handles
    }
    for node in graph.node:
        if dropped.intersection(node.input):
            node.input[:] = [name for name in node.input if name not in dropped]


def _prune(graph: GraphDef, tensors: list[str]) -> None:
    """Remove the nodes that none of the tensors depends on, in place: nothing is copied."""
    by_name = {node.name: node for node in graph.node}
    waiting, needed = list(map(node_of, tensors)), set[str]()
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in needed:
            needed.add(name)
            waiting += map(node_of, by_name[name].input)
    for index in reversed(range(len(graph.node))):
        if graph.node[index].name not in needed:
            del graph.node[index]
