"""Programs outside the graph and bfloat16 are refused with their nodes."""

import numpy as np
import pytest
import tensorflow as tf

from modelport.errors import CannotConvert, UnsupportedOps
from modelport.signature import TensorSpec
from modelport_converters.tensorflow_to_onnx.export import export
from modelport_converters.tensorflow_to_onnx.handler import NEWEST_OPSET
from modelport_converters.tensorflow_to_onnx.tracing.refusals import refuse_bfloat16, refuse_programs

ROW = tf.TensorSpec([3], tf.float32)


def graph(call):
    return tf.function(call, autograph=False).get_concrete_function(ROW).graph.as_graph_def()


@pytest.mark.parametrize("deep", [False, True], ids=["in the graph", "in a function"])
@pytest.mark.parametrize(
    "call", [lambda x: tf.numpy_function(np.sin, [x], tf.float32), lambda x: tf.py_function(tf.sin, [x], tf.float32)]
)
def test_python_functions_are_refused(call, deep):
    inner = tf.function(call) if deep else call
    with pytest.raises(UnsupportedOps, match="runs Python code"):
        refuse_programs(graph(inner))


def test_bfloat16_is_refused_where_it_is_in_a_function_only():
    inner = tf.function(lambda x: tf.cast(tf.cast(x, tf.bfloat16), tf.float32))
    with pytest.raises(CannotConvert, match="bfloat16") as raised:
        refuse_bfloat16(graph(lambda x: inner(x) + 1.0))
    assert "nodes" in raised.value.where


def test_ordinary_graphs_pass():
    definition = graph(lambda x: tf.cast(x, tf.float16) * 2)
    refuse_programs(definition)
    refuse_bfloat16(definition)


def test_a_compiled_jax_function_is_refused_by_name():
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops

    def call(x):
        keywords = {"version": 9, "module": b"", "Sout": [(None, 4)], "Tout": ["float32"], "platforms": ["CPU"]}
        return gen_xla_ops.xla_call_module([x], **keywords)

    port, owner = TensorSpec("x", "float32", ("N", 4)), tf.Module()
    with pytest.raises(UnsupportedOps, match=r"XlaCallModule, node .*: runs a compiled JAX function"):
        export(call, [port], [port], opset=NEWEST_OPSET, owner=owner)
