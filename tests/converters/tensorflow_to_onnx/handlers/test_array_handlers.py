"""Selection and reshaping against TensorFlow itself."""

import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import agrees

from modelport_converters.tensorflow_to_onnx.handler import NEWEST_OPSET


@pytest.mark.parametrize("opset", [13, NEWEST_OPSET])
def test_what_is_not_chosen_may_be_infinite_or_not_a_number(opset):
    x = np.array([[-1.0, 0.0, 2.0], [np.inf, -np.inf, np.nan]], "float32")
    agrees(lambda value: tf.where(value > 0, tf.math.log(value), -1.0), x, opset=opset)
    agrees(lambda value: tf.where(value == 0, 0.0, 1 / value), x, opset=opset)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float64"]
)
def test_values_of_every_type_are_chosen_between(dtype):
    x, y = (np.arange(6).reshape(2, 3) * 37 % 101).astype(dtype), np.ones((2, 3), dtype)
    if dtype in ("int64", "uint64"):
        x = x + np.array(2**60 + 1, dtype)  # not in float64
    agrees(tf.where, np.array([[True, False, True], [False, False, True]]), x, y)


def test_a_condition_is_broadcast():
    agrees(tf.where, np.array([[True], [False]]), floats(3), floats(2, 3))


def test_the_condition_of_the_older_operator_chooses_rows():
    condition = np.array([True, False, True])
    for x, y in ((floats(3, 2, 4), -floats(3, 2, 4)), (floats(3), -floats(3))):
        agrees(lambda c, a, b: tf.raw_ops.Select(condition=c, x=a, y=b), condition, x, y)
    agrees(
        lambda c, a, b: tf.raw_ops.Select(condition=c, x=a, y=b),
        np.array([[True, False]] * 3),
        floats(3, 2),
        -floats(3, 2),
    )


@pytest.mark.parametrize("open_axes", [(), (0,), (0, 1), None])
@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 5, 4)])
def test_a_sequence_is_multiplied_as_it_is(shape, open_axes):
    kernel = tf.constant(floats(4, 6))
    open_axes = range(len(shape) - 1) if open_axes is None else open_axes
    operators = agrees(lambda x: tf.tensordot(x, kernel, 1), floats(*shape), open_axes=open_axes)
    assert [kind for kind in operators if kind != "Identity"] == ["MatMul"]


def test_a_product_that_is_reshaped_otherwise_is_left_alone():
    kernel = tf.constant(floats(4, 6))

    def swapped(x):
        size = tf.shape(x)
        flat = tf.reshape(x, [-1, 4]) @ kernel
        return tf.reshape(flat, tf.concat([tf.gather(size, [1, 0]), [6]], 0))

    def longer(x):
        return tf.reshape(tf.reshape(x, [-1, 4]) @ kernel, tf.concat([tf.shape(x)[:2], [1, 6]], 0))

    agrees(swapped, floats(2, 3, 4), open_axes=(0, 1))
    agrees(longer, floats(2, 3, 4), open_axes=(0, 1))
    agrees(lambda x: tf.reshape(tf.reshape(x, [-1, 4]) @ kernel, [-1, 2, 6]), floats(2, 3, 4), open_axes=(0, 1))
    agrees(lambda x: tf.tensordot(x, kernel, [[1], [0]]), floats(2, 4, 3), open_axes=(0, 2))


# --- permutations and sets -----------------------------------------------------------------------


def test_several_axes_are_turned_by_one_slice():
    operators = agrees(lambda x: tf.raw_ops.Reverse(tensor=x, dims=[True, False, True]), floats(2, 3, 4))
    assert [kind for kind in operators if kind != "Identity"] == ["Slice"]


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
def test_sequences_are_turned_up_to_their_lengths(dtype):
    x, lengths = np.arange(24).reshape(3, 4, 2).astype(dtype), np.array([4, 0, 3], "int32")
    agrees(lambda a, n: tf.reverse_sequence(a, n, seq_axis=1, batch_axis=0), x, lengths)


def test_the_elements_that_another_lacks_stand_with_their_places():
    x, y = np.array([1, 5, 3, 5, 2], "int32"), np.array([3, 2], "int32")
    agrees(lambda a, b: tf.raw_ops.ListDiff(x=a, y=b)[0], x, y)
    agrees(lambda a, b: tf.raw_ops.ListDiff(x=a, y=b)[1], x, y)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_flat_indices_have_coordinates(dtype):
    agrees(lambda x: tf.unravel_index(x, tf.constant([3, 4, 5], dtype)), np.array([0, 7, 59, 31], dtype))


@pytest.mark.parametrize("side", ["left", "right"])
def test_values_are_found_in_sorted_rows(side):
    rows, values = np.sort(floats(2, 6), axis=1), floats(2, 4)
    agrees(lambda a, b: tf.searchsorted(a, b, side), rows, values)


@pytest.mark.parametrize("axis", [-1, 0, 1, 2])
def test_an_index_out_of_range_is_hot_nowhere(axis):
    indices = np.array([[0, 1, 3], [-1, 5, 2]], "int64")
    agrees(lambda x: tf.one_hot(x, 4, axis=axis), indices)
    agrees(lambda x: tf.one_hot(tf.cast(x, tf.int32), 4, 7, 3, axis=axis), indices)
