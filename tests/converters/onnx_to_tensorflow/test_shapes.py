"""Static and dynamic shapes: dimensions as numbers where they are known while a model is traced, else as tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow import shapes


def traced(function: Callable[[Any], Any], shape: list[int | None], x: Any) -> Any:
    """Return what a function of a tensor whose sizes are partly unknown gives for x."""
    whole = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.float32)], autograph=False)
    return whole(tf.constant(x, tf.float32)).numpy()


def test_sizes_are_numbers_where_they_are_known() -> None:
    kinds: list[type] = []

    def read(x: Any) -> Any:
        found = shapes.sizes(x)
        kinds.extend(type(item) for item in found)
        return shapes.vector(found)

    assert traced(read, [None, 3], np.zeros((2, 3))).tolist() == [2, 3]
    assert kinds[1] is int
    assert kinds[0] is not int


def test_a_vector_of_numbers_is_a_constant() -> None:
    known: list[Any] = []

    def read(x: Any) -> Any:
        known.append(shapes.integers(shapes.vector([1, shapes.size(x, 1)])))
        known.append(shapes.integers(shapes.vector([1, shapes.size(x, 0)])))
        return x

    traced(read, [None, 3], np.zeros((2, 3)))
    assert known == [[1, 3], None]


def test_a_vector_is_known_in_part() -> None:
    known: list[Any] = []

    def read(x: Any) -> Any:
        known.append(shapes.partial(tf.concat([tf.shape(x)[:1], [7]], 0)))
        known.append(shapes.partial(tf.cast(x, tf.int32)))
        known.append(shapes.partial(x))
        return x

    traced(read, [None], np.zeros(2))
    assert known == [[None, 7], None, None]


@pytest.mark.parametrize("shape", [[None, 6], [None, None], [4, 6]])
def test_a_reshape_leaves_one_unknown_size_to_be_inferred(shape: list[int | None]) -> None:
    x = np.arange(24).reshape(4, 6)

    def reshape(x: Any) -> Any:
        rows, columns = shapes.sizes(x)
        return shapes.reshaped(x, [rows, columns // 2, 2])

    np.testing.assert_array_equal(traced(reshape, shape, x), x.reshape(4, 3, 2))


def test_a_product_multiplies_numbers_and_tensors() -> None:
    assert shapes.product([2, 3, 4]) == 24
    assert traced(lambda x: shapes.product([2, shapes.size(x, 0), 5]), [None], np.zeros(3)) == 30


def test_ends_beyond_every_dimension_fit_into_int32() -> None:
    found = shapes.limited(tf.constant([2**62, -(2**62), 5], tf.int64))
    assert found.dtype == tf.int32
    assert found.numpy().tolist() == [2**31 - 1, -(2**31) + 1, 5]
