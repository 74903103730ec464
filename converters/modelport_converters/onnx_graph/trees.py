"""Tree ensembles as flat tables in breadth-first order: every test is `x <= threshold`, the children of a node are adjacent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modelport_converters.onnx_graph.registry import Unsupported

Array = NDArray[Any]
Values: TypeAlias = "Array | Sequence[float] | None"
DType = np.dtype[Any] | type[np.generic] | type[bool]
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER", "LEAF")
"""The first seven in the order of TreeEnsemble's attribute nodes_modes."""

_LEQ, _LT, _GTE, _GT, _EQ, _NEQ, _MEMBER, _LEAF = range(8)

_COPIES = 16
"""How often a node may be reached, on average, before its trees count as endless."""


@dataclass(frozen=True)
class Nodes:
    """The nodes of all trees as ONNX's attributes list them, one element each.

    Attributes:
        mode: the place in MODES.
        feature: the column that is tested.
        value: what it is compared with.
        missing_true: whether NaN takes the true branch.
        children: [nodes, 2], where a test leads that fails, and one that holds.
        leaf: the number of the leaf that a node is.
        members: for each BRANCH_MEMBER in order, the values that it accepts.
    """

    mode: Array
    feature: Array
    value: Array
    missing_true: Array
    children: Array
    leaf: Array
    members: Sequence[Array] = ()


@dataclass(frozen=True)
class Tables:
    """Nodes in breadth-first order over all trees: `next = child + (x <= threshold)`, where NaN is never below anything.

    The tested row has these columns: all features, those of `passing` with NaN as -inf, those of `missing` as 0 where NaN and
    1 elsewhere, and for each of `sets` 1 where the feature is one of the values (NaN among them stands for itself), else 0.

    Attributes:
        roots: the number of trees; their roots are the first nodes.
        feature, child: int32 [nodes].
        threshold: of the input's type [nodes]; NaN for a leaf, which therefore leads to itself.
        leaf: the number of the leaf that a node is, or 0, int32 [nodes].
        depth: the largest number of tests on a path.
        passing, missing: features.
        sets: features and values.
    """

    roots: int
    feature: Array
    threshold: Array
    child: Array
    leaf: Array
    depth: int
    passing: Array
    missing: Array
    sets: Sequence[tuple[int, tuple[float, ...]]]


def tables(nodes: Nodes, roots: Array, features: int) -> Tables:
    """Build the tables of an ensemble, its nodes numbered in breadth-first order.

    Args:
        nodes: of all trees.
        roots: the node at which each tree begins.
        features: columns of the input.

    Raises:
        Unsupported: when a test asks for a column that is not there, or a tree never ends.
    """
    split = nodes.mode != _LEAF
    tested = nodes.feature[split]
    if tested.size and not 0 <= tested.min() <= tested.max() < features:
        raise Unsupported(f"a node tests a feature that is none of the {features} columns")
    threshold, inverse, nan_passes = _tests(nodes)
    only_nan = nan_passes & np.isnan(threshold)
    passes = nan_passes & ~only_nan
    passing, missing = np.unique(nodes.feature[passes]), np.unique(nodes.feature[only_nan])
    equal = (nodes.mode >= _EQ) & split
    sets, places = _sets(nodes, np.flatnonzero(equal))
    feature = np.where(split, nodes.feature, 0)
    feature[passes] = features + np.searchsorted(passing, feature[passes])
    feature[only_nan] = features + len(passing) + np.searchsorted(missing, feature[only_nan])
    feature[equal] = features + len(passing) + len(missing) + places
    threshold[only_nan | equal] = 0.5
    threshold[~split] = np.nan
    children = np.where(inverse[:, None], nodes.children[:, ::-1], nodes.children)
    order, child, depth = _numbered(roots, split, children)
    columns = (column.astype(np.int32) for column in (feature[order], child, nodes.leaf[order]))
    feature, child, leaf = columns
    return Tables(len(roots), feature, threshold[order], child, leaf, depth, passing, missing, sets)


def _tests(nodes: Nodes) -> tuple[Array, Array, Array]:
    """Return t of `x <= t`, whether that holds where the node's own test fails, and whether NaN is to pass it."""
    mode, value = nodes.mode, nodes.value
    with np.errstate(over="ignore"):
        below = np.nextafter(value, value.dtype.type(-np.inf))
    below[value == 0] = -np.finfo(value.dtype).tiny  # TensorFlow takes what is smaller for 0
    below[np.isneginf(value)] = np.nan
    inverse = np.isin(mode, (_GTE, _GT, _EQ, _MEMBER))
    threshold = np.where((mode == _LT) | (mode == _GTE), below, value)
    ordered = np.isin(mode, (_GTE, _GT))
    threshold[ordered & np.isnan(value)] = np.inf
    missing = nodes.missing_true.astype(bool)
    passes = np.where(ordered, ~missing, missing) & (mode <= _GT)
    return threshold, inverse, passes


def _sets(nodes: Nodes, places: Array) -> tuple[list[tuple[int, tuple[float, ...]]], Array]:
    """Return the different sets that nodes compare with for equality, and the number of each such node's set."""
    members = iter(nodes.members)
    found: dict[tuple[int, tuple[float, ...], bool], int] = {}
    numbers = []
    for place in places.tolist():
        mode = nodes.mode[place]
        given = next(members) if mode == _MEMBER else nodes.value[place : place + 1]
        values = tuple(np.unique(given[~np.isnan(given)]).tolist())
        key = (int(nodes.feature[place]), values, bool(nodes.missing_true[place]) and mode != _NEQ)
        numbers.append(found.setdefault(key, len(found)))
    sets = [(feature, (*values, np.nan) if missing else values) for feature, values, missing in found]
    return sets, np.array(numbers, np.int64)


def _numbered(roots: Array, split: Array, children: Array) -> tuple[Array, Array, int]:
    """Return the node that stands at each place, the place of its first child (its own for a leaf), and the depth."""
    level, order, child, count = np.asarray(roots), [], [], 0
    while level.size:
        inner = split[level]
        here = count + np.arange(level.size)
        count += level.size
        if count > _COPIES * split.size:
            raise Unsupported("its trees do not end")
        order.append(level)
        child.append(np.where(inner, count + 2 * np.cumsum(inner) - 2, here))
        level = children[level[inner]].ravel()
    return np.concatenate(order), np.concatenate(child), len(order) - 1


def of_classic(given: Mapping[str, Any], dtype: DType) -> tuple[Nodes, Array]:
    """Return the nodes of a TreeEnsembleClassifier or Regressor, every leaf numbered by its place, and the roots.

    Args:
        given: the attributes nodes_*, without the prefix.
        dtype: NumPy's type of the thresholds.
    """
    trees, ids = _integers(given["treeids"]), _integers(given["nodeids"])
    mode = _modes(given["modes"])
    place = Places(trees, ids)
    split = mode != _LEAF
    children = np.zeros((len(ids), 2), np.int64)
    for column, name in enumerate(("falsenodeids", "truenodeids")):
        children[split, column] = place(trees[split], _integers(given[name])[split])
    missing = given["missing_value_tracks_true"]
    missing = np.zeros(len(ids), bool) if missing is None or not len(missing) else _integers(missing).astype(bool)
    value = np.array(given["values"], dtype)
    nodes = Nodes(mode, _integers(given["featureids"]), value, missing, children, np.arange(len(ids)))
    return nodes, np.sort(np.unique(trees, return_index=True)[1])


class Places:
    """Index of nodes by tree id and node id.

    Args:
        trees, ids: of each node, in order.
    """

    def __init__(self, trees: Array, ids: Array) -> None:
        self._width = int(ids.max(initial=0)) + 1
        keys = trees * self._width + ids
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]

    def __call__(self, trees: Array, ids: Array) -> Array:
        """Return the indices of nodes.

        Raises:
            Unsupported: for a node that is not there.
        """
        keys = trees * self._width + ids
        at = np.searchsorted(self._sorted, keys)
        at[at == len(self._sorted)] = 0
        if (self._sorted[at] != keys).any() or (ids >= self._width).any():
            raise Unsupported("it names a node that is not there")
        return self._order[at]


def leaf_values(
    nodes: Nodes, given: tuple[Values, Values, Values, Values], ids: tuple[Values, Values], targets: int, dtype: DType
) -> tuple[Nodes, Array, Array]:
    """Return the nodes with their leaves numbered from 0, and the weights and the mask of given ones [leaves, targets].

    Args:
        nodes: as `of_classic` returns them.
        given: tree ids, node ids, target ids and values of the weights.
        ids: the attributes nodes_treeids and nodes_nodeids.
        targets: their number.
        dtype: NumPy's type of the weights.
    """
    at = Places(*map(_integers, ids))(_integers(given[0]), _integers(given[1]))
    number = np.cumsum(nodes.mode == _LEAF) - 1
    target = _integers(given[2])
    keep = nodes.mode[at] == _LEAF
    if target.size and not 0 <= target.min() <= target.max() < targets:
        raise Unsupported(f"it names a target that is none of the {targets}")
    table, mask = summed(number[at][keep], target[keep], np.array(given[3], dtype)[keep], int(number[-1]) + 1, targets)
    leaf = np.where(nodes.mode == _LEAF, number, 0)
    return Nodes(nodes.mode, nodes.feature, nodes.value, nodes.missing_true, nodes.children, leaf), table, mask


def summed(leaf: Array, target: Array, value: Array, leaves: int, targets: int) -> tuple[Array, Array]:
    """Return the weights [leaves, targets], those given twice added up, and the mask of given ones."""
    table, mask = np.zeros((leaves, targets), value.dtype), np.zeros((leaves, targets), bool)
    np.add.at(table, (leaf, target), value)
    mask[leaf, target] = True
    return table, mask


def of_own(table: Tables, targets: Array, count: int) -> Array | None:
    """Return the tree of each target, where every tree has one of its own; else None.

    Args:
        table: the nodes, roots first.
        targets: of each leaf.
        count: of targets.
    """
    if table.roots != count:
        return None
    owner = np.zeros(len(table.child), np.int64)
    level = owner[:count] = np.arange(count)
    while level.size:
        level = level[table.child[level] != level]
        below = table.child[level]
        owner[below] = owner[below + 1] = owner[level]
        level = np.concatenate([below, below + 1])
    ends = np.flatnonzero(table.child == np.arange(len(owner)))
    found = np.zeros(count, np.int64)
    found[owner[ends]] = targets[table.leaf[ends]]
    unlike = found[owner[ends]] != targets[table.leaf[ends]]
    return None if unlike.any() or len(np.unique(found)) < count else np.argsort(found)


def of_ensemble(given: Mapping[str, Any], dtype: DType) -> tuple[Nodes, Array]:
    """Return the nodes of a TreeEnsemble, its inner nodes first and then its leaves, and the roots.

    Args:
        given: the attributes nodes_* and membership_values, without the prefix, tree_roots, and the number of leaves.
        dtype: NumPy's type of the thresholds.
    """
    inner, leaves = np.array(given["modes"], np.int64), int(given["leaves"])
    count = len(inner)
    children = np.zeros((count + leaves, 2), np.int64)
    for column, side in enumerate(("false", "true")):
        at, is_leaf = _integers(given[f"{side}nodeids"]), _integers(given[f"{side}leafs"]).astype(bool)
        children[:count, column] = np.where(is_leaf, count + at, at)
    if children.size and not 0 <= children.min() <= children.max() < count + leaves:
        raise Unsupported("it names a node that is not there")

    def padded(values: Values, kind: DType) -> Array:
        return np.concatenate([np.asarray(values, kind), np.zeros(leaves, kind)])

    missing = given["missing_value_tracks_true"]
    missing = np.zeros(count) if missing is None or not len(missing) else missing
    members = given["membership_values"]
    mode = np.concatenate([inner, np.full(leaves, _LEAF)])
    number = np.concatenate([np.zeros(count, np.int64), np.arange(leaves)])
    nodes = Nodes(
        mode, padded(given["featureids"], np.int64), padded(given["splits"], dtype), padded(missing, bool), children,
        number, () if members is None else _between_nans(np.asarray(members, dtype)),
    )  # fmt: skip
    return nodes, _integers(given["tree_roots"])


def _between_nans(values: Array) -> list[Array]:
    ends = np.flatnonzero(np.isnan(values))
    return [part[~np.isnan(part)] for part in np.split(values, ends)]


def _modes(names: Sequence[str | bytes]) -> Array:
    codes = {name: code for code, name in enumerate(MODES)}
    texts = [name.decode() if isinstance(name, bytes) else name for name in names]
    if unknown := set(texts) - set(codes):
        raise Unsupported(f"the node mode {', '.join(sorted(unknown))} is not known")
    return np.fromiter((codes[text] for text in texts), np.int64, len(texts))


def _integers(values: Values) -> Array:
    return np.array(() if values is None else values, np.int64)
