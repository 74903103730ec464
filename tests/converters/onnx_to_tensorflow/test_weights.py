"""Initializers in TensorFlow: which become variables, and that each arrangement of a weight holds its values."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import tensorflow as tf

from modelport_converters.onnx_graph.registry import Unsupported
from modelport_converters.onnx_to_tensorflow.weights import (
    Arrangement,
    Policy,
    Weight,
    arrange,
    constant,
    static_array,
    to_dtype,
)

VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
VARIABLES = Policy(variables=True, trainable=True)


def weight(array: Any = VALUES, policy: Policy = VARIABLES, owner: list[Any] | None = None) -> Weight:
    value = ir.val("w/0:a", const_value=ir.tensor(array))
    return Weight(value, policy, [] if owner is None else owner)


@pytest.mark.parametrize(
    ("dtype", "shape", "expected"),
    [
        (tf.float32, [3], True),
        (tf.float32, [1], False),  # a scale or a bound
        (tf.float32, [], False),
        (tf.int64, [8], False),  # axes or a shape
        (tf.int64, [300], True),  # a table
        (tf.string, [300], False),
    ],
)
def test_weights_are_variables_and_scalars_shapes_and_strings_are_constants(
    dtype: Any, shape: list[int], expected: bool
) -> None:
    assert VARIABLES.wants_variable(dtype, shape) == expected
    assert not Policy().wants_variable(dtype, shape)


@pytest.mark.parametrize("shape", [None, (6, 4)])
@pytest.mark.parametrize("perm", [None, (1, 0)])
def test_an_arrangement_of_an_array_is_that_of_a_tensor_and_can_be_undone(shape: Any, perm: Any) -> None:
    array = VALUES.reshape(6, 4) if shape is None else VALUES
    arrangement = Arrangement(shape, perm)
    expected = array.reshape(shape or array.shape).transpose(perm or (0, 1))
    np.testing.assert_array_equal(arrangement.of_array(array), expected)
    np.testing.assert_array_equal(arrangement.of_tensor(tf.constant(array)), expected)
    np.testing.assert_array_equal(arrangement.undo(tf.constant(expected), array.shape), array)


def test_a_weight_is_one_variable_in_the_arrangement_asked_for_first_and_every_other_holds_its_values() -> None:
    owner: list[Any] = []
    found = weight(owner=owner)
    first = arrange(found, perm=(2, 0, 1))
    np.testing.assert_array_equal(first, VALUES.transpose(2, 0, 1))
    np.testing.assert_array_equal(arrange(found, shape=(6, 4), perm=(1, 0)), VALUES.reshape(6, 4).T)
    np.testing.assert_array_equal(found.tensor(), VALUES)
    assert [tuple(variable.shape) for variable in owner] == [(4, 2, 3)]
    assert owner[0].trainable


def test_integers_are_not_trainable() -> None:
    owner: list[Any] = []
    weight(np.arange(300), owner=owner).tensor()
    assert not owner[0].trainable


def test_the_elements_of_a_constant_are_known_and_those_of_a_variable_are_not() -> None:
    known = static_array(weight(policy=Policy()))
    np.testing.assert_array_equal(known, VALUES)  # type: ignore[arg-type]
    owner: list[Any] = []
    variable = weight(owner=owner)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def traced() -> Any:
        assert static_array(variable) is None
        return tf.constant(0)

    traced.get_concrete_function()


def test_strings_are_bytes_in_utf_8() -> None:
    assert constant(np.array(["ä", b"b"], object), tf.string).numpy().tolist() == ["ä".encode(), b"b"]


def test_an_element_type_that_tensorflow_lacks_is_refused_with_the_name_of_the_weight() -> None:
    value = ir.val("scale", const_value=ir.tensor(np.zeros(3, np.uint8), dtype=ir.DataType.FLOAT8E8M0))
    with pytest.raises(Unsupported, match=r"'scale' has the element type FLOAT8E8M0"):
        Weight(value, Policy(), []).tensor()


def test_every_element_type_has_tensorflows_name() -> None:
    assert to_dtype(ir.DataType.BFLOAT16) == tf.bfloat16
    assert to_dtype(ir.DataType.STRING) == tf.string
    assert to_dtype(ir.DataType.INT4).name == "int4"
