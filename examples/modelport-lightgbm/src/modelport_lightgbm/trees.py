"""A dumped Booster as one TreeEnsemble node of ai.onnx.ml 5.

The semantics of splits, missing values and categories follow LightGBM's `tree.h` (NumericalDecision, CategoricalDecision).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from modelport import Signature
from modelport.errors import CannotConvert
from modelport_converters.onnx_builder import Graph, Value, build_model, tensor_info
from modelport_converters.onnx_builder import functions as fn

Node = Mapping[str, Any]
Array = NDArray[Any]

_LEQ, _MEMBER = 0, 6
"""Modes of the TreeEnsemble operator: BRANCH_LEQ and BRANCH_MEMBER."""
_SUM = 1
"""The aggregate_function of the TreeEnsemble operator."""

_NODE_FIELDS = (
    "featureids",
    "modes",
    "splits",
    "missing_value_tracks_true",
    "truenodeids",
    "trueleafs",
    "falsenodeids",
    "falseleafs",
)

_IDENTITY = ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg", "")
_EXPONENTIAL = ("poisson", "gamma", "tweedie")
_SIGMOID = ("binary", "multiclassova", "cross_entropy")
_SOFTMAX = ("multiclass",)

_ZERO = float(np.float32(1e-35))
"""LightGBM's kZeroThreshold: a value is taken for 0 up to here."""

ROWS = 64
_HUGE = 1e30


def to_onnx(
    dump: Mapping[str, Any], signature: Signature, opset: int, classes: Sequence[Any] | None
) -> onnx.ModelProto:
    """Translate `Booster.dump_model()`.

    Args:
        dump: trees, objective and what else describes the model.
        signature: one matrix, float32 or float64, in which everything is computed.
        opset: of the default domain.
        classes: the labels of a classifier; None for a booster or a regressor.

    Raises:
        CannotConvert: for linear trees, zeros taken for missing values and objectives without a known transformation.
    """
    (matrix,) = signature.inputs
    dtype = np.dtype(matrix.dtype)
    ensemble = _Ensemble(dtype, dump["num_tree_per_iteration"])
    for tree in dump["tree_info"]:
        ensemble.add(tree["tree_structure"])
    graph = Graph(opset)
    features = _whole_categories(graph.input(matrix.name, dtype), ensemble.categorical, dump["max_feature_idx"] + 1)
    scores = graph.op("TreeEnsemble", features, domain="ai.onnx.ml", **ensemble.attributes())
    if dump.get("average_output"):
        scores = scores / (len(dump["tree_info"]) / dump["num_tree_per_iteration"])
    _name_outputs(_transformed(scores, dump.get("objective", "")), classes)
    outputs = [tensor_info(spec.name, spec.dtype, spec.shape) for spec in signature.outputs]
    return build_model(graph, "lightgbm", [tensor_info(matrix.name, matrix.dtype, matrix.shape)], outputs)


def rows_around_splits(dump: Mapping[str, Any], seed: int) -> Array:
    """Return 64 float64 rows: values at, beside and off the splits of each feature, one in ten missing."""
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((ROWS, dump["max_feature_idx"] + 1))
    splits: dict[int, list[float]] = {}
    for tree in dump["tree_info"]:
        for node in _splits(tree["tree_structure"]):
            learnt = _categories(node) if node["decision_type"] == "==" else [node["threshold"]]
            splits.setdefault(node["split_feature"], []).extend(learnt)
    for feature, values in splits.items():
        # a split of missing from present values has the largest float64 for a threshold
        usual = [value for value in values if abs(value) < _HUGE] or [0.0]
        chosen = generator.choice(usual, ROWS)
        off = chosen + generator.standard_normal(ROWS) * (np.std(usual) + 1)
        nearby = [chosen, np.nextafter(chosen, np.inf), chosen.astype(np.float32), np.rint(off), off]
        rows[:, feature] = np.choose(generator.integers(0, len(nearby), ROWS), nearby)
    rows[generator.random(rows.shape) < 0.1] = np.nan
    return rows


@dataclass
class _Ensemble:
    """The attributes of a TreeEnsemble, filled tree by tree."""

    dtype: np.dtype[Any]
    targets: int
    roots: list[int] = field(default_factory=list)
    nodes: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _NODE_FIELDS})
    members: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    leaf_targets: list[int] = field(default_factory=list)
    categorical: set[int] = field(default_factory=set)

    def add(self, root: Node) -> None:
        """Add a tree; the trees of one iteration are for one target each, in turn."""
        target = len(self.roots) % self.targets
        self.roots.append(len(self.nodes["featureids"]))
        if "split_index" in root:
            self._split(root, target)
        else:  # the operator knows no tree without a split
            leaf = self._leaf(root, target)
            self._branch(0, _LEQ, 0.0, False, (leaf, True), (leaf, True))

    def _split(self, node: Node, target: int) -> int:
        feature, mode, value, missing = self._decision(node)
        place = self._branch(feature, mode, value, missing, (0, True), (0, True))
        for side, child in (("true", node["left_child"]), ("false", node["right_child"])):
            leaf = "split_index" not in child
            self.nodes[f"{side}nodeids"][place] = self._leaf(child, target) if leaf else self._split(child, target)
            self.nodes[f"{side}leafs"][place] = int(leaf)
        return place

    def _decision(self, node: Node) -> tuple[int, int, float, bool]:
        """Return the feature, the mode, the split and whether a missing value goes left."""
        feature = node["split_feature"]
        if node["missing_type"] == "Zero":
            raise CannotConvert("zeros are taken for missing values", remedy="train with zero_as_missing=false")
        if node["decision_type"] == "==":
            self.categorical.add(feature)
            self.members.extend([*_categories(node), np.nan])  # NaN ends the set of one node
            return feature, _MEMBER, 0.0, False
        threshold = _beside_zero(float(node["threshold"]), self.dtype)
        # without a missing type LightGBM takes a missing value for 0
        missing = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0
        return feature, _LEQ, _rounded_down(threshold, self.dtype), bool(missing)

    def _branch(
        self, feature: int, mode: int, split: float, missing: bool, true: tuple[int, bool], false: tuple[int, bool]
    ) -> int:
        values = (feature, mode, split, int(missing), true[0], int(true[1]), false[0], int(false[1]))
        for name, value in zip(_NODE_FIELDS, values, strict=True):
            self.nodes[name].append(value)
        return len(self.nodes["featureids"]) - 1

    def _leaf(self, node: Node, target: int) -> int:
        if "leaf_coeff" in node:
            raise CannotConvert("the leaves hold linear models", remedy="train with linear_tree=false")
        self.weights.append(node["leaf_value"])
        self.leaf_targets.append(target)
        return len(self.weights) - 1

    def attributes(self) -> dict[str, Any]:
        """Return the operator's attributes."""
        given: dict[str, Any] = {f"nodes_{name}": values for name, values in self.nodes.items()}
        given["nodes_modes"] = numpy_helper.from_array(np.array(self.nodes["modes"], np.uint8))
        given["nodes_splits"] = numpy_helper.from_array(np.array(self.nodes["splits"], self.dtype))
        if self.members:
            given["membership_values"] = numpy_helper.from_array(np.array(self.members, self.dtype))
        return {
            **given,
            "tree_roots": self.roots,
            "leaf_weights": numpy_helper.from_array(np.array(self.weights, self.dtype)),
            "leaf_targetids": self.leaf_targets,
            "n_targets": self.targets,
            "aggregate_function": _SUM,
        }


def _whole_categories(features: Value, categorical: set[int], width: int) -> Value:
    """Cut the fractions off categorical features, as LightGBM does before it looks a category up."""
    if not categorical:
        return features
    whole = fn.sign(features) * fn.floor(fn.absolute(features))
    return fn.where(features.graph.constant(np.isin(np.arange(width), list(categorical))), whole, features)


def _transformed(scores: Value, objective: str) -> Value:
    """Apply the objective's output transformation; raises CannotConvert for one that is not known."""
    name, *settings = objective.split() or [""]
    if name in _SIGMOID:
        steepness = re.search(r"sigmoid:(\S+)", objective)
        slope = float(steepness[1]) if steepness else 1.0
        return fn.expit(scores if slope == 1.0 else scores * slope)
    if name in _SOFTMAX:
        return fn.softmax(scores, 1)
    if name in _EXPONENTIAL:
        return fn.exp(scores)
    if name in _IDENTITY:
        return scores * scores * fn.sign(scores) if "sqrt" in settings else scores
    raise CannotConvert(
        f"the objective {objective!r} has no known output transformation",
        remedy="add it to modelport_lightgbm/trees.py, or report it to the authors of modelport-lightgbm",
    )


def _name_outputs(values: Value, classes: Sequence[Any] | None) -> None:
    graph = values.graph
    if classes is None:
        graph.output("prediction", values)
        return
    if len(classes) == 2:
        values = fn.concatenate([1.0 - values, values], 1)
    graph.output("probabilities", values)
    labels = np.asarray(classes)
    labels = labels.astype(object if labels.dtype.kind in "OU" else np.int64)
    graph.output("label", fn.take(labels, fn.argmax(values, 1)))


def _beside_zero(threshold: float, dtype: np.dtype[Any]) -> float:
    """Return a threshold that treats the values that LightGBM takes for 0 as it treats 0."""
    if -_ZERO <= threshold < 0:
        return float(np.nextafter(dtype.type(-_ZERO), dtype.type(-np.inf)))
    return _ZERO if 0 <= threshold <= _ZERO else threshold


def _rounded_down(threshold: float, dtype: np.dtype[Any]) -> float:
    """Return the largest number of the dtype that is not above the threshold, so that x <= threshold stays as it is."""
    with np.errstate(over="ignore"):  # the largest float64 separates missing from present values
        nearest = dtype.type(threshold)
    return float(np.nextafter(nearest, dtype.type(-np.inf)) if float(nearest) > threshold else nearest)


def _categories(node: Node) -> list[float]:
    return [float(code) for code in str(node["threshold"]).split("||")]


def _splits(node: Node) -> Iterator[Node]:
    if "split_index" in node:
        yield node
        yield from _splits(node["left_child"])
        yield from _splits(node["right_child"])
