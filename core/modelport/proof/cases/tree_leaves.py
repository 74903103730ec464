"""The leaves of tree ensembles: for each, the interval of every feature on its path, and a row that reaches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, numpy_helper

Array = NDArray[Any]
Box = dict[int, tuple[float, float]]
"""For a feature, the interval (low, high] that its value must lie in."""

MOST = 4096
"""Leaves of one ensemble that rows are made for; of more, as many are taken in even steps."""

_MODES = ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ")
"""In the order of TreeEnsemble's attribute nodes_modes."""


class _Nodes:
    """The inner nodes of an ensemble: feature, threshold and mode of each, and its parent with the side that it hangs on."""

    def __init__(self, features: Array, thresholds: Array, modes: Sequence[str], parents: Array, sides: Array) -> None:
        self.features, self.thresholds, self.modes = features, thresholds, modes
        self.parents, self.sides = parents, sides


def leaves_of(attributes: Mapping[str, AttributeProto]) -> tuple[list[Box], int]:
    """Return the boxes of an ensemble's leaves, at most `MOST`, and how many leaves it has.

    Args:
        attributes: of a TreeEnsemble, TreeEnsembleClassifier or TreeEnsembleRegressor, by name.
    """
    known = next((form for form in _FORMS if set(form) <= set(attributes)), None)
    if known is None:
        return [], 0
    nodes, leaves = _FORMS[known](attributes)
    places = np.unique(np.linspace(0, len(leaves) - 1, min(len(leaves), MOST)).astype(int)) if leaves else ()
    chosen = [leaves[place] for place in places]
    boxes = [_box(nodes, parent, side) for parent, side in chosen]
    return [box for box in boxes if box is not None], len(leaves)


def in_leaves(boxes: Sequence[Box], rows: Array, dtype: str) -> Array:
    """Return the rows [n, columns] moved so that row i lies in box i, as far as the dtype has values there."""
    moved = rows.astype(np.float64)
    for place in range(len(rows)):
        for column, (low, high) in boxes[place % len(boxes)].items():
            if column < rows.shape[1]:
                moved[place, column] = _within(low, high)
    return moved.astype(dtype)


def _within(low: float, high: float) -> float:
    if np.isfinite(low) and np.isfinite(high):
        return low + (high - low) / 2
    if np.isfinite(low):
        return low + 0.1 * max(abs(low), 1.0)
    return high - 0.1 * max(abs(high), 1.0) if np.isfinite(high) else 0.0


def _box(nodes: _Nodes, node: int, side: bool) -> Box | None:
    """Climb from a leaf to its root; None where the path admits no value, or decides otherwise than by comparison."""
    box: Box = {}
    for _ in range(len(nodes.parents) + 1):
        if node < 0:
            return box
        feature, threshold, mode = int(nodes.features[node]), float(nodes.thresholds[node]), nodes.modes[node]
        low, high = box.get(feature, (-np.inf, np.inf))
        if mode in ("LEQ", "LT"):
            low, high = (low, min(high, threshold)) if side else (max(low, threshold), high)
        elif mode in ("GT", "GTE"):
            low, high = (max(low, threshold), high) if side else (low, min(high, threshold))
        elif mode == "EQ" and side:
            low, high = threshold, threshold
        elif mode not in ("EQ", "NEQ"):
            return None
        if low > high:
            return None
        box[feature] = (low, high)
        node, side = int(nodes.parents[node]), bool(nodes.sides[node])
    return None  # a circle: no tree


def _older(attributes: Mapping[str, AttributeProto]) -> tuple[_Nodes, list[tuple[int, bool]]]:
    def ints(name: str) -> Array:
        return np.asarray(attributes[name].ints, np.int64)

    values = (
        numpy_helper.to_array(attributes["nodes_values_as_tensor"].t)
        if "nodes_values_as_tensor" in attributes
        else np.asarray(attributes["nodes_values"].floats, np.float32)
    )
    modes = [mode.decode().removeprefix("BRANCH_") for mode in attributes["nodes_modes"].strings]
    width = int(ints("nodes_nodeids").max()) + 1
    places = {int(key): at for at, key in enumerate(ints("nodes_treeids") * width + ints("nodes_nodeids"))}
    parents, sides = np.full(len(modes), -1), np.zeros(len(modes), bool)
    for side, children in ((True, ints("nodes_truenodeids")), (False, ints("nodes_falsenodeids"))):
        for at, key in enumerate(ints("nodes_treeids") * width + children):
            child = places.get(int(key), at)
            if modes[at] != "LEAF" and child != at:
                parents[child], sides[child] = at, side
    nodes = _Nodes(ints("nodes_featureids"), values, modes, parents, sides)
    leaves = [(int(parents[at]), bool(sides[at])) for at, mode in enumerate(modes) if mode == "LEAF"]
    return nodes, [leaf for leaf in leaves if leaf[0] >= 0]


def _newest(attributes: Mapping[str, AttributeProto]) -> tuple[_Nodes, list[tuple[int, bool]]]:
    features = np.asarray(attributes["nodes_featureids"].ints, np.int64)
    numbers = numpy_helper.to_array(attributes["nodes_modes"].t).reshape(-1)
    modes = [_MODES[number] if number < len(_MODES) else "MEMBER" for number in numbers]
    parents, sides = np.full(len(features), -1), np.zeros(len(features), bool)
    leaves = []
    for side, kind in ((True, "true"), (False, "false")):
        children, flags = attributes[f"nodes_{kind}nodeids"].ints, attributes[f"nodes_{kind}leafs"].ints
        for at, (child, is_leaf) in enumerate(zip(children, flags, strict=True)):
            if is_leaf:
                leaves.append((at, side))
            elif child != at and 0 <= child < len(features):
                parents[child], sides[child] = at, side
    return _Nodes(features, numpy_helper.to_array(attributes["nodes_splits"].t), modes, parents, sides), leaves


_NODES = ("nodes_modes", "nodes_truenodeids", "nodes_falsenodeids", "nodes_featureids")
_FORMS = {
    (*_NODES, "nodes_splits", "nodes_trueleafs", "nodes_falseleafs"): _newest,
    (*_NODES, "nodes_treeids", "nodes_nodeids", "nodes_values"): _older,
    (*_NODES, "nodes_treeids", "nodes_nodeids", "nodes_values_as_tensor"): _older,
}
"""What reads the attributes of an ensemble, by those that it needs: of TreeEnsemble, and of the operators before it."""
