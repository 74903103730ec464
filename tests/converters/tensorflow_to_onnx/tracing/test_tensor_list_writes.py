"""A loop whose list has its first element from before it is rewritten, and exported with what it returns."""

import onnx_ir as ir
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import ran

from modelport.signature import TensorSpec
from modelport_converters.tensorflow_to_onnx.export import export
from modelport_converters.tensorflow_to_onnx.tracing.graph_defs import node_defs
from modelport_converters.tensorflow_to_onnx.tracing.tensor_list_writes import move_first_writes
from modelport_converters.tensorflow_to_onnx.tracing.variable_lifting import lift

ROWS = tf.TensorSpec([None, 3], tf.float32)


def scanned(x):
    return tf.scan(lambda state, row: state * 0.5 + row, x)


def inside(x):
    return tf.function(scanned)(x) * 2.0


def pair(x):
    return tf.scan(lambda state, row: (state[0] + row[0], state[1] * row[1]), (x, x + 1.0))


def begun(x):
    return tf.scan(lambda state, row: state + row, x, initializer=tf.ones([3]))


def traced(call):
    return tf.function(call).get_concrete_function(ROWS)


@pytest.mark.parametrize("call", [scanned, inside, pair, begun])
def test_the_collected_rows_are_those_of_tensorflow(call):
    lifted = lift(traced(call))  # which rewrites the graph
    inputs, count = [TensorSpec("x", "float32", ("N", 3))], 2 if call is pair else 1
    outputs = [TensorSpec(f"y{index}", "float32", None) for index in range(count)]
    model = ir.to_proto(export(lifted.call, inputs, outputs, opset=18, owner=tf.Module()))
    for rows in (1, 2, 5):
        expected = tf.nest.flatten(call(tf.constant(floats(rows, 3))))
        for result, reference in zip(ran(model, x=floats(rows, 3)), expected, strict=True):
            assert result.shape == reference.shape
            tf.debugging.assert_near(result, reference)


@pytest.mark.parametrize("call", [scanned, inside])
def test_the_first_element_is_concatenated_before_the_stacked_ones(call):
    graph = traced(call).graph.as_graph_def()
    move_first_writes(graph)
    (whole,) = [node for node in node_defs(graph) if node.op == "ConcatV2"]
    assert whole.input[0].startswith(f"{whole.name}_first")
    assert whole.input[1].startswith(f"{whole.name}_rest")


def test_a_loop_with_an_initializer_is_left_alone():
    graph = traced(begun).graph.as_graph_def()
    before = graph.SerializeToString(deterministic=True)
    move_first_writes(graph)
    assert graph.SerializeToString(deterministic=True) == before
