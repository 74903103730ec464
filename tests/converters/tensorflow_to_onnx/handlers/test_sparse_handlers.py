"""Sparse tensors against TensorFlow's own answers."""

import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import agrees, assert_same

INDICES = np.array([[0, 1], [1, 0], [1, 3], [2, 2]], "int64")
VALUES = np.array([1.5, -2.5, 3.0, 0.25])
SHAPE = (3, 4)


def sparse(call, shape=SHAPE, order=slice(None)):
    """Return a function of the values of a sparse tensor, and of what else the call takes."""
    return lambda values, *rest: call(tf.SparseTensor(INDICES[order], values, shape), *rest)


def parts(result):
    return [result.indices, result.values, result.dense_shape]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_sparse_and_dense_tensors_are_added_and_multiplied(dtype):
    values, matrix = VALUES.astype(dtype), (floats(4, 5) * 3).astype(dtype)
    agrees(sparse(tf.sparse.sparse_dense_matmul), values, matrix)
    agrees(sparse(lambda x, y: tf.sparse.sparse_dense_matmul(x, y, adjoint_a=True)), values, matrix[:3])
    agrees(sparse(lambda x, y: tf.sparse.sparse_dense_matmul(x, y, adjoint_b=True)), values, matrix.T.copy())
    agrees(sparse(tf.sparse.add), values, matrix[:3, :4].copy())


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, [0, 1]])
def test_elements_are_reduced_and_rows_without_any_are_zero(axis, keepdims):
    values = VALUES.astype("float32")
    agrees(sparse(lambda x: tf.sparse.reduce_sum(x, axis, keepdims)), values)
    agrees(sparse(lambda x: tf.sparse.reduce_max(x, axis, keepdims)), -np.abs(values), open_axes=())


@pytest.mark.parametrize("op", ["Add", "Mul", "Div"])
@pytest.mark.parametrize("shape", [SHAPE, (1, 4)])
def test_a_dense_tensor_is_taken_at_the_places_of_a_sparse_one(op, shape):
    function = getattr(tf.raw_ops, f"SparseDenseCwise{op}")
    call = lambda values, dense: function(sp_indices=INDICES, sp_values=values, sp_shape=SHAPE, dense=dense)  # noqa: E731
    agrees(call, VALUES.astype("float32"), floats(*shape) + 3)


def test_the_order_is_that_of_rows():
    for shape, permuted in ((SHAPE, [2, 0, 3, 1]), ((7, 9), [3, 2, 1, 0])):
        call = sparse(lambda x: parts(tf.sparse.reorder(x)), shape, permuted)
        assert_same(call, VALUES.astype("float32"))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sparse_tensors_are_concatenated(axis):
    def joined(x, y):
        one, other = (tf.SparseTensor(INDICES, values, SHAPE) for values in (x, y))
        return parts(tf.sparse.concat(axis, [one, other]))

    assert_same(joined, VALUES.astype("float32"), VALUES.astype("float32") * 2)


@pytest.mark.parametrize(("start", "size"), [([0, 0], [2, 2]), ([1, 1], [9, 9]), ([2, 0], [1, 2])])
def test_a_box_is_cut_out(start, size):
    assert_same(sparse(lambda x: parts(tf.sparse.slice(x, start, size))), VALUES.astype("float32"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_softmax_is_of_the_elements_that_there_are(dtype):
    agrees(sparse(lambda x: tf.sparse.softmax(x).values), VALUES.astype(dtype))
