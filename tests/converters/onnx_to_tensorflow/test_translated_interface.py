"""Inputs and outputs of a translated model against those of the ONNX model."""

from __future__ import annotations

from typing import Any

import pytest

from modelport_converters.onnx_to_tensorflow.interface import is_channels_last, positions


def test_names_of_a_translated_model_are_found_in_any_order() -> None:
    assert list(positions(["b_0", "a"], ["a", "b:0"])) == [1, 0]


def test_other_names_are_taken_in_order() -> None:
    assert list(positions(["y", None], ["a", "b"])) == [0, 1]


@pytest.mark.parametrize(
    ("own", "dtype", "expected"),
    [
        ([None, 8, 10, 3], "float32", True),
        ([None, 3, 8, 10], "float32", False),
        ([None, 8, 10, 3], "int64", False),
        (None, "float32", False),
    ],
)
def test_an_image_whose_channels_stand_last_is_channels_last(own: Any, dtype: str, expected: bool) -> None:
    assert is_channels_last(own, ["N", 3, 8, 10], dtype) == expected


def test_a_matrix_has_no_channels() -> None:
    assert not is_channels_last([None, 3], ["N", 3], "float32")
