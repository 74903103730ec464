"""Lists of tensors outside of loops against TensorFlow's own answers."""

import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import agrees

from modelport.errors import UnsupportedOps

PLACES = np.array([2, 0, 1], "int32")


def unstacked(x):
    return tf.TensorArray(x.dtype, 3).unstack(x)


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_a_list_is_stacked_gathered_and_concatenated(dtype):
    array = (floats(3, 2, 4) * 9).astype(dtype)
    agrees(lambda x: unstacked(x).stack(), array)
    agrees(lambda x, at: unstacked(x).gather(at), array, PLACES)
    agrees(lambda x: unstacked(x).concat(), array, open_axes=())


def test_elements_are_scattered_into_a_new_list():
    agrees(lambda x, at: tf.TensorArray(tf.float32, 3).scatter(at, x).stack(), floats(3, 2), PLACES, open_axes=(1,))


def test_elements_scattered_into_a_list_that_has_some_are_refused():
    with pytest.raises(UnsupportedOps, match="not new"):
        agrees(lambda x, at: unstacked(x).scatter(at, x).stack(), floats(3, 2), PLACES)
