"""Computing in a wider type where TensorFlow has no kernel for the operand's own."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.widening import HALVES, SMALL_INTEGERS, widened


def test_operands_and_results_of_the_narrow_type_are_cast_and_others_are_left() -> None:
    seen: list[Any] = []

    def split(x: Any, count: Any, scale: float) -> Any:
        seen.extend([x.dtype, count.dtype, scale])
        return x * 2, count

    narrow, count = widened(split, HALVES)(tf.constant([1.5], tf.float16), tf.constant(3, tf.int64), 0.5)
    assert seen == [tf.float32, tf.int64, 0.5]
    assert (narrow.dtype, count.dtype) == (tf.float16, tf.int64)
    assert narrow.numpy().tolist() == [3.0]


@pytest.mark.parametrize("dtype", [tf.float32, tf.int32])
def test_a_type_with_a_kernel_is_computed_in_itself(dtype: Any) -> None:
    assert widened(lambda x: x.dtype.name, SMALL_INTEGERS)(tf.constant([1], dtype)) == dtype.name


def test_sums_of_small_integers_wrap_around() -> None:
    found = widened(tf.add, SMALL_INTEGERS)(tf.constant([120], tf.int8), tf.constant([10], tf.int8))
    assert found.numpy().tolist() == [-126]
