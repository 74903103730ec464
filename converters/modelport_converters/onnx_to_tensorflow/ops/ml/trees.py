"""Tree ensembles of ai.onnx.ml, evaluated level by level for all trees at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_graph import trees
from modelport_converters.onnx_to_tensorflow.ops.ml import ML
from modelport_converters.onnx_to_tensorflow.ops.ml.scores import both, label_names, rows, transformed
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op

_STATES, _FEWEST = 10_000, 16
"""How many pairs of a row and a tree descend together, so that their states stay in the cache, and at least how many rows."""

_AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
"""In the order of TreeEnsemble's attributes."""


def evaluate(x: tf.Tensor, table: trees.Tables, values: np.ndarray, mask: np.ndarray, aggregate: str) -> tf.Tensor:
    """Evaluate an ensemble: the aggregated leaf values [rows, targets] of x [rows, features]."""
    weights, complete = _weights(values, mask, aggregate), bool(mask.all())
    return _descended(
        x, table, lambda leaf: _aggregated(tf.gather(weights, leaf), aggregate, complete), values.shape[1]
    )


def _descended(x: tf.Tensor, table: trees.Tables, valued: Callable[[tf.Tensor], tf.Tensor], width: int) -> tf.Tensor:
    """Descend all trees to their leaves [rows, trees] and map these by `valued`: [rows, width]."""
    wide = _widened(x, table)
    columns = int(wide.shape[1])
    bits = max(1, (columns - 1).bit_length())
    index = tf.int32 if len(table.child) << bits < 2**31 else tf.int64
    read, leaf = _nodes(table, bits, index), tf.constant(table.leaf)
    together = max(_FEWEST, _STATES // table.roots)

    def block(start: tf.Tensor) -> tf.Tensor:
        own = wide[start : start + together]
        flat, size = tf.reshape(own, [-1]), tf.shape(own)[0]
        offset = tf.range(size, dtype=index)[:, None] * columns
        node = tf.tile(tf.range(table.roots, dtype=index)[None], [size, 1])
        for _ in range(table.depth):
            entry, threshold = read(node)
            column = tf.bitwise.bitwise_and(entry, tf.constant(2**bits - 1, index))
            below = tf.gather(flat, column + offset) <= threshold
            node = tf.bitwise.right_shift(entry, tf.constant(bits, index)) + tf.cast(below, index)
        return valued(tf.gather(leaf, node))

    count = tf.maximum(1, -(-tf.shape(wide)[0] // together))
    parts = tf.TensorArray(x.dtype, count, element_shape=[None, width], infer_shape=False)
    _, parts = tf.while_loop(
        lambda at, parts: at < count,
        lambda at, parts: (at + 1, parts.write(at, block(at * together))),
        (tf.constant(0), parts),
        parallel_iterations=4,
    )
    return tf.reshape(parts.concat(), [-1, width])


def _nodes(table: trees.Tables, bits: int, index: tf.DType) -> Callable[[Any], tuple[tf.Tensor, tf.Tensor]]:
    """Return a function that reads the packed child and column, and the threshold, of nodes.

    Both stand in one number of 64 bits where they fit: an access to memory costs more than taking them apart.
    """
    code = table.child.astype(np.int64) << bits | table.feature
    if index != tf.int32 or table.threshold.dtype != np.float32:
        codes, thresholds = tf.constant(code, index), tf.constant(table.threshold)
        return lambda node: (tf.gather(codes, node), tf.gather(thresholds, node))
    packed = tf.constant(code << 32 | table.threshold.view(np.uint32))

    def read(node: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found = tf.gather(packed, node)
        entry = tf.cast(tf.bitwise.right_shift(found, tf.constant(32, tf.int64)), tf.int32)
        return entry, tf.bitcast(tf.cast(found, tf.int32), tf.float32)

    return read


def _widened(x: tf.Tensor, table: trees.Tables) -> tf.Tensor:
    """Return the feature columns that the nodes test; see `Tables`."""
    parts, one, zero = [x], tf.ones([], x.dtype), tf.zeros([], x.dtype)
    if len(table.passing):
        picked = tf.gather(x, table.passing, axis=1)
        parts.append(tf.where(tf.math.is_nan(picked), tf.constant(-np.inf, x.dtype), picked))
    if len(table.missing):
        parts.append(tf.where(tf.math.is_nan(tf.gather(x, table.missing, axis=1)), zero, one))
    if table.sets:
        sizes = [len(values) for _, values in table.sets]
        owner = np.repeat(np.arange(len(sizes)), sizes)
        known = np.array([value for _, values in table.sets for value in values], x.dtype.as_numpy_dtype)
        picked = tf.gather(x, np.array([feature for feature, _ in table.sets], np.int64)[owner], axis=1)
        equal = tf.cast((picked == known) | (tf.math.is_nan(picked) & np.isnan(known)), x.dtype)
        parts.append(tf.transpose(tf.math.unsorted_segment_sum(tf.transpose(equal), owner, len(sizes))))
    return tf.concat(parts, 1) if len(parts) > 1 else x


def _weights(values: np.ndarray, mask: np.ndarray, aggregate: str) -> tf.Tensor:
    lacking = {"MIN": np.inf, "MAX": -np.inf}.get(aggregate, 0.0)
    return tf.constant(np.where(mask, values, values.dtype.type(lacking)))


def _aggregated(values: tf.Tensor, aggregate: str, complete: bool) -> tf.Tensor:
    """Aggregate [rows, trees, targets] over the trees; 0 for a target that no leaf of the row has, as ONNX Runtime does."""
    if aggregate in ("MIN", "MAX"):
        found = tf.reduce_min(values, 1) if aggregate == "MIN" else tf.reduce_max(values, 1)
        return found if complete else tf.where(tf.math.is_inf(found), tf.zeros_like(found), found)
    return tf.reduce_mean(values, 1) if aggregate == "AVERAGE" else tf.reduce_sum(values, 1)


def _features(x: tf.Tensor, nodes: trees.Nodes) -> tuple[tf.Tensor, int]:
    """Return the feature columns up to the last one tested, and their number."""
    count = int(nodes.feature.max(initial=0)) + 1
    return tf.ensure_shape(x[:, :count], [None, count]), count


def _floats(x: tf.Tensor) -> tuple[tf.Tensor, tf.DType]:
    """Cast features to the type in which thresholds are compared; also that type."""
    double = x.dtype == tf.float64
    return rows(x, tf.float64 if double else tf.float32), np.float64 if double else np.float32


def _classic(x: tf.Tensor, attributes: dict[str, Any], kind: str, targets: int, aggregate: str) -> tf.Tensor:
    """Return the scores of a TreeEnsembleClassifier or TreeEnsembleRegressor without base values."""
    x, dtype = _floats(x)
    names = ("treeids", "nodeids", "featureids", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true")
    given = {name: attributes[f"nodes_{name}"] for name in names} | {"values": _either(attributes, "nodes_values")}
    weights = _either(attributes, f"{kind}_weights")
    places = tuple(attributes[f"{kind}_{name}"] for name in ("treeids", "nodeids", "ids"))
    if any(value is None for value in (*places, weights, *(given[name] for name in (*names[:6], "values")))):
        raise Unsupported("it lacks an attribute that its trees need")
    nodes, roots = trees.of_classic(given, dtype)
    numbered, values, mask = trees.leaf_values(
        nodes, (*places, weights), (given["treeids"], given["nodeids"]), targets, dtype
    )
    x, features = _features(x, numbered)
    return evaluate(x, trees.tables(numbered, roots, features), values, mask, aggregate)


def _either(attributes: dict[str, Any], name: str) -> np.ndarray | Sequence[float] | None:
    tensor: np.ndarray | None = attributes[f"{name}_as_tensor"]
    listed: Sequence[float] | None = attributes[name]
    return listed if tensor is None else tensor


def _base(attributes: dict[str, Any], dtype: tf.DType) -> np.ndarray:
    base = _either(attributes, "base_values")
    return np.array(() if base is None else base, dtype.as_numpy_dtype)


@op("TreeEnsembleRegressor", domain=ML)
def tree_ensemble_regressor(
    x: tf.Tensor,
    *, aggregate_function: str = "SUM", base_values: Sequence[float] | None = None,
    base_values_as_tensor: np.ndarray | None = None, n_targets: int = 1,
    nodes_falsenodeids: Sequence[int] | None = None, nodes_featureids: Sequence[int] | None = None,
    nodes_hitrates: Sequence[float] | None = None, nodes_hitrates_as_tensor: np.ndarray | None = None,
    nodes_missing_value_tracks_true: Sequence[int] | None = None, nodes_modes: Sequence[str] | None = None,
    nodes_nodeids: Sequence[int] | None = None, nodes_treeids: Sequence[int] | None = None,
    nodes_truenodeids: Sequence[int] | None = None, nodes_values: Sequence[float] | None = None,
    nodes_values_as_tensor: np.ndarray | None = None, post_transform: str = "NONE",
    target_ids: Sequence[int] | None = None, target_nodeids: Sequence[int] | None = None,
    target_treeids: Sequence[int] | None = None, target_weights: Sequence[float] | None = None,
    target_weights_as_tensor: np.ndarray | None = None,
) -> tf.Tensor:  # fmt: skip
    """Tree ensemble: the aggregated weights of the leaves that each row reaches, [rows, targets]."""
    given = dict(locals())
    scores = _classic(x, given, "target", n_targets, aggregate_function)
    base = _base(given, scores.dtype)
    scores = scores + base if len(base) == n_targets else scores
    return tf.cast(transformed(scores, post_transform), tf.float32)


@op("TreeEnsembleClassifier", domain=ML)
def tree_ensemble_classifier(
    x: tf.Tensor,
    *, base_values: Sequence[float] | None = None, base_values_as_tensor: np.ndarray | None = None,
    class_ids: Sequence[int] | None = None, class_nodeids: Sequence[int] | None = None,
    class_treeids: Sequence[int] | None = None, class_weights: Sequence[float] | None = None,
    class_weights_as_tensor: np.ndarray | None = None, classlabels_int64s: Sequence[int] | None = None,
    classlabels_strings: Sequence[str] | None = None, nodes_falsenodeids: Sequence[int] | None = None,
    nodes_featureids: Sequence[int] | None = None, nodes_hitrates: Sequence[float] | None = None,
    nodes_hitrates_as_tensor: np.ndarray | None = None, nodes_missing_value_tracks_true: Sequence[int] | None = None,
    nodes_modes: Sequence[str] | None = None, nodes_nodeids: Sequence[int] | None = None,
    nodes_treeids: Sequence[int] | None = None, nodes_truenodeids: Sequence[int] | None = None,
    nodes_values: Sequence[float] | None = None, nodes_values_as_tensor: np.ndarray | None = None,
    post_transform: str = "NONE",
) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
    """Tree ensemble classifier: the label of the largest score of each row, and the scores [rows, classes].

    Where only one of two classes has weights, its score decides alone, by ONNX Runtime's rule: against 0.5 if no weight is
    negative, else against 0; and if it is the first one, it stands for both classes.
    """
    given = dict(locals())
    labels = label_names(classlabels_int64s, classlabels_strings)
    classes = int(labels.shape[0])
    scores = _classic(x, given, "class", classes, "SUM")
    base, present = _base(given, scores.dtype), np.unique(np.array(class_ids))
    scores = scores + base if len(base) == classes else scores
    if classes != 2 or len(present) != 1:
        return tf.gather(labels, tf.argmax(scores, 1)), tf.cast(transformed(scores, post_transform), tf.float32)
    positive = bool((np.asarray(_either(given, "class_weights")) >= 0).all())
    score = scores[:, int(present[0]), None]
    alone = present[0] == 0 and len(base) < 2
    score = score + base[0] if alone and len(base) else score
    label = tf.gather(labels, tf.cast(score[:, 0] > (0.5 if positive else 0.0), tf.int32))
    scores = both(score, post_transform, positive) if alone else transformed(scores, post_transform)
    return label, tf.cast(scores, tf.float32)


@op("TreeEnsemble", domain=ML)
def tree_ensemble(
    x: tf.Tensor,
    *, aggregate_function: int = 1, leaf_targetids: Sequence[int], leaf_weights: np.ndarray,
    membership_values: np.ndarray | None = None, n_targets: int = 1, nodes_falseleafs: Sequence[int],
    nodes_falsenodeids: Sequence[int], nodes_featureids: Sequence[int], nodes_hitrates: Sequence[float] | None = None,
    nodes_missing_value_tracks_true: Sequence[int] | None = None, nodes_modes: np.ndarray, nodes_splits: np.ndarray,
    nodes_trueleafs: Sequence[int], nodes_truenodeids: Sequence[int], post_transform: int = 0,
    tree_roots: Sequence[int],
) -> tf.Tensor:  # fmt: skip
    """Tree ensemble: the aggregated weights of the leaves that each row reaches, [rows, targets]."""
    given = {name.removeprefix("nodes_"): value for name, value in locals().items()}
    kind = x.dtype
    x, dtype = _floats(x)
    nodes, roots = trees.of_ensemble(given | {"leaves": len(leaf_weights)}, dtype)
    targets, leaves = np.array(leaf_targetids, np.int64), np.arange(len(leaf_weights))
    x, features = _features(x, nodes)
    table, weights = trees.tables(nodes, roots, features), np.array(leaf_weights, dtype)
    aggregate = _AGGREGATES[aggregate_function]
    order = trees.of_own(table, targets, n_targets)
    if order is None or aggregate == "AVERAGE":
        values, mask = trees.summed(leaves, targets, weights, len(leaves), n_targets)
        scores = evaluate(x, table, values, mask, aggregate)
    else:  # a tree for each target: nothing to add up
        held = tf.constant(weights)
        scores = _descended(x, table, lambda leaf: tf.gather(held, tf.gather(leaf, order, axis=1)), n_targets)
    return tf.cast(transformed(scores, _TRANSFORMS[post_transform]), kind)
