"""Bins and counts of categories against TensorFlow's own answers."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_same import assert_same

INDICES = np.array([[0, 1, 3], [-1, 5, 2]], "int64")


def test_categories_are_counted_and_weighted_and_those_beyond_the_last_left_out():
    def counts(x):
        return [
            tf.math.bincount(x, minlength=6, axis=-1),
            tf.math.bincount(x, minlength=3, maxlength=3, axis=-1),
            tf.math.bincount(x, minlength=6, maxlength=6, axis=-1, binary_output=True),
            tf.math.bincount(x[0], dtype=tf.int64),
        ]

    weights = np.array([[0.5, -1, 2], [3, 0.25, 1]], "float32")
    assert_same(counts, np.abs(INDICES))
    assert_same(lambda x, w: [tf.math.bincount(x, weights=w, minlength=6, axis=-1)], np.abs(INDICES), weights)


def test_words_of_ragged_rows_are_counted():
    def counts(x):
        lengths = tf.strings.split(x).with_values(tf.cast(tf.strings.split(x).values == "a", tf.int64))
        return [tf.math.bincount(lengths, minlength=2, axis=-1)]

    assert_same(counts, np.array(["a b a", "", "b", "a"], object))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_a_value_is_counted_into_its_bin(dtype):
    values = np.array([-1, 0, 1, 2, 3, 9], dtype)
    if dtype.startswith("float"):
        values = np.append(values, [np.nan, 2.5, 2.4999998, np.inf, -np.inf]).astype(dtype)
    assert_same(lambda x: [tf.raw_ops.Bucketize(input=x, boundaries=[0.0, 1.0, 2.5])], values, opset=18)
