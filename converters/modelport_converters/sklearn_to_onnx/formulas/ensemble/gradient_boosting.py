"""Gradient boosting, plain and on histograms: raw predictions, and the inverse link of the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import dummy, ensemble
from sklearn.base import is_classifier

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder import tree_ensemble
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features, column, matrix
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.formulas.preprocessing.encoders import coded
from modelport_converters.sklearn_to_onnx.labels import label_at
from modelport_converters.sklearn_to_onnx.registry import decision_function, predict, predict_proba, refuse

_BITS = 32
"""Of one number of a bitset."""


def _plain(model: Any, x: Value) -> Value:
    """The scores of GradientBoosting*, [N, trees of one round]; its trees see features rounded to float32."""
    x = x.cast("float32")
    given = [tree_ensemble.of_tree(one.tree_) for one in model.estimators_.ravel()]
    values = [model.learning_rate * one.tree_.value[:, :, 0] for one in model.estimators_.ravel()]
    targets = model.estimators_.shape[1]
    start = None if model.init_ == "zero" else _first_guess(model, x)
    return tree_ensemble.summed(x, given, values, targets=targets, start=start)


def _first_guess(model: Any, x: Value) -> Value:
    """What the first estimator answers, through the link of the loss (sklearn.ensemble._gb._init_raw_predictions)."""
    kind = type(model._loss.link).__name__
    if isinstance(model.init_, dummy.DummyClassifier | dummy.DummyRegressor):
        return _constant_guess(model, x)
    if not is_classifier(model):
        return fn.reshape(call(model.init_, "predict", x).cast("float64"), [-1, 1])
    eps = float(np.finfo(np.float64).eps)
    shares = fn.clip(call(model.init_, "predict_proba", x).cast("float64"), eps, 1.0 - eps)
    if kind == "MultinomialLogit":
        logs = fn.log(shares)
        return logs - fn.mean(logs, 1, keepdims=True)
    second = shares[:, 1:2]
    return (fn.log(second) - fn.log(1.0 - second)) * (0.5 if kind == "HalfLogitLink" else 1.0)


def _constant_guess(model: Any, x: Value) -> Value:
    """A dummy's answer is the same for every row, unless it draws one."""
    if getattr(model.init_, "strategy", "") in ("stratified", "uniform"):
        refuse(model, "its init draws answers at random", "choose DummyClassifier(strategy='prior'), or no init")
    row = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))
    return fn.repeated(row[0], x)


def _of_histograms(model: Any, x: Features) -> Value:
    """The scores of HistGradientBoosting*, [N, trees of one round]; its trees compare float64."""
    coded, places, known = _coded(model, x)
    predictors = [one for rounds in model._predictors for one in rounds]
    given = [_tree(one, places, known) for one in predictors]
    values = [one.nodes["value"].reshape(-1, 1) for one in predictors]
    start = fn.repeated(np.ravel(model._baseline_prediction), coded)
    if not given:
        return start
    return tree_ensemble.summed(coded, given, values, targets=model.n_trees_per_iteration_, start=start)


def _coded(model: Any, x: Features) -> tuple[Value, Any, dict[int, int]]:
    """Return the features with categories as numbers, where each feature of the trees stands, and the numbers of categories.

    A category that is missing or was not learnt has the number behind the last one, whether scikit-learn calls it NaN or not.
    """
    if model._preprocessor is None:
        return matrix(x), np.arange(model.n_features_in_), {}
    encoder = model._preprocessor.named_transformers_["encoder"]
    categorical = np.flatnonzero(model.is_categorical_)
    parts, known = [], {}
    for place, (feature, learnt) in enumerate(zip(categorical, encoder.categories_, strict=True)):
        missing = len(learnt) > 0 and learnt[-1] != learnt[-1]
        known[place] = len(learnt) - int(missing)
        number = coded(model, x, int(feature), learnt)
        number = fn.minimum(number, known[place]) if missing else number
        parts.append(fn.expand_dims(number, 1).cast("float32"))
    numeric = [column(x, int(feature)) for feature in np.flatnonzero(~model.is_categorical_)]
    return fn.concatenate([*parts, *numeric], 1), np.arange(model.n_features_in_), known


def _tree(predictor: Any, places: Any, known: dict[int, int]) -> tree_ensemble.Tree:
    """Return a tree of sklearn.ensemble._hist_gradient_boosting.predictor."""
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    missing = nodes["missing_go_to_left"].astype(bool)
    members = {}
    for at in np.flatnonzero((nodes["is_categorical"] != 0) & ~leaf):
        count = known[int(nodes["feature_idx"][at])]
        held = _in_bitset(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][at]], count)
        members[int(at)] = np.append(held, count) if missing[at] else held
    return tree_ensemble.Tree(
        nodes["left"].astype(np.int64), nodes["right"].astype(np.int64), leaf, places[nodes["feature_idx"]],
        nodes["num_threshold"], missing, members,
    )  # fmt: skip


def _in_bitset(words: Any, count: int) -> Any:
    """Return which numbers below `count` a bitset holds; -1, which is no category, where it holds none."""
    numbers = np.arange(count)
    found = numbers[(words[numbers // _BITS] >> (numbers % _BITS).astype(np.uint32)) & 1 != 0]
    return found if len(found) else np.array([-1])


def _raw(model: Any, x: Features) -> Value:
    plain = isinstance(model, ensemble.GradientBoostingClassifier | ensemble.GradientBoostingRegressor)
    return _plain(model, matrix(x)) if plain else _of_histograms(model, x)


@decision_function(ensemble.GradientBoostingClassifier, ensemble.HistGradientBoostingClassifier, columns=True)
def scores(model: Any, x: Features) -> Value:
    """The scores; one for two classes."""
    result = _raw(model, x)
    return fn.squeeze(result, 1) if len(model.classes_) == 2 else result


@predict(ensemble.GradientBoostingClassifier, ensemble.HistGradientBoostingClassifier, columns=True)
def label(model: Any, x: Features) -> Value:
    """The class of the highest score; for a score of 0 the second one in plain boosting, the first one with histograms."""
    found: Value = call(model, "decision_function", x)
    if len(model.classes_) > 2:
        return label_at(model.classes_, fn.argmax(found, 1))
    plain = isinstance(model, ensemble.GradientBoostingClassifier)
    return label_at(model.classes_, (found >= 0.0 if plain else found > 0.0).cast("int64"))


@predict_proba(ensemble.GradientBoostingClassifier, ensemble.HistGradientBoostingClassifier, columns=True)
def probabilities(model: Any, x: Features) -> Value:
    """The inverse of the loss's link: softmax, or a logistic curve (of twice the score for the exponential loss)."""
    found: Value = call(model, "decision_function", x)
    if len(model.classes_) > 2:
        return fn.softmax(found)
    steepness = 2.0 if type(model._loss.link).__name__ == "HalfLogitLink" else 1.0
    second = fn.expit(fn.expand_dims(found, 1) * steepness)
    return fn.concatenate([1.0 - second, second], 1)


@predict(ensemble.GradientBoostingRegressor, ensemble.HistGradientBoostingRegressor, columns=True)
def value(model: Any, x: Features) -> Value:
    """The score, or its exponential for the losses of positive targets."""
    found = fn.squeeze(_raw(model, x), 1)
    plain = isinstance(model, ensemble.GradientBoostingRegressor)
    return found if plain or type(model._loss.link).__name__ == "IdentityLink" else fn.exp(found)
