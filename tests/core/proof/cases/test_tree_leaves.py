"""Rows reach the leaves that they are made for, as scikit-learn itself walks its trees."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from modelport.proof.cases.tree_leaves import MOST, in_leaves, leaves_of


def attributes(tree: object) -> dict[str, onnx.AttributeProto]:
    """A fitted tree as the attributes of a TreeEnsembleRegressor."""
    inner = tree.tree_
    count = inner.node_count
    leaf = inner.children_left < 0
    node = onnx.helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], nodes_treeids=[0] * count, nodes_nodeids=list(range(count)),
        nodes_featureids=np.where(leaf, 0, inner.feature).tolist(), nodes_values=np.where(leaf, 0, inner.threshold).tolist(),
        nodes_modes=["LEAF" if is_leaf else "BRANCH_LEQ" for is_leaf in leaf],
        nodes_truenodeids=np.where(leaf, 0, inner.children_left).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, inner.children_right).tolist(),
    )  # fmt: skip
    return {attribute.name: attribute for attribute in node.attribute}


@pytest.mark.parametrize("depth", [1, 4, 9])
def test_every_leaf_of_a_tree_is_reached(depth: int) -> None:
    tree_module = pytest.importorskip("sklearn.tree")
    rng = np.random.default_rng(depth)
    x, y = rng.standard_normal((400, 5)).astype(np.float32), rng.standard_normal(400)
    tree = tree_module.DecisionTreeRegressor(max_depth=depth, random_state=0).fit(x, y)
    boxes, count = leaves_of(attributes(tree))
    assert count == tree.get_n_leaves()
    rows = in_leaves(boxes, rng.standard_normal((count, 5)), "float32")
    assert len(set(tree.apply(rows))) == count


def test_of_many_leaves_some_are_taken_in_even_steps() -> None:
    tree_module = pytest.importorskip("sklearn.tree")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5000, 3)).astype(np.float32), rng.standard_normal(5000)
    boxes, count = leaves_of(attributes(tree_module.DecisionTreeRegressor(random_state=0).fit(x, y)))
    assert count > MOST
    assert MOST / 2 <= len(boxes) <= MOST


def test_attributes_that_are_no_trees_have_no_leaves() -> None:
    assert leaves_of({}) == ([], 0)
