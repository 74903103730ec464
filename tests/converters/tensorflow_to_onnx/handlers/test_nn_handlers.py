"""Convolutions and activations against TensorFlow itself."""

import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import agrees


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_three_dimensional_convolutions_have_groups(groups, padding):
    kernel = tf.constant(floats(2, 3, 2, 4 // groups, 8))
    compiled = tf.function(lambda x: tf.nn.conv3d(x, kernel, [1, 2, 2, 2, 1], padding), jit_compile=True)
    agrees(compiled, floats(2, 5, 6, 7, 4), open_axes=())


def test_the_groups_of_a_kernel_that_is_an_input_are_seen():
    compiled = tf.function(lambda x, kernel: tf.nn.conv3d(x, kernel, [1] * 5, "SAME"), jit_compile=True)
    agrees(compiled, floats(2, 5, 4, 3, 4), floats(3, 3, 3, 2, 6), open_axes=())


@pytest.mark.parametrize("activation", ["elu", "selu", "softplus", "softsign", "leaky_relu"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_have_kernels_in_both_precisions(activation, dtype):
    x = np.array([-800, -3, -1e-3, 0, 1e-3, 2.5, 800], dtype)
    agrees(getattr(tf.nn, activation), x, tolerance=1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_strides_wider_than_the_kernel_leave_zeros(kernel, padding):
    weights = tf.constant(floats(kernel, kernel, 5, 4))
    size = (2, 12, 9, 5) if padding == "SAME" else (2, 9 + kernel, 6 + kernel, 5)

    def call(x):
        return tf.nn.conv2d_transpose(x, weights, size, 3, padding)

    agrees(call, floats(2, 4, 3, 4), open_axes=())


@pytest.mark.parametrize("labels", [[0, 3, 1], [2, 2, 0]])
def test_a_target_is_in_the_best_when_fewer_score_higher(labels):
    scores = np.array([[0.1, 0.5, 0.5, 0.2], [1, 1, 1, np.inf], [3, 2, 1, 0]], "float32")
    agrees(lambda x, y: tf.math.in_top_k(y, x, 2), scores, np.array(labels, "int32"))
