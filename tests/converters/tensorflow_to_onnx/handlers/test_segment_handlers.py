"""Segments against TensorFlow's own answers."""

import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import agrees

SORTED = np.array([0, 0, 2, 2, 2, 4], "int64")
UNSORTED = np.array([3, 0, -1, 3, 5, 0], "int32")
DTYPES = ["int32", "int64", "float32", "float64"]


def rows(dtype, *rest):
    return (floats(6, *rest) * 10).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["sum", "prod", "max", "min"])
def test_rows_of_a_segment_are_reduced_and_missing_ones_filled(kind, dtype):
    reduce = getattr(tf.math, f"segment_{kind}")
    agrees(reduce, rows(dtype, 3), SORTED)
    agrees(reduce, rows(dtype), SORTED.astype("int32"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["sum", "prod", "max", "min"])
def test_unsorted_segments_leave_negative_ids_out(kind, dtype):
    reduce = getattr(tf.math, f"unsorted_segment_{kind}")
    agrees(lambda x, ids: reduce(x, ids, 7), rows(dtype, 2, 3), UNSORTED)
    agrees(lambda x, ids: reduce(x, ids, 7), rows(dtype).reshape(2, 3), UNSORTED.reshape(2, 3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_of_no_rows_is_zero(dtype):
    agrees(tf.math.segment_mean, rows(dtype, 3), SORTED)


@pytest.mark.parametrize("count", [None, 7])
@pytest.mark.parametrize("kind", ["sum", "mean", "sqrt_n"])
def test_chosen_rows_are_reduced(kind, count):
    reduce, chosen = getattr(tf.sparse, f"segment_{kind}"), np.array([5, 0, 0, 3, 1, 2], "int32")
    agrees(lambda x, at, ids: reduce(x, at, ids, count), rows("float32", 3), chosen, SORTED.astype("int32"))
