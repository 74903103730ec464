"""A Case that is lowered to nested Ifs chooses the branch that TensorFlow chooses."""

import numpy as np
import pytest
import tensorflow as tf

from modelport_converters.tensorflow_to_onnx.tracing.case_lowering import lower_cases
from modelport_converters.tensorflow_to_onnx.tracing.graph_defs import node_defs

SPECS = (tf.TensorSpec([], tf.int32), tf.TensorSpec([None], tf.float32))
ROW = np.array([1.0, -2.0, 3.0], np.float32)


def one(index, x):
    return tf.switch_case(index, [lambda: x, lambda: x * 2, lambda: -x, lambda: tf.zeros_like(x)])


def nested(index, x):
    inner = tf.function(lambda at: tf.switch_case(at, [lambda: x + 1, lambda: x + 2, lambda: x * x]))
    return tf.switch_case(index, [lambda: x, lambda: inner(index), lambda: inner(index)])


def several(index, x):
    first, count = tf.switch_case(index, [lambda: (x, 1), lambda: (x * 3, 2), lambda: (x[:1], 3)])
    return first, count


def run(graph, function, index):
    """Run a GraphDef in place of the function that it is of."""
    fed = dict(zip([tensor.name for tensor in function.inputs], (index, ROW), strict=True))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(graph, name="")
        return session.run([tensor.name for tensor in function.outputs], fed)


@pytest.mark.parametrize("call", [one, nested, several])
def test_every_index_chooses_the_same_branch(call):
    function = tf.function(call).get_concrete_function(*SPECS)
    graph = function.graph.as_graph_def()
    assert any("Case" in node.op for node in node_defs(graph))
    lower_cases(graph)
    assert not any("Case" in node.op for node in node_defs(graph))
    for index in (-1, 0, 1, 2, 3, 7):  # the last branch is also that of an index out of range
        expected = tf.nest.flatten(call(tf.constant(index), tf.constant(ROW)))
        for result, reference in zip(run(graph, function, index), expected, strict=True):
            np.testing.assert_array_equal(result, reference)
