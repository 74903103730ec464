"""Decision forests as ai.onnx.ml's TreeEnsemble: leaf indices, and sums over the leaves.

The operator is asked for the number of the leaf that a row reaches in each tree, which float32 holds exactly; values of any
number of columns are then looked up and added in float64, tree after tree. That is scikit-learn's own sum to the last bit, so
classes with equal votes stay equal and labels do not flip.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value

Array = NDArray[Any]

DOMAIN = "ai.onnx.ml"
LEQ, MEMBER = 0, 6
"""Modes of TreeEnsemble: x <= split, and x one of a set."""

_BLOCK_NODES, _BLOCK_CELLS = 2**16, 512
"""How many nodes one operator holds, so that they stay in the cache while all rows descend, and how many values a row fetches
from it (8 bytes each, for all rows at once)."""
_EXACT = {"float32": 2**24, "float64": 2**53}
"""Up to where a float holds every whole number."""


@dataclass(frozen=True)
class Tree:
    """One tree; its root is the first node.

    Attributes:
        left, right: of each node, its children; of a leaf anything.
        leaf: whether each node is one.
        feature: the column that is tested.
        threshold: float64; a row goes left with `x <= threshold`.
        missing_left: whether NaN goes left.
        members: of the nodes that test for equality, the values that go left.
    """

    left: Array
    right: Array
    leaf: Array
    feature: Array
    threshold: Array
    missing_left: Array
    members: Mapping[int, Array] = field(default_factory=dict)


def of_tree(tree: Any, features: Array | None = None) -> Tree:
    """Return a `sklearn.tree._tree.Tree`; `features` are those of the whole matrix that it was fitted on."""
    left, feature = tree.children_left, tree.feature
    leaf = left < 0
    if features is not None:
        feature = np.where(leaf, 0, np.asarray(features)[feature])
    missing = tree.missing_go_to_left.astype(bool)
    return Tree(left, tree.children_right, leaf, feature, tree.threshold, missing)


def leaf_numbers(x: Value, trees: Sequence[Tree]) -> Value:
    """Return the number of the leaf that each row reaches in each tree, int64 [N, trees].

    Leaves are numbered tree by tree in the order of their nodes. The thresholds are compared as float64 would be, whichever
    float x is.
    """
    x = x if x.dtype.kind == "f" else x.cast("float64")
    leaves = sum(int(tree.leaf.sum()) for tree in trees)
    if leaves >= _EXACT[x.dtype.name]:
        x = x.cast("float64")
    result = x.graph.op("TreeEnsemble", x, domain=DOMAIN, n_targets=len(trees), aggregate_function=1)
    _describe(result.graph.nodes[-1], trees, x.dtype)
    return result.cast("int64")


def summed(
    x: Value, trees: Sequence[Tree], values: Sequence[Array], *, targets: int = 1, start: Value | None = None
) -> Value:
    """Add up what the leaves of all trees hold, float64 [N, columns].

    Arguments:
        trees: all that are added.
        values: of each tree, what its nodes hold: [nodes, width].
        targets: how many trees in turn are for columns of their own, as in boosting for several classes; width is 1 then.
        start: what is added to, [N, columns].
    """
    if targets * values[0].shape[1] == 1:  # ONNX Runtime adds a lone column up in another order
        values = [np.column_stack([held, np.zeros(len(held))]) for held in values]
        start = start if start is None else fn.concatenate([start, start * 0.0], 1)
        return summed(x, trees, values, start=start)[:, :1]
    result, width = start, values[0].shape[1]
    for first, last in _blocks(trees, targets, width):
        part = trees[first:last]
        table = np.concatenate([held[tree.leaf] for tree, held in zip(part, values[first:last], strict=True)])
        found = fn.take(np.ascontiguousarray(table, np.float64), leaf_numbers(x, part))
        rounds = (last - first) // targets
        found = fn.reshape(found, [0, rounds, targets * width])
        if result is not None:
            found = fn.concatenate([fn.expand_dims(result, 1), found], 1)  # one sum, in scikit-learn's order
        result = fn.sum(found, 1) if rounds > 1 or result is not None else fn.squeeze(found, 1)
    assert result is not None
    return result


def _blocks(trees: Sequence[Tree], targets: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield from which tree to which each operator goes."""
    most = max(1, _BLOCK_CELLS // (targets * width)) * targets
    first, nodes = 0, 0
    for place in range(0, len(trees), targets):
        count = sum(len(tree.leaf) for tree in trees[place : place + targets])
        if place > first and (place - first >= most or nodes + count > _BLOCK_NODES):
            yield first, place
            first, nodes = place, 0
        nodes += count
    yield first, len(trees)


def _describe(node: onnx.NodeProto, trees: Sequence[Tree], dtype: np.dtype[Any]) -> None:
    """Write the attributes of a TreeEnsemble whose leaves weigh their numbers, an array operation for all trees at once."""
    counts = np.array([len(tree.leaf) for tree in trees])
    starts = np.cumsum(counts) - counts
    leaf = np.concatenate([tree.leaf for tree in trees])
    offset = np.repeat(starts, counts)
    # the operator knows no tree without a test: a lone leaf becomes a test whose two leaves have the same number
    alone = np.zeros(len(leaf), bool)
    alone[starts] = leaf[starts]
    inner = np.flatnonzero(~leaf | alone)
    place, number = np.zeros(len(leaf), np.int64), np.cumsum(leaf) - 1
    place[inner] = np.arange(len(inner))
    lone = alone[inner]
    tree_of = np.repeat(np.arange(len(trees)), counts)
    attributes: dict[str, Array] = {"tree_roots": place[starts]}
    for side, name in (("true", "left"), ("false", "right")):
        child = np.concatenate([getattr(tree, name) for tree in trees])[inner].astype(np.int64) + offset[inner]
        child[lone] = inner[lone]
        is_leaf = leaf[child]
        at = np.where(is_leaf, number[child], place[child])
        if side == "false":
            at[lone] = int(leaf.sum()) + np.arange(int(lone.sum()))
        attributes |= {f"nodes_{side}nodeids": at, f"nodes_{side}leafs": is_leaf}
    attributes["nodes_featureids"] = np.where(lone, 0, _joined(trees, "feature")[inner])
    missing = _joined(trees, "missing_left")[inner] & ~lone
    if missing.any():
        attributes["nodes_missing_value_tracks_true"] = missing
    attributes["leaf_targetids"] = np.concatenate([tree_of[leaf], tree_of[alone]])
    for key, numbers in attributes.items():
        _add_integers(node, key, numbers)
    splits = _rounded_down(np.where(lone, 0.0, _joined(trees, "threshold")[inner]), dtype)
    members = [
        (int(place[start + at]), held)
        for start, tree in zip(starts, trees, strict=True)
        for at, held in sorted(tree.members.items())
    ]
    modes = np.full(len(inner), LEQ, np.uint8)
    modes[[at for at, _ in members]] = MEMBER
    _add_tensor(node, "nodes_modes", modes)
    _add_tensor(node, "nodes_splits", splits)
    _add_tensor(node, "leaf_weights", np.concatenate([number[leaf], number[alone]]).astype(dtype))
    if members:
        ended = [part for _, held in members for part in (held, [np.nan])]  # NaN ends the set of one node
        _add_tensor(node, "membership_values", np.concatenate(ended).astype(dtype))


def _joined(trees: Sequence[Tree], name: str) -> Array:
    return np.concatenate([getattr(tree, name) for tree in trees])


def _rounded_down(thresholds: Array, dtype: np.dtype[Any]) -> Array:
    """Return the largest numbers of the dtype that are not above the thresholds, so that x <= threshold stays as it is."""
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(dtype)
    above = nearest > thresholds
    nearest[above] = np.nextafter(nearest[above], dtype.type(-np.inf))
    return nearest


def _add_integers(node: onnx.NodeProto, name: str, numbers: Array) -> None:
    """Add an attribute without the check of every element that onnx.helper makes."""
    attribute = node.attribute.add()
    attribute.name, attribute.type = name, onnx.AttributeProto.INTS
    attribute.ints.extend(numbers.astype(np.int64).tolist())


def _add_tensor(node: onnx.NodeProto, name: str, values: Array) -> None:
    attribute = node.attribute.add()
    attribute.name, attribute.type = name, onnx.AttributeProto.TENSOR
    attribute.t.CopyFrom(numpy_helper.from_array(values, name))
