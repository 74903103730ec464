"""Decision trees, random forests, extremely randomized trees and isolation forests.

scikit-learn rounds the features of its trees to float32 and compares them with float64 thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import ensemble, tree
from sklearn.ensemble._iforest import _average_path_length

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder import tree_ensemble as ensembles
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.registry import (
    predict,
    predict_proba,
    score_samples,
    transform,
)

_CLASSIFIERS = (
    tree.DecisionTreeClassifier,
    tree.ExtraTreeClassifier,
    ensemble.RandomForestClassifier,
    ensemble.ExtraTreesClassifier,
)
_REGRESSORS = (
    tree.DecisionTreeRegressor,
    tree.ExtraTreeRegressor,
    ensemble.RandomForestRegressor,
    ensemble.ExtraTreesRegressor,
)


def _trees(model: Any) -> list[Any]:
    return [model.tree_] if hasattr(model, "tree_") else [one.tree_ for one in model.estimators_]


def _mean(model: Any, x: Value, values: Sequence[Any]) -> Value:
    """The mean over the trees of what the leaves hold, [N, width]."""
    given = [ensembles.of_tree(one) for one in _trees(model)]
    result = ensembles.summed(x.cast("float32"), given, values)
    return result / float(len(given)) if hasattr(model, "estimators_") else result


@predict_proba(*_CLASSIFIERS)
def probabilities(model: Any, x: Value) -> Value | list[Value]:
    """The mean of the trees' shares of the classes; a list of them for several outputs."""
    widest = max(np.atleast_1d(model.n_classes_))
    values = [one.value.reshape(one.node_count, -1) for one in _trees(model)]
    shares = _mean(model, x, values)
    if model.n_outputs_ == 1:
        return shares
    return [shares[:, at * widest : at * widest + int(count)] for at, count in enumerate(model.n_classes_)]


@predict(*_CLASSIFIERS)
def label(model: Any, x: Value) -> Value:
    """The class of the largest share, the first of equal ones."""
    shares = call(model, "predict_proba", x)
    if model.n_outputs_ == 1:
        return label_at(model.classes_, fn.argmax(shares, 1))
    found = [label_at(classes, fn.argmax(one, 1)) for classes, one in zip(model.classes_, shares, strict=True)]
    return fn.stack(found, 1)


@predict(*_REGRESSORS)
def mean(model: Any, x: Value) -> Value:
    """The mean of the trees' values."""
    result = _mean(model, x, [one.value[:, :, 0] for one in _trees(model)])
    return fn.squeeze(result, 1) if model.n_outputs_ == 1 else result


@transform(ensemble.RandomTreesEmbedding)
def leaves_reached(model: Any, x: Value) -> Value:
    """1 for each leaf that is reached, 0 for the others."""
    given = [ensembles.of_tree(one) for one in _trees(model)]
    numbers = ensembles.leaf_numbers(x.cast("float32"), given)
    owner, number, first = [], [], 0
    for place, (one, learnt) in enumerate(zip(given, model.one_hot_encoder_.categories_, strict=True)):
        known = np.asarray(learnt, np.int64)
        owner.append(np.full(len(known), place))
        number.append(first + (np.cumsum(one.leaf) - 1)[known])
        first += int(one.leaf.sum())
    return fn.equal(numbers[:, np.concatenate(owner)], np.concatenate(number)).cast("float64")


@score_samples(ensemble.IsolationForest)
def normality(model: Any, x: Value) -> Value:
    """-2^(-depth / (trees c)): the depth at which a row stands alone, beside the average depth c (sklearn.ensemble._iforest)."""
    pairs = list(zip(model.estimators_, model.estimators_features_, strict=True))
    given = [ensembles.of_tree(one.tree_, features) for one, features in pairs]
    depths = [
        (lengths + averages - 1.0).reshape(-1, 1)
        for lengths, averages in zip(model._decision_path_lengths, model._average_path_length_per_tree, strict=True)
    ]
    depth = fn.squeeze(ensembles.summed(x.cast("float32"), given, depths), 1)
    (average,) = _average_path_length([model._max_samples])
    most = len(pairs) * float(average)
    exponent = depth / -most if most else depth * 0.0 - 1.0
    return -x.graph.op("Pow", 2.0, exponent, dtype="float64")
