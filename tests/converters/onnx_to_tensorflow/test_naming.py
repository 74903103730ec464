"""TensorFlow's names for ONNX names."""

from __future__ import annotations

import pytest

from modelport_converters.onnx_to_tensorflow.naming import op_name, tensor_names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["x", "input.1"], ["x", "input_1"]),
        (["a:0", "a/0"], ["a_0", "a_0_2"]),
        (["_x", "1", ""], ["t_x", "t_1", "t_"]),
        (["a", "a", "a_2"], ["a", "a_2", "a_2_2"]),
    ],
)
def test_names_of_a_signature_are_identifiers_and_each_is_there_once(names: list[str], expected: list[str]) -> None:
    assert tensor_names(names) == expected


@pytest.mark.parametrize(("name", "expected"), [("/layer/w:0", "layer/w_0"), ("_x y", "x_y"), ("a.b-c", "a.b-c")])
def test_an_operation_is_named_after_the_weight(name: str, expected: str) -> None:
    assert op_name(name) == expected
