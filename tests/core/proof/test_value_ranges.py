"""What a graph admits at its inputs, read off the graph."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from fakes import graph

from modelport.proof.value_ranges import ValueRange, ranges_of_model

TABLE = np.zeros((7, 5), np.float32)
ONE, TWO = np.asarray(1, np.int64), np.asarray([2], np.int64)


def value_range(body: str, ml: int = 0, **weights: object) -> ValueRange:
    return ranges_of_model(graph(body, ml=ml, **weights))["x"]


@pytest.mark.parametrize(
    ("nodes", "low", "high"),
    [
        ("y = Gather(table, x)", 0, 7),
        ("y = Gather<axis: int = 1>(table, x)", 0, 5),
        ("y = Gather<axis: int = -1>(table, x)", 0, 5),
        ("u = Unsqueeze(x, axis) y = GatherND(table, u)", 0, 7),
        ("c = Cast<to: int = 7>(x) y = Gather(table, c)", 0, 7),
        ("a = Add(x, one) y = Gather(table, a)", -1, 6),
        ("a = Add(one, x) y = Gather(table, a)", -1, 6),
        ("a = Add(x, two) b = Sub(a, one) y = Gather(table, b)", -1, 6),
        ("a = Sub(x, one) y = Gather(table, a)", 1, 8),
        ("t = Transpose(x) r = Identity(t) y = Gather(table, r)", 0, 7),
        (
            "i = Identity(x) p = Gather(table, i) q = Gather<axis: int = 1>(table, x) y = Concat<axis: int = 0>(p, q)",
            0,
            5,
        ),
        ("k = Constant<value: tensor = int64 {3}>() a = Add(x, k) y = Gather(table, a)", -3, 4),
        ("k = Constant<value_int: int = 3>() a = Add(x, k) y = Gather(table, a)", -3, 4),
    ],
)
def test_an_index_into_a_table_lies_within_its_rows(nodes: str, low: int, high: int) -> None:
    found = value_range(
        f"(int64[N] x) => (float[N,5] y) {{ {nodes} }}", table=TABLE, one=ONE, two=TWO, axis=np.asarray([1], np.int64)
    )
    assert (found.low, found.high) == (low, high)


def test_an_index_within_the_branch_of_an_if_is_followed() -> None:
    body = """(int64[N] x, bool c) => (float[N,5] y) {
        y = If (c) <then_branch = a () => (float[N,5] p) { p = Gather(table, x) },
            else_branch = b () => (float[N,5] q) { q = Gather(table, x) }>
    }"""
    found = value_range(body, table=TABLE)
    assert (found.low, found.high) == (0, 7)


@pytest.mark.parametrize(
    "nodes",
    [
        "y = Expand(one, x)",
        "y = Tile(two, x)",
        "y = ConstantOfShape(x)",
        "v, y = TopK(table, x)",
        "c = Cast<to: int = 7>(x) y = Expand(one, c)",
    ],
)
def test_an_operand_that_is_a_size_stays_small(nodes: str) -> None:
    found = value_range(f"(int64[1] x) => (int64[M] y) {{ {nodes} }}", table=TABLE, one=ONE, two=TWO)
    assert (found.low, found.high) == (1, 5)


@pytest.mark.parametrize("op", ["Div", "Mod"])
def test_an_integer_divisor_is_never_zero(op: str) -> None:
    found = value_range(f"(int64[N] x) => (int64[N] y) {{ y = {op}(two, x) }}", two=TWO)
    assert found.low == 1


def test_an_input_that_is_only_calculated_with_is_unbounded() -> None:
    assert value_range("(int64[N] x) => (int64[N] y) { y = Mul(x, two) }", two=TWO) == ValueRange()


def test_an_index_computed_by_arithmetic_says_nothing_about_the_input() -> None:
    found = value_range("(int64[N] x) => (float[N,5] y) { m = Mul(x, two) y = Gather(table, m) }", table=TABLE, two=TWO)
    assert found.high is None


def test_an_initializer_that_is_also_an_input_is_no_input() -> None:
    model = graph("(int64[N] x, float[7,5] table) => (float[N,5] y) { y = Gather(table, x) }", table=TABLE)
    assert list(ranges_of_model(model)) == ["x"]


# --- vocabularies --------------------------------------------------------------------------------


def ml_domain(op: str, dtype: str, **attributes: object) -> ValueRange:
    model = graph(f"({dtype}[N] x) => (int64[N] y) {{ i = Identity(x) }}", ml=4)
    model.graph.node.append(onnx.helper.make_node(op, ["i"], ["y"], domain="ai.onnx.ml", **attributes))
    return ranges_of_model(model)["x"]


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("LabelEncoder", {"keys_strings": ["red", "blue"], "values_int64s": [0, 1]}),
        (
            "LabelEncoder",
            {"keys_tensor": onnx.helper.make_tensor("k", onnx.TensorProto.STRING, [2], [b"red", b"blue"])},
        ),
        ("OneHotEncoder", {"cats_strings": ["red", "blue"]}),
        ("CategoryMapper", {"cats_strings": ["red", "blue"], "cats_int64s": [0, 1]}),
    ],
)
def test_strings_come_from_the_vocabulary_they_are_looked_up_in(op: str, attributes: dict[str, object]) -> None:
    assert ml_domain(op, "string", **attributes).strings == ["red", "blue"]


@pytest.mark.parametrize(("op", "attribute"), [("LabelEncoder", "keys_int64s"), ("OneHotEncoder", "cats_int64s")])
def test_integers_come_from_the_categories_they_are_looked_up_in(op: str, attribute: str) -> None:
    assert ml_domain(op, "int64", **{attribute: [3, 50, 700]}).integers == [3, 50, 700]


def test_strings_compared_with_constants_are_a_vocabulary() -> None:
    model = graph("(string[N] x) => (bool[N,2] y) { y = Equal(x, words) }")
    model.graph.initializer.append(onnx.helper.make_tensor("words", onnx.TensorProto.STRING, [2], [b"red", b"blue"]))
    assert ranges_of_model(model)["x"].strings == ["red", "blue"]


# --- thresholds ----------------------------------------------------------------------------------

BRANCHES = {
    "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [1, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
    "target_ids": [0, 0], "target_nodeids": [1, 2], "target_treeids": [0, 0],
}  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [
        {"nodes_values": [0.25, 0.0, 0.0]},
        {"nodes_values_as_tensor": onnx.numpy_helper.from_array(np.asarray([0.25, 0, 0]))},
    ],
)
@pytest.mark.parametrize("before", ["Identity(x)", "Cast<to: int = 1>(x)"])
def test_a_tree_tells_the_thresholds_of_each_feature(values: dict[str, object], before: str) -> None:
    model = graph(f"(float[N,2] x) => (float[N,1] y) {{ i = {before} }}", ml=3)
    model.graph.node.append(
        onnx.helper.make_node("TreeEnsembleRegressor", ["i"], ["y"], domain="ai.onnx.ml", **BRANCHES, **values)
    )
    thresholds = ranges_of_model(model)["x"].thresholds
    assert {feature: found.tolist() for feature, found in thresholds.items()} == {1: [0.25]}


@pytest.mark.parametrize("mixed", ["Concat<axis: int = 0>(x, x)", "Mul(x, x)", "Transpose(x)", "Slice(x, k, k, k)"])
def test_thresholds_of_features_that_were_mixed_before_are_not_the_inputs(mixed: str) -> None:
    model = graph(f"(float[N,2] x) => (float[N,1] y) {{ i = {mixed} }}", ml=3, k=np.asarray([1], np.int64))
    node = onnx.helper.make_node(
        "TreeEnsembleRegressor", ["i"], ["y"], domain="ai.onnx.ml", **BRANCHES, nodes_values=[0.25, 0.0, 0.0]
    )
    model.graph.node.append(node)
    assert ranges_of_model(model)["x"].thresholds == {}


def test_columns_joined_into_one_matrix_keep_their_own_thresholds() -> None:
    body = """(float[N,3] a, double[N,1] b, float[N,2] c) => (float[N,1] y) {
        d = Cast<to: int = 1>(b) e = Identity(a) i = Concat<axis: int = 1>(e, d, c)
    }"""
    model = graph(body, ml=3)
    features = {**BRANCHES, "nodes_featureids": [3, 0, 0]}
    node = onnx.helper.make_node(
        "TreeEnsembleRegressor", ["i"], ["y"], domain="ai.onnx.ml", **features, nodes_values=[0.25, 0.0, 0.0]
    )
    model.graph.node.append(node)
    thresholds = {name: value_range.thresholds for name, value_range in ranges_of_model(model).items()}
    assert thresholds == {"a": {}, "b": {0: np.asarray([0.25])}, "c": {}}


def test_the_splits_of_the_newest_tree_operator_are_thresholds() -> None:
    model = graph("(double[N,2] x) => (double[N,1] y) { i = Identity(x) }", ml=5)
    tensor = onnx.numpy_helper.from_array
    node = onnx.helper.make_node(
        "TreeEnsemble", ["i"], ["y"], domain="ai.onnx.ml", nodes_featureids=[1, 1], nodes_splits=tensor(np.asarray([0.5, 0.25])),
        nodes_modes=tensor(np.asarray([0, 0], np.uint8)),
    )  # fmt: skip
    model.graph.node.append(node)
    assert ranges_of_model(model)["x"].thresholds[1].tolist() == [0.25, 0.5]
