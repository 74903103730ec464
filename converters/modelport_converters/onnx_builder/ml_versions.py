"""The version of ai.onnx.ml that a graph declares, and the rewriting of its TreeEnsembles for older ones.

Version 5 has TreeEnsemble, and refuses the two operators that came before it. We write TreeEnsemble; skl2onnx and the
converters registered with it write the older ones. A graph with both is declared in version 3, and TreeEnsemble is rewritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import ML_OPSET, Graph, Value

Array = NDArray[Any]

DOMAIN = "ai.onnx.ml"
TREES_OPSET = 5
"""The first version with TreeEnsemble."""
_OLDER = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")
_MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
"""In the order of TreeEnsemble's attribute nodes_modes."""
_MEMBER = 6
_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
_AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")


def settle(graph: Graph) -> int:
    """Return the version of ai.onnx.ml to declare, after rewriting the tree ensembles that it lacks."""
    ours = any(node.op_type == "TreeEnsemble" for node in graph.nodes)
    if ours and not any(node.op_type in _OLDER for node in graph.nodes):
        return TREES_OPSET
    if ours:
        to_older(graph)
    return ML_OPSET


def to_older(graph: Graph) -> None:
    """Rewrite every TreeEnsemble of a graph as a TreeEnsembleRegressor, which gives float32: exact for numbers of leaves."""
    nodes, graph.nodes = graph.nodes, []
    for node in nodes:
        if node.domain == DOMAIN and node.op_type == "TreeEnsemble":
            _rewritten(graph, node)
        else:
            graph.nodes.append(node)


def _rewritten(graph: Graph, node: onnx.NodeProto) -> None:
    given = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    forest = _forest(given)
    dtype = forest.splits.dtype
    x = Value(graph, node.input[0], dtype)
    if forest.members:
        x = fn.concatenate([_memberships(x, forest), x], 1)
    found = graph.op(
        "TreeEnsembleRegressor", x, domain=DOMAIN, dtype="float32", n_targets=given.get("n_targets", 1),
        aggregate_function=_AGGREGATES[given.get("aggregate_function", 1)],
        post_transform=_TRANSFORMS[given.get("post_transform", 0)], **_attributes(forest),
    )  # fmt: skip
    # a cast to float32 is none, and gives the result the name that others know
    graph.nodes.append(helper.make_node("Cast", [found.name], [node.output[0]], to=_element(dtype), name=node.name))


def _element(dtype: np.dtype[Any]) -> int:
    return int(helper.np_dtype_to_tensor_dtype(dtype))


@dataclass(frozen=True)
class _Forest:
    """The attributes of a TreeEnsemble as arrays; children hold leaves as numbers behind those of the nodes."""

    roots: Array
    feature: Array
    mode: Array
    splits: Array
    missing_true: Array
    true: Array
    false: Array
    targets: Array
    weights: Array
    members: list[Array]


def _forest(given: dict[str, Any]) -> _Forest:
    def integers(name: str) -> Array:
        return np.array(given[name], np.int64)

    feature = integers("nodes_featureids")
    count, leaves = len(feature), len(given["leaf_targetids"])
    targets, weights = integers("leaf_targetids"), numpy_helper.to_array(given["leaf_weights"])
    true, false = (
        integers(f"nodes_{side}nodeids") + count * integers(f"nodes_{side}leafs") for side in ("true", "false")
    )
    lone = np.flatnonzero((true == false) & (true >= count))  # a node of its own for each end of a test
    targets, weights = (np.concatenate([held, held[true[lone] - count]]) for held in (targets, weights))
    false[lone] = count + leaves + np.arange(len(lone))
    missing = np.array(given.get("nodes_missing_value_tracks_true") or np.zeros(count), np.int64)
    held = numpy_helper.to_array(given["membership_values"]) if "membership_values" in given else np.zeros(0)
    members = np.split(held, np.flatnonzero(np.isnan(held)) + 1)[:-1]
    return _Forest(
        integers("tree_roots"), feature, numpy_helper.to_array(given["nodes_modes"]).astype(np.int64),
        numpy_helper.to_array(given["nodes_splits"]), missing, true, false, targets, weights, members,
    )  # fmt: skip


def _memberships(x: Value, forest: _Forest) -> Value:
    """Return 1 for each set that its feature is a member of (or missing, where that counts), else 0: [N, sets]."""
    places = np.flatnonzero(forest.mode == _MEMBER)
    table = np.full((len(places), max(len(held) for held in forest.members)), np.nan, x.dtype)
    for row, held in zip(table, forest.members, strict=True):
        row[: len(held)] = held  # NaN, which ends it, equals nothing
    tested = x[:, forest.feature[places]]
    known = fn.any(fn.equal(fn.expand_dims(tested, 2), table), 2)
    left: Value = known | (fn.isnan(tested) & (forest.missing_true[places] != 0).reshape(1, -1))
    return left.cast(x.dtype)


def _attributes(forest: _Forest) -> dict[str, Any]:
    """Return the older operator's attributes: nodes and leaves in one list, tree by tree, each beginning with its root."""
    member = forest.mode == _MEMBER
    count, leaves = len(forest.mode), len(forest.targets)
    feature, splits, missing = forest.feature + len(forest.members), forest.splits.copy(), forest.missing_true.copy()
    feature[member] = np.arange(len(forest.members))
    splits[member], missing[member] = 0.5, 0
    true, false = np.where(member, forest.false, forest.true), np.where(member, forest.true, forest.false)
    mode = np.where(member, 0, forest.mode)
    owner = _owners(forest, count + leaves)
    behind = np.ones(count + leaves, np.int64)
    behind[forest.roots] = 0
    order = np.lexsort((np.arange(count + leaves), behind, owner))
    order = order[owner[order] >= 0]
    leaf = order >= count

    def ordered(values: Array, at_leaf: Any = 0) -> Array:
        return np.concatenate([values, np.full(leaves, at_leaf, values.dtype)])[order]

    numbers = {
        "nodes_treeids": owner[order], "nodes_nodeids": order, "nodes_featureids": ordered(feature),
        "nodes_truenodeids": ordered(true), "nodes_falsenodeids": ordered(false),
        "nodes_missing_value_tracks_true": ordered(missing), "target_treeids": owner[order[leaf]],
        "target_nodeids": order[leaf], "target_ids": forest.targets[order[leaf] - count],
    }  # fmt: skip
    return {
        **{name: values.tolist() for name, values in numbers.items()},
        "nodes_modes": [*np.array([*_MODES, "LEAF"])[ordered(mode, len(_MODES))]],
        "nodes_values_as_tensor": numpy_helper.from_array(ordered(splits)),
        "target_weights_as_tensor": numpy_helper.from_array(forest.weights[order[leaf] - count]),
    }


def _owners(forest: _Forest, count: int) -> Array:
    """Return the tree that each node or leaf belongs to, level by level; -1 for one that no tree reaches."""
    owner = np.full(count, -1)
    level, number = forest.roots, np.arange(len(forest.roots))
    while len(level):
        owner[level] = number
        inner = level < len(forest.mode)
        level, number = level[inner], number[inner]
        level, number = np.concatenate([forest.true[level], forest.false[level]]), np.concatenate([number, number])
    return owner
