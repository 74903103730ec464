"""tf2onnx's optimizers keep casts that round and sizes that are copied; one that fails is left out."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import assert_same
from tf2onnx.optimizer import optimizer_base

from modelport_converters.tensorflow_to_onnx import tf2onnx_optimizers


def ops(call, *arrays, **given):
    return Counter(node.op_type for node in assert_same(lambda *tensors: [call(*tensors)], *arrays, **given).graph.node)


@pytest.mark.parametrize("kind", ["int32", "float16", "int8"])
def test_a_cast_that_rounds_is_not_skipped(kind):
    array = np.array([0.3, 1.7, -2.5, 3.14159], "float32")
    assert ops(lambda x: tf.cast(tf.cast(x, kind), tf.float64), array)["Cast"] == 2


def test_reshapes_are_merged_and_one_that_copies_a_size_keeps_its_input():
    assert ops(lambda x: tf.reshape(tf.reshape(x, [-1, 4]), [2, 6]), floats(3, 4))["Reshape"] == 1
    ops(lambda x: tf.reshape(tf.reshape(x, [-1, 2, 3]), [-1, 3]), floats(2, 6))


def test_transposes_between_convolutions_are_pushed_together():
    kernel = tf.constant(floats(1, 1, 4, 4))

    def call(x):
        for _ in range(4):
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + 1.0)
        return x

    assert ops(call, floats(2, 5, 6, 4), open_axes=(0,), rtol=1e-4, atol=1e-4)["Transpose"] == 2


def test_an_optimizer_that_fails_is_left_out(monkeypatch):
    class Failing(optimizer_base.GraphOptimizerBase):
        def _optimize(self, graph):
            raise AssertionError

    monkeypatch.setitem(tf2onnx_optimizers._OPTIMIZERS, "failing", Failing)
    assert ops(lambda x: tf.nn.relu(tf.identity(x)) * 2.0, floats(2, 3))["Relu"] == 1
