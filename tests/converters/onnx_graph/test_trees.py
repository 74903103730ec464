"""Tables of tree ensembles: every kind of test, walked in NumPy, against the comparison that it names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modelport_converters.onnx_graph import trees
from modelport_converters.onnx_graph.registry import Unsupported

VALUES = (-np.inf, -2.0, -0.0, 0.0, 1.5, np.inf, np.nan)
INPUTS = np.array([-np.inf, -2.5, -2.0, -1.9, -0.0, 0.0, 1e-30, 1.5, 1.6, np.inf, np.nan], np.float32)
COMPARISONS = {
    "BRANCH_LEQ": np.less_equal, "BRANCH_LT": np.less, "BRANCH_GTE": np.greater_equal, "BRANCH_GT": np.greater,
    "BRANCH_EQ": np.equal, "BRANCH_NEQ": np.not_equal,
}  # fmt: skip


def walked(table: trees.Tables, x: Any) -> Any:
    """Return the leaf [rows, trees] that the tables lead to."""
    parts = [x]
    parts.append(np.where(np.isnan(x[:, table.passing]), -np.inf, x[:, table.passing]))
    parts.append(np.where(np.isnan(x[:, table.missing]), 0, 1))
    for feature, values in table.sets:
        column = x[:, feature]
        parts.append((np.isin(column, values) | (np.isnan(column) & np.isnan(values).any()))[:, None])
    wide = np.concatenate(parts, 1)
    node = np.tile(np.arange(table.roots), (len(x), 1))
    for _ in range(table.depth):
        value = np.take_along_axis(wide, table.feature[node].astype(np.int64), 1)
        node = table.child[node] + (value <= table.threshold[node])
    return table.leaf[node]


def classic(modes: list[str], values: list[float], missing: int) -> tuple[trees.Nodes, Any]:
    """Return one tree of a test each, whose true branch is leaf 1 and whose false branch is leaf 2."""
    count = len(modes)
    given = {
        "treeids": np.repeat(np.arange(count), 3),
        "nodeids": np.tile([0, 1, 2], count),
        "featureids": np.zeros(3 * count, int),
        "modes": [mode for own in modes for mode in (own, "LEAF", "LEAF")],
        "values": [value for own in values for value in (own, 0.0, 0.0)],
        "truenodeids": np.tile([1, 0, 0], count),
        "falsenodeids": np.tile([2, 0, 0], count),
        "missing_value_tracks_true": np.repeat(missing, 3 * count),
    }
    return trees.of_classic(given, np.float32)


@pytest.mark.parametrize("missing", [0, 1])
@pytest.mark.parametrize("mode", COMPARISONS)
def test_every_test_with_every_threshold_decides_as_its_comparison_does(mode: str, missing: int) -> None:
    nodes, roots = classic([mode] * len(VALUES), list(VALUES), missing)

    found = walked(trees.tables(nodes, roots, 1), INPUTS[:, None]) % 3 == 1

    expected = COMPARISONS[mode](INPUTS[:, None], np.array(VALUES, np.float32))
    expected |= np.isnan(INPUTS)[:, None] & bool(missing)
    np.testing.assert_array_equal(found, expected)


def test_thresholds_next_to_zero_are_normal_numbers_since_tensorflow_flushes_others() -> None:
    nodes, roots = classic(["BRANCH_LT", "BRANCH_GTE"], [0.0, 0.0], 0)

    threshold = trees.tables(nodes, roots, 1).threshold[:2]

    assert (threshold <= -np.finfo(np.float32).tiny).all()


def test_equal_sets_share_one_column_and_nan_is_a_member_where_it_counts() -> None:
    nodes = trees.Nodes(
        np.array([6, 6, 6, 7, 7]), np.array([0, 0, 0, 0, 0]), np.zeros(5, np.float32), np.array([0, 0, 1, 0, 0], bool),
        np.array([[4, 3], [4, 3], [4, 3], [0, 0], [0, 0]]), np.array([0, 0, 0, 1, 2]),
        [np.array([3.0, 1.0], np.float32), np.array([1.0, 3.0], np.float32), np.array([1.0, 3.0], np.float32)],
    )  # fmt: skip

    table = trees.tables(nodes, np.array([0, 1, 2]), 1)

    assert len(table.sets) == 2
    found = walked(table, np.array([[1.0], [2.0], [3.0], [np.nan]]))
    np.testing.assert_array_equal(found, [[1, 1, 1], [2, 2, 2], [1, 1, 1], [2, 2, 1]])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"modes": ["BRANCH_XOR", "LEAF", "LEAF"]}, "BRANCH_XOR"),
        ({"truenodeids": [7, 0, 0]}, "not there"),
        ({"truenodeids": [0, 0, 0]}, "do not end"),
        ({"featureids": [4, 0, 0]}, "none of the 2 columns"),
    ],
)
def test_broken_trees_are_refused(change: dict[str, Any], says: str) -> None:
    given: dict[str, Any] = {
        "treeids": [0, 0, 0], "nodeids": [0, 1, 2], "featureids": [1, 0, 0], "modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "values": [0.5, 0, 0], "truenodeids": [1, 0, 0], "falsenodeids": [2, 0, 0], "missing_value_tracks_true": None,
    }  # fmt: skip
    with pytest.raises(Unsupported, match=says):
        trees.tables(*trees.of_classic(given | change, np.float32), 2)


def test_the_numbers_of_nodes_need_not_begin_at_zero_nor_stand_in_order() -> None:
    given = {
        "treeids": [5, 5, 5], "nodeids": [9, 40, 3], "featureids": [0, 0, 0], "modes": ["BRANCH_GT", "LEAF", "LEAF"],
        "values": [0.5, 0, 0], "truenodeids": [3, 0, 0], "falsenodeids": [40, 0, 0], "missing_value_tracks_true": (),
    }  # fmt: skip
    nodes, roots = trees.of_classic(given, np.float64)
    weights = ([5, 5, 5], [3, 40, 40], [0, 0, 0], [1.0, 2.0, 4.0])

    numbered, values, mask = trees.leaf_values(nodes, weights, (given["treeids"], given["nodeids"]), 2, np.float64)

    leaves = walked(trees.tables(numbered, roots, 1), np.array([[1.0], [0.0]]))
    np.testing.assert_array_equal(values[leaves[:, 0]], [[1.0, 0.0], [6.0, 0.0]])
    assert not mask[:, 1].any()
