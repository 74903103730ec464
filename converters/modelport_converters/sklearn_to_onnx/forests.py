"""Trees and forests, adding up in float64 and taking missing values where scikit-learn takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper
from skl2onnx.common._apply_operation import apply_cast, apply_div

_ML_OPSET = 3
"""The first version of ai.onnx.ml whose trees take float64 thresholds and weights."""


def convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    """Convert a tree or forest with one output, adding up the trees' votes in float64.

    skl2onnx adds up float32 votes, already divided by the number of trees: classes with equal votes, which are common, then
    differ in the last bit and the label flips.
    """
    model = operator.raw_operator
    trees = _trees(model)
    votes = scope.get_unique_variable_name("votes")
    label = operator.outputs[0].full_name
    binary = len(model.classes_) == 2
    first = scope.get_unique_variable_name("label_at_half") if binary else label
    attributes = {**_labels(model.classes_), **_attributes(trees, "class")}
    _add_ensemble(scope, operator, container, "TreeEnsembleClassifier", [first, votes], attributes)
    if binary:  # the operator compares the votes of the second of two classes with 0.5
        _add_label_of_most_votes(scope, container, votes, label, model.classes_)
    _add_mean(scope, container, votes, len(trees), operator.outputs[1])


def convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    """Convert a tree or forest of any number of targets; skl2onnx sends every missing value to the right."""
    trees = _trees(operator.raw_operator)
    total = scope.get_unique_variable_name("total")
    attributes = {"n_targets": int(operator.raw_operator.n_outputs_), **_attributes(trees, "target")}
    _add_ensemble(scope, operator, container, "TreeEnsembleRegressor", [total], attributes)
    _add_mean(scope, container, total, len(trees), operator.outputs[0])


def _trees(model: Any) -> list[Any]:
    return [model.tree_] if hasattr(model, "tree_") else [inner.tree_ for inner in model.estimators_]


def _add_ensemble(scope: Any, operator: Any, container: Any, op: str, outputs: list[str], attributes: Any) -> None:
    """Round the features to float32 as scikit-learn does, and compare them with the very thresholds it uses."""
    single = scope.get_unique_variable_name("single_features")
    double = scope.get_unique_variable_name("double_features")
    apply_cast(scope, operator.inputs[0].full_name, single, container, to=TensorProto.FLOAT)
    apply_cast(scope, single, double, container, to=TensorProto.DOUBLE)
    name = scope.get_unique_operator_name(op)
    container.add_node(op, [double], outputs, op_domain="ai.onnx.ml", op_version=_ML_OPSET, name=name, **attributes)


def _add_mean(scope: Any, container: Any, total: str, trees: int, output: Any) -> None:
    count = scope.get_unique_variable_name("trees")
    mean = scope.get_unique_variable_name("mean")
    container.add_initializer(count, TensorProto.FLOAT, [], [float(trees)])
    apply_div(scope, [total, count], mean, container)
    to = output.type.to_onnx_type().tensor_type.elem_type
    apply_cast(scope, mean, output.full_name, container, to=to)


def _add_label_of_most_votes(scope: Any, container: Any, votes: str, label: str, classes: Any) -> None:
    (values,) = _labels(classes).values()
    kind = TensorProto.STRING if isinstance(values[0], str) else TensorProto.INT64
    labels = scope.get_unique_variable_name("labels")
    container.add_initializer(labels, kind, [len(values)], [v.encode() if isinstance(v, str) else v for v in values])
    most = scope.get_unique_variable_name("most_votes")
    name = scope.get_unique_operator_name("ArgMax")
    container.add_node("ArgMax", [votes], [most], axis=1, keepdims=0, name=name)
    container.add_node("Gather", [labels, most], [label], axis=0, name=scope.get_unique_operator_name("Gather"))


def _labels(classes: Any) -> Mapping[str, list[Any]]:
    if classes.dtype.kind in "OUS":
        return {"classlabels_strings": [str(label) for label in classes]}
    return {"classlabels_int64s": classes.astype(np.int64).tolist()}


def _attributes(trees: list[Any], kind: str) -> dict[str, Any]:
    """Return the operator's attributes, one array operation for all nodes of all trees."""
    counts = [tree.node_count for tree in trees]
    tree_ids = np.repeat(np.arange(len(trees)), counts)
    node_ids = np.concatenate([np.arange(count) for count in counts])
    left, right, feature, threshold, missing = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("children_left", "children_right", "feature", "threshold", "missing_go_to_left")
    )
    leaf = left < 0
    values = np.concatenate([tree.value[:, 0, :] if kind == "class" else tree.value[:, :, 0] for tree in trees])[leaf]
    width = values.shape[1]
    return {
        "nodes_treeids": tree_ids.tolist(),
        "nodes_nodeids": node_ids.tolist(),
        "nodes_featureids": np.where(leaf, 0, feature).tolist(),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_values_as_tensor": numpy_helper.from_array(np.where(leaf, 0.0, threshold)),
        "nodes_truenodeids": np.where(leaf, 0, left).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, right).tolist(),
        "nodes_missing_value_tracks_true": np.where(leaf, 0, missing).astype(np.int64).tolist(),
        f"{kind}_treeids": np.repeat(tree_ids[leaf], width).tolist(),
        f"{kind}_nodeids": np.repeat(node_ids[leaf], width).tolist(),
        f"{kind}_ids": np.tile(np.arange(width), int(leaf.sum())).tolist(),
        f"{kind}_weights_as_tensor": numpy_helper.from_array(values.ravel()),
        "post_transform": "NONE",
    }
