"""Sequences and optionals as variant tensors of TensorFlow."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
import pytest
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.values import OptionalValue, SequenceValue, flat, like


def sequence(*items: Any) -> SequenceValue:
    found = SequenceValue.empty(tf.float32)
    for item in items:
        found = found.append(tf.constant(item, tf.float32))
    return found


def contents(value: SequenceValue) -> list[Any]:
    return [value.at(index).numpy().tolist() for index in range(int(value.length))]


def test_a_sequence_holds_tensors_of_different_shapes_and_is_never_changed() -> None:
    one = sequence([1.0], [[2.0, 3.0]])
    two = one.append(tf.constant(4.0))
    assert contents(one) == [[1.0], [[2.0, 3.0]]]
    assert contents(two) == [[1.0], [[2.0, 3.0]], 4.0]


@pytest.mark.parametrize(("start", "end", "expected"), [(0, 3, [1.0, 2.0, 3.0]), (1, 2, [2.0]), (2, 2, [])])
def test_a_sequence_is_extended_by_a_part_of_another(start: int, end: int, expected: list[float]) -> None:
    found = sequence(0.0).extend(sequence(1.0, 2.0, 3.0), start, tf.constant(end))
    assert contents(found) == [0.0, *expected]


@pytest.mark.parametrize(("position", "expected"), [(0, 0), (2, 2), (-1, 2), (-3, 0)])
def test_a_position_counts_from_either_end(position: int, expected: int) -> None:
    assert int(sequence().place(tf.constant([position], tf.int64), tf.constant(3))) == expected


@pytest.mark.parametrize("position", [3, -4])
def test_a_position_beyond_the_sequence_is_an_error(position: int) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        sequence().place(tf.constant(position), tf.constant(3))


def test_an_optional_holds_a_tensor_a_sequence_or_nothing() -> None:
    held = OptionalValue.of(tf.constant([1.0, 2.0]))
    assert bool(held.present)
    assert held.value.numpy().tolist() == [1.0, 2.0]  # type: ignore[union-attr]
    listed = OptionalValue.of(sequence(1.0)).value
    assert isinstance(listed, SequenceValue)
    assert contents(listed) == [1.0]
    empty = OptionalValue.empty(ir.SequenceType(ir.TensorType(ir.DataType.INT64)))
    assert not bool(empty.present)
    assert (empty.dtype, empty.sequence) == (tf.int64, True)


def test_an_optional_of_an_optional_is_that_optional() -> None:
    held = OptionalValue.of(tf.constant(1.0))
    assert OptionalValue.of(held) is held


@pytest.mark.parametrize("kind", ["tensor", "sequence", "optional"])
def test_a_value_comes_back_from_control_flow_as_what_it_was(kind: str) -> None:
    value = {"tensor": tf.constant(1.0), "sequence": sequence(1.0), "optional": OptionalValue.of(tf.constant(1.0))}[
        kind
    ]
    back = like(value, flat(value))
    assert type(back) is type(value)
    assert flat(back) is flat(value)


def test_a_plain_value_becomes_an_optional_where_the_state_is_one() -> None:
    state = OptionalValue.empty(ir.TensorType(ir.DataType.FLOAT))
    found = like(state, flat(tf.constant(2.0), state))
    assert isinstance(found, OptionalValue)
    assert float(found.value) == 2.0  # type: ignore[arg-type]
