"""Products and diagonals of matrices against TensorFlow itself."""

import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import agrees


@pytest.mark.parametrize("offset", [-2, 0, 1])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_a_diagonal_is_replaced(offset, dtype):
    matrix = (10 * floats(2, 4, 5)).astype(dtype)
    count = min(4 + min(offset, 0), 5 - max(offset, 0))
    diagonal = np.arange(2 * count).reshape(2, count).astype(dtype)
    agrees(lambda m, d: tf.linalg.set_diag(m, d, k=offset), matrix, diagonal)


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_a_diagonal_becomes_a_tensor_and_is_taken_from_it(shape):
    agrees(lambda x: tf.raw_ops.Diag(diagonal=x), floats(*shape))
    agrees(lambda x: tf.raw_ops.DiagPart(input=x), floats(*shape, *shape))


def test_a_cross_product_is_taken_along_the_last_axis():
    agrees(tf.linalg.cross, floats(4, 3), floats(4, 3)[::-1].copy())


@pytest.mark.parametrize("leading", [(), (2,)])
def test_a_tridiagonal_matrix_is_multiplied(leading):
    def call(rows, right):
        return tf.linalg.tridiagonal_matmul(rows, right, diagonals_format="compact")

    agrees(call, floats(*leading, 3, 5), floats(*leading, 5, 4))
