"""What a graph compares its inputs with, carried back to the input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fakes import graph

from modelport.proof.cases.named_values import NamedValues
from modelport.proof.value_ranges import ranges_of_model


def named(body: str, **weights: Any) -> NamedValues:
    model = graph(f"(float[N,3] x) => (float[N,3] y) {{ {body} }}", **weights)
    return ranges_of_model(model)["x"].named


@pytest.mark.parametrize(
    ("body", "weights", "values"),
    [
        ("y = Clip(x, low, high)", {"low": np.float32(-1), "high": np.float32(6)}, {-1.0, 6.0}),
        ("g = Greater(x, k) y = Cast<to: int = 1>(g)", {"k": np.float32(0.25)}, {0.25}),
        ("y = Max(x, k)", {"k": np.float32(0.125)}, {0.125}),
        ("y = HardSwish(x)", {}, {-3.0, 3.0}),
        ("y = ThresholdedRelu<alpha: float = 0.75>(x)", {}, {0.75}),
    ],
)
def test_bounds_and_comparisons_name_values(body: str, weights: dict[str, Any], values: set[float]) -> None:
    found = named(body, **weights)
    assert set(found.anywhere.tolist()) == values
    assert found.exact


def test_a_comparison_behind_a_scaler_is_carried_back_column_by_column() -> None:
    found = named(
        "d = Sub(x, mean) s = Div(d, scale) g = Greater(s, k) y = Cast<to: int = 1>(g)",
        mean=np.asarray([1, 2, 3], np.float32), scale=np.asarray([2, 4, 8], np.float32),
        k=np.asarray([[0.5, 0.25, -1]], np.float32),
    )  # fmt: skip
    assert {column: values.tolist() for column, values in found.columns.items()} == {0: [2.0], 1: [3.0], 2: [-5.0]}
    assert not found.exact


def test_edges_of_bins_belong_to_their_columns() -> None:
    found = named(
        "a = Constant<value_ints: ints = [2]>() u = Unsqueeze(x, a) g = Greater(u, edges) c = Cast<to: int = 1>(g) "
        "y = ReduceSum<keepdims: int = 0>(c, a)",
        edges=np.asarray([[[0, 1], [2, 3], [4, 5]]], np.float32),
    )  # fmt: skip
    assert found.columns[1].tolist() == [2.0, 3.0]


def test_a_constant_behind_a_layer_is_tried_everywhere() -> None:
    found = named("m = MatMul(x, w) y = Clip(m, low)", w=np.eye(3, dtype=np.float32), low=np.float32(0.5))
    assert found.anywhere.tolist() == [0.5]
