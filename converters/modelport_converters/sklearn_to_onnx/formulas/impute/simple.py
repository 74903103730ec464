"""SimpleImputer, IterativeImputer and MissingIndicator."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import impute
from sklearn.impute._iterative import IterativeImputer

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.registry import refuse, transform


@transform(impute.SimpleImputer)
def simple(model: Any, x: Value) -> Value:
    """The statistic of the feature where its value is missing; features that never had one are left out."""
    texts = x.dtype.kind == "O"
    if not texts and model.strategy in ("mean", "median"):
        x = fn.floating(x)
    missing = is_missing(x, model.missing_values)
    statistics = np.asarray(model.statistics_)
    never = np.array([_is_nan(one) for one in statistics]) & (not model.keep_empty_features)
    kept = np.flatnonzero(~never)
    fill = statistics[kept].astype(object if texts else x.dtype)
    filled = fn.where(missing[:, kept], fill, x[:, kept]) if never.any() else fn.where(missing, fill, x)
    return _with_indicator(model, filled, missing)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and bool(np.isnan(value))


def is_missing(x: Value, missing: Any) -> Value:
    """Whether each value is the one that stands for a missing one; as texts, None and NaN are "None" and "nan"."""
    if x.dtype.kind == "O":
        return fn.matches(x, str(missing))
    if _is_nan(missing) or missing is None:
        return fn.isnan(x)
    return fn.equal(x, missing)


def _with_indicator(model: Any, filled: Value, missing: Value) -> Value:
    if not model.add_indicator:
        return filled
    marked = model.indicator_.features_
    if not len(marked):
        return filled
    if filled.dtype.kind == "O":
        refuse(
            model, "add_indicator=True puts numbers beside texts", "add a MissingIndicator in a FeatureUnion of its own"
        )
    return fn.concatenate([filled, missing[:, marked].cast(filled.dtype)], 1)


@transform(impute.MissingIndicator)
def indicator(model: Any, x: Value) -> Value:
    """Whether the value is missing, for the features that had missing values, or all."""
    missing = is_missing(x, model.missing_values)
    return missing[:, model.features_] if model.features == "missing-only" else missing


@transform(IterativeImputer)
def iterative(model: Any, x: Value) -> Value:
    """Each feature predicted from the others, where it is missing, round by round as in fitting."""
    if model.sample_posterior:
        refuse(model, "sample_posterior=True draws at random", "fit it with sample_posterior=False")
    x = fn.floating(x)
    everywhere = is_missing(x, model.missing_values)
    initial = call(model.initial_imputer_, "transform", x)
    kept = np.arange(model.n_features_in_) if model.keep_empty_features else np.flatnonzero(~model._is_empty_feature)
    missing = everywhere[:, kept]
    if model.keep_empty_features:
        missing = missing & x.graph.constant(~model._is_empty_feature)
    filled = [initial[:, [feature]] for feature in range(len(kept))]
    for step in model.imputation_sequence_ if model.n_iter_ else ():
        others = fn.concatenate([filled[feature] for feature in step.neighbor_feat_idx], 1)
        low, high = model._min_value[step.feat_idx], model._max_value[step.feat_idx]
        predicted = fn.clip(fn.reshape(call(step.estimator, "predict", others), [-1, 1]), low, high).cast(x.dtype)
        filled[step.feat_idx] = fn.where(missing[:, [step.feat_idx]], predicted, filled[step.feat_idx])
    result = fn.where(fn.all(missing), initial, fn.concatenate(filled, 1))  # nothing to predict from in the whole batch
    return _with_indicator(model, result, everywhere)
