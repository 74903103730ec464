"""What is refused in a graph before tf2onnx sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from modelport.errors import CannotConvert, UnsupportedOps
from modelport_converters.tensorflow_to_onnx.tracing.graph_defs import node_defs

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef

_PROGRAMS = {
    **dict.fromkeys(("PyFunc", "PyFuncStateless", "EagerPyFunc"), "runs Python code"),
    "XlaCallModule": "runs a compiled JAX function",
}
"""Operators that call a program which is not in the graph."""


def refuse_programs(graph: GraphDef) -> None:
    """Raise UnsupportedOps for operators that call Python or compiled JAX functions."""
    nodes = [node for node in node_defs(graph) if node.op in _PROGRAMS]
    found = [f"{node.op}, node {node.name!r}: {_PROGRAMS[node.op]}" for node in nodes]
    if found:
        remedy = "replace tf.py_function, tf.numpy_function and functions of JAX by TensorFlow operations"
        raise UnsupportedOps(found, remedy=remedy)


def refuse_bfloat16(graph: GraphDef) -> None:
    """Raise CannotConvert for bfloat16, which tf2onnx would compute in float16: that has another range."""
    bfloat16 = tf.bfloat16.as_datatype_enum
    found = [node.name for node in node_defs(graph) if any(value.type == bfloat16 for value in node.attr.values())]
    if found:
        raise CannotConvert(
            "the model computes in bfloat16, for which tf2onnx has no form",
            where=f"{len(found)} nodes, the first of them {found[0]!r}",
            remedy="build the model with the dtype policy float32 or mixed_float16 and load the same weights",
        )
