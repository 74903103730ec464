"""TensorFlow's functions under NumPy's names give what NumPy gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.numpy_functions import TENSORS

X = np.array([-2.5, -0.5, 0.5, 1.5, 3.0])


@pytest.mark.parametrize("name", ["abs", "ceil", "floor", "round", "sum"])
def test_a_function_of_one_tensor(name: str) -> None:
    np.testing.assert_array_equal(getattr(TENSORS, name)(tf.constant(X)), getattr(np, name)(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_beside_tensors_take_their_type(dtype: Any) -> None:
    x = X.astype(dtype)
    found = TENSORS.where(tf.constant(x) > 0, tf.constant(x), 0)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.where(x > 0, x, 0))
    np.testing.assert_array_equal(TENSORS.clip(tf.constant(x), -1, 1), np.clip(x, -1, 1))


def test_a_known_condition_chooses_without_an_operation() -> None:
    assert TENSORS.where(True, 1, 2) == 1
    assert TENSORS.where(False, 1, 2) == 2


def test_a_range_counts_in_float64() -> None:
    np.testing.assert_array_equal(TENSORS.arange(tf.constant(3)), np.arange(3.0))
