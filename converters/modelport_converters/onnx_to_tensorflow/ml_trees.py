"""Tree ensembles of ai.onnx.ml: all trees descend side by side, one level a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_graph import trees
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op

ML = "ai.onnx.ml"
_BLOCK = 256
"""Rows that descend together: their states stay in the cache."""


def transformed(scores: Any, name: str) -> Any:
    """Apply a post_transform."""
    if name == "SOFTMAX":
        return tf.nn.softmax(scores)
    if name == "LOGISTIC":
        return tf.sigmoid(scores)
    if name == "SOFTMAX_ZERO":
        powers = tf.where(scores == 0, 0.0, tf.exp(scores - tf.reduce_max(scores, -1, keepdims=True)))
        return powers / tf.reduce_sum(powers, -1, keepdims=True)
    if name == "PROBIT":
        return np.sqrt(2.0).astype(np.float32) * tf.math.erfinv(2 * scores - 1)
    return scores


def evaluate(x: Any, table: trees.Tables, values: Any, mask: Any, aggregate: str) -> Any:
    """Return the aggregated leaf values [rows, targets] of rows x [rows, features]."""
    missing = tf.math.is_nan(x)
    wide = tf.concat([tf.where(missing, np.inf, x), tf.where(missing, -np.inf, x), tf.cast(missing, x.dtype)], 1)
    columns, count = wide.shape[1], len(table.roots)
    feature, threshold, child = (tf.constant(item) for item in (table.feature, table.threshold, table.child))
    leaf = tf.constant(table.leaf)

    def block(rows: Any) -> Any:
        flat, size = tf.reshape(rows, [-1]), tf.shape(rows)[0]
        offset = tf.range(size)[:, None] * columns
        node = tf.tile(tf.constant(table.roots)[None], [size, 1])
        for _ in range(table.depth):
            value = tf.gather(flat, tf.gather(feature, node) + offset)
            node = tf.gather(child, node) + tf.cast(value > tf.gather(threshold, node), tf.int32)
        return _aggregated(tf.gather(leaf, node), values, mask, aggregate, count)

    total = tf.shape(wide)[0]
    padded = tf.pad(wide, [[0, -total % _BLOCK], [0, 0]])
    results = tf.map_fn(
        block, tf.reshape(padded, [-1, _BLOCK, columns]), parallel_iterations=2, fn_output_signature=x.dtype
    )
    return tf.reshape(results, [-1, values.shape[1]])[:total]


def _aggregated(leaves: Any, values: Any, mask: Any, aggregate: str, count: int) -> Any:
    if aggregate in ("SUM", "AVERAGE"):
        total = tf.reduce_sum(tf.gather(tf.constant(values), leaves), 1)
        return total / count if aggregate == "AVERAGE" else total
    lowest, reduce = (np.inf, tf.reduce_min) if aggregate == "MIN" else (-np.inf, tf.reduce_max)
    found = reduce(tf.gather(tf.constant(np.where(mask, values, values.dtype.type(lowest))), leaves), 1)
    return tf.where(tf.math.is_inf(found), tf.zeros_like(found), found)


def _tables(x: Any, attributes: dict[str, Any], kind: str) -> tuple[Any, trees.Tables, Any, Any, Any]:
    if x.shape.rank != 2 or x.shape[1] is None:
        raise Unsupported("the number of features must be known")
    x = x if x.dtype in (tf.float32, tf.float64) else tf.cast(x, tf.float32)

    def either(name: str) -> Any:
        tensor = attributes.get(f"{name}_as_tensor")
        return attributes.get(name) if tensor is None else tensor

    names = ("treeids", "nodeids", "featureids", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true")
    given = {name: attributes.get(f"nodes_{name}") for name in names} | {"values": either("nodes_values")}
    weights = (
        *tuple(attributes[f"{kind}_{name}"] for name in ("treeids", "nodeids", "ids")),
        either(f"{kind}_weights"),
    )
    dtype = np.float64 if x.dtype == tf.float64 else np.float32
    return x, *trees.of_nodes(given, weights, int(x.shape[1]), dtype), either("base_values")


@op("TreeEnsembleRegressor", domain=ML)
def tree_ensemble_regressor(
    x: Any, *, aggregate_function: str = "SUM", base_values: Any = None, base_values_as_tensor: Any = None,
    n_targets: int = 1, nodes_falsenodeids: Any = None, nodes_featureids: Any = None, nodes_hitrates: Any = None,
    nodes_hitrates_as_tensor: Any = None, nodes_missing_value_tracks_true: Any = None, nodes_modes: Any = None,
    nodes_nodeids: Any = None, nodes_treeids: Any = None, nodes_truenodeids: Any = None, nodes_values: Any = None,
    nodes_values_as_tensor: Any = None, post_transform: str = "NONE", target_ids: Any = None,
    target_nodeids: Any = None, target_treeids: Any = None, target_weights: Any = None,
    target_weights_as_tensor: Any = None,
) -> Any:  # fmt: skip
    """The aggregated weights of the leaves that each row reaches, [rows, targets]."""
    x, table, values, mask, base = _tables(x, locals(), "target")
    lacking = [[0, 0], [0, n_targets - values.shape[1]]]
    scores = evaluate(x, table, np.pad(values, lacking), np.pad(mask, lacking), aggregate_function)
    scores = scores if base is None or not len(base) else scores + np.asarray(base, values.dtype)
    return tf.cast(transformed(scores, post_transform), tf.float32)


@op("TreeEnsembleClassifier", domain=ML)
def tree_ensemble_classifier(
    x: Any, *, base_values: Any = None, base_values_as_tensor: Any = None, class_ids: Any = None,
    class_nodeids: Any = None, class_treeids: Any = None, class_weights: Any = None, class_weights_as_tensor: Any = None,
    classlabels_int64s: Any = None, classlabels_strings: Any = None, nodes_falsenodeids: Any = None,
    nodes_featureids: Any = None, nodes_hitrates: Any = None, nodes_hitrates_as_tensor: Any = None,
    nodes_missing_value_tracks_true: Any = None, nodes_modes: Any = None, nodes_nodeids: Any = None,
    nodes_treeids: Any = None, nodes_truenodeids: Any = None, nodes_values: Any = None,
    nodes_values_as_tensor: Any = None, post_transform: str = "NONE",
) -> Any:  # fmt: skip
    """The label of each row and the scores of the classes [rows, classes]."""
    x, table, values, mask, base = _tables(x, locals(), "class")
    labels = (
        tf.constant(list(classlabels_strings)) if classlabels_strings else tf.constant(classlabels_int64s, tf.int64)
    )
    classes = int(labels.shape[0])
    if classes == 2 and len(set(class_ids)) == 1:  # one score stands for both classes, as ONNX Runtime reads it
        column = int(class_ids[0])
        scores = evaluate(x, table, values[:, column:], mask[:, column:], "SUM")
        scores = scores if base is None or not len(base) else scores + np.asarray(base, values.dtype)[-1:]
        positive = bool((values >= 0).all())
        chosen = tf.cast(scores[:, 0] > (0.5 if positive else 0.0), tf.int32)
        both = tf.concat([1 - scores if positive and post_transform == "NONE" else -scores, scores], 1)
        return tf.gather(labels, chosen), tf.cast(transformed(both, post_transform), tf.float32)
    lacking = [[0, 0], [0, classes - values.shape[1]]]
    scores = evaluate(x, table, np.pad(values, lacking), np.pad(mask, lacking), "SUM")
    scores = scores if base is None or not len(base) else scores + np.asarray(base, values.dtype)
    return tf.gather(labels, tf.argmax(scores, 1)), tf.cast(transformed(scores, post_transform), tf.float32)
