"""Weights outside the graph: what is computed of them alone, and what scales the channels behind them, is taken in."""

from collections import Counter

import numpy as np
import onnx_ir as ir
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import ran

from modelport.signature import TensorSpec
from modelport_converters.tensorflow_to_onnx.detached_weights import Weight
from modelport_converters.tensorflow_to_onnx.export import export


class Outside:
    """A function of an input and of weights, converted with the weights outside the graph."""

    def __init__(self, function, x, *arrays):
        self.reads, self.x = [], x
        weights = [
            Weight(f"w{index}", "float32", array.shape, lambda array=array: self.reads.append(1) or array)
            for index, array in enumerate(arrays)
        ]
        self.expected = function(tf.constant(x), *map(tf.constant, arrays)).numpy()
        source, target = TensorSpec("x", "float32", ("N", *x.shape[1:])), TensorSpec("y", "float32", None)
        self.model = export(
            lambda *tensors: [function(*tensors)], (source,), (target,), opset=18, owner=tf.Module(), weights=weights
        )
        self.ops = Counter(node.op_type for node in self.model.graph)

    def check(self):
        (y,) = ran(ir.to_proto(self.model), x=self.x)
        np.testing.assert_allclose(y, self.expected, rtol=1e-4, atol=1e-5)
        return self


def test_the_kernel_of_a_convolution_is_transposed_while_it_is_read():
    made = Outside(
        lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"), floats(2, 8, 8, 16, seed=0), floats(3, 3, 16, 32, seed=1)
    )
    assert made.reads == []
    assert made.check().ops == {"Conv": 1, "Transpose": 2}  # of the input and of the output
    assert all(isinstance(value.const_value, ir.LazyTensor) for value in made.model.graph.initializers.values())


def test_scale_and_shift_of_the_channels_are_taken_into_a_convolution():
    scale, shift, bias = floats(5, seed=2), floats(5, seed=3), floats(5, seed=4)

    def normalized(x, w):
        return tf.nn.relu((tf.nn.conv2d(x, w, 2, "SAME") + bias) * scale + shift) - 1

    made = Outside(normalized, floats(2, 8, 8, 3, seed=0), floats(3, 3, 3, 5, seed=1)).check()
    assert not made.ops["Mul"]
    assert not made.ops["Add"]
    assert made.ops["Conv"] == 1


@pytest.mark.parametrize("function", [
    lambda y, c: y / (tf.abs(c) + 1), lambda y, c: y - c, lambda y, c: c * y, lambda y, c: c + y, lambda y, c: c - y,
    lambda y, c: c / (tf.abs(y) + 1),
], ids=["divided", "less", "factor first", "addend first", "taken from", "divided by"])  # fmt: skip
def test_every_operand_order_stays_right(function):
    c = floats(5, seed=2)
    Outside(
        lambda x, w: function(tf.nn.conv2d(x, w, 1, "VALID"), c), floats(2, 6, 6, 3, seed=0), floats(3, 3, 3, 5, seed=1)
    ).check()
    Outside(lambda x, w: function(tf.matmul(x, w), c), floats(2, 3, seed=0), floats(3, 5, seed=1)).check()


def test_a_transposed_convolution_takes_its_scale_in():
    scale, w = floats(5, seed=2), floats(3, 3, 5, 4, seed=1)
    call = lambda x, w: tf.nn.conv2d_transpose(x, w, [tf.shape(x)[0], 12, 12, 5], 2, "SAME") * scale  # noqa: E731
    assert not Outside(call, floats(2, 6, 6, 4, seed=0), w).check().ops["Mul"]


def test_a_scale_of_positions_is_none_of_channels():
    grid = floats(1, 6, 1, 1, seed=2)
    made = Outside(
        lambda x, w: tf.nn.conv2d(x, w, 1, "SAME") * grid, floats(2, 6, 6, 3, seed=0), floats(3, 3, 3, 5, seed=1)
    ).check()
    assert made.ops["Mul"] == 1


def test_a_weight_with_two_uses_stays_one_and_is_not_scaled():
    scale = floats(4, seed=2)
    made = Outside(
        lambda x, w: tf.matmul(x, w) * scale + tf.matmul(x + 1, w), floats(3, 4, seed=0), floats(4, 4, seed=1)
    ).check()
    assert made.ops["Mul"] == 1
    assert sum(np.prod(value.shape.numpy()) == 16 for value in made.model.graph.initializers.values()) == 1


def test_a_tied_embedding_is_stored_once():
    def tied(x, table):
        return tf.matmul(tf.gather(table, tf.cast(x, tf.int32)), table, transpose_b=True)

    made = Outside(tied, np.array([[0.0, 3.0], [5.0, 1.0]], "float32"), floats(8, 4, seed=1)).check()
    assert sum(np.prod(value.shape.numpy()) == 32 for value in made.model.graph.initializers.values()) == 1


def test_casts_and_reshapes_are_folded():
    made = Outside(
        lambda x, w: tf.matmul(x, tf.cast(tf.cast(tf.reshape(w, [4, 6]), tf.float16), tf.float32)),
        floats(2, 4, seed=0), floats(2, 12, seed=1),
    ).check()  # fmt: skip
    assert made.ops == {"MatMul": 1}  # halves are rounded to in the reading, not passed over


def test_a_broadcast_is_not_stored():
    made = Outside(lambda x, w: x * (w + tf.ones([64, 1])), floats(2, 64, 8, seed=0), floats(1, 8, seed=1)).check()
    assert max(int(np.prod(value.shape.numpy())) for value in made.model.graph.initializers.values()) <= 64
