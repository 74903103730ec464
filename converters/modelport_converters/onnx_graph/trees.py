"""Tree ensembles as tables: every test becomes `x <= threshold`, and the two children of a node stand side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport_converters.onnx_graph.registry import Unsupported

Array = NDArray[Any]
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
"""In the order of TreeEnsemble's attribute nodes_modes."""


@dataclass(frozen=True)
class Tables:
    """Nodes in breadth-first order over all trees; `next = child + (x > threshold)`, and a leaf leads to itself.

    Features are numbered in a row of 3 * n columns: the n features with NaN as +inf, with NaN as -inf, and 1 where NaN.

    Attributes:
        roots: one node for each tree, int32.
        feature, child: int32 [nodes].
        threshold: of the input's type [nodes].
        leaf: the number of the leaf that a node is, or 0, int32 [nodes].
        depth: the largest number of tests on a path.
    """

    roots: Array
    feature: Array
    threshold: Array
    child: Array
    leaf: Array
    depth: int


@dataclass
class Node:
    """A test `x[feature] <= threshold`, or a leaf where `leaf` is its number; children are functions that make them."""

    feature: int = 0
    threshold: float = np.inf
    missing_true: bool = True
    children: tuple[Any, Any] | None = None
    leaf: int = 0


def test(mode: str, feature: int, value: Any, missing_true: bool, true: Any, false: Any, dtype: Any) -> Node:
    """Return the node, or the chain of nodes, that tests `x <mode> value`; the branches are functions that make nodes."""
    below = np.nextafter(dtype(value), dtype(-np.inf), dtype=dtype)
    if mode == "BRANCH_LEQ":
        return Node(feature, value, missing_true, (true, false))
    if mode == "BRANCH_LT":
        return Node(feature, below, missing_true, (true, false))
    if mode == "BRANCH_GT":
        return Node(feature, value, not missing_true, (false, true))
    if mode == "BRANCH_GTE":
        return Node(feature, below, not missing_true, (false, true))
    if mode == "BRANCH_EQ":
        inner = lambda: Node(feature, below, False, (false, true))  # noqa: E731
        return Node(feature, value, missing_true, (inner, false))
    if mode == "BRANCH_NEQ":
        inner = lambda: Node(feature, below, False, (true, false))  # noqa: E731
        return Node(feature, value, False, (inner, true if missing_true else false))
    raise Unsupported(f"the node mode {mode} is not known")


def tables(roots: Sequence[Any], features: int, dtype: Any) -> Tables:
    """Number the nodes level by level; `roots` are functions that make the root of each tree."""
    made: list[Node] = []
    children: list[int] = []
    level = list(roots)
    depth = -1
    while level:
        depth += 1
        nodes = [make() for make in level]
        first = len(made) + len(nodes)
        level = []
        for node in nodes:
            children.append(first + len(level) if node.children else len(made))
            level.extend(node.children or ())
            made.append(node)
    threshold = np.array([node.threshold for node in made], dtype)
    feature = np.array([_column(node, features) for node in made], np.int32)
    threshold[feature >= 2 * features] = 0.5
    leaf = np.array([node.leaf for node in made], np.int32)
    return Tables(np.arange(len(roots), dtype=np.int32), feature, threshold, np.array(children, np.int32), leaf, depth)


def _column(node: Node, features: int) -> int:
    if node.children is None:
        return 0
    if node.missing_true:
        return node.feature + features
    return node.feature + 2 * features if np.isposinf(node.threshold) else node.feature


def of_nodes(
    given: Mapping[str, Any], weights: tuple[Any, Any, Any, Any], features: int, dtype: Any
) -> tuple[Tables, Array, Array]:
    """Return the tables of a TreeEnsembleClassifier or Regressor, the weights and the mask of given ones [leaves, targets].

    Args:
        given: the attributes nodes_*, without the prefix.
        weights: tree ids, node ids, target ids and values.
        features: columns of the input.
        dtype: NumPy's type of the thresholds.
    """
    keys = list(zip(map(int, given["treeids"]), map(int, given["nodeids"]), strict=True))
    place = {key: index for index, key in enumerate(keys)}
    modes, values = list(given["modes"]), np.asarray(given["values"], dtype).tolist()
    missing = list(given["missing_value_tracks_true"] or [0] * len(keys))
    leaves = {
        key: number for number, key in enumerate(key for key, mode in zip(keys, modes, strict=True) if mode == "LEAF")
    }

    def maker(index: int) -> Any:
        def make() -> Node:
            key = keys[index]
            if modes[index] == "LEAF":
                return Node(leaf=leaves[key])
            branches = [maker(place[key[0], int(given[name][index])]) for name in ("truenodeids", "falsenodeids")]
            return test(
                modes[index], int(given["featureids"][index]), values[index], bool(missing[index]), *branches, dtype
            )

        return make

    roots = [maker(index) for index, key in enumerate(keys) if index == 0 or key[0] != keys[index - 1][0]]
    targets = max(map(int, weights[2]), default=0) + 1
    table, mask = np.zeros((len(leaves), targets), dtype), np.zeros((len(leaves), targets), bool)
    for tree, node, target, value in zip(*weights, strict=True):
        number = leaves[int(tree), int(node)]
        table[number, int(target)] += value
        mask[number, int(target)] = True
    return tables(roots, features, dtype), table, mask
