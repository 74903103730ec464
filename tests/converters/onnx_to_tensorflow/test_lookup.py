"""Static lookup tables: where each element stands in a fixed list."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modelport_converters.onnx_graph.registry import Unsupported
from modelport_converters.onnx_to_tensorflow.lookup import position, sorted_position


@pytest.mark.parametrize(
    ("x", "items"),
    [
        (np.array([[3, 9], [7, 4]]), [7, 3, 4]),
        (np.array([["b", "a"], ["ä", ""]], object), ["ä", "b", "c"]),
    ],
)
def test_an_element_that_is_none_of_the_items_stands_nowhere(x: Any, items: list[Any]) -> None:
    expected = [[items.index(item) if item in items else -1 for item in row] for row in x.tolist()]
    assert position(tf.constant(x), items).numpy().tolist() == expected


def test_the_same_item_twice_is_refused() -> None:
    with pytest.raises(Unsupported, match="share a hash"):
        position(tf.constant(["a"]), ["a", "a"])


def test_elements_beyond_either_end_of_a_sorted_vector_stand_nowhere() -> None:
    found = sorted_position(tf.constant([2, 5, 9]), tf.constant([[1, 2, 9], [10, 5, 6]]))
    assert found.numpy().tolist() == [[-1, 0, 2], [-1, 1, -1]]
