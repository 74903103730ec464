"""Traversal of pipelines and meta-estimators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def first_step(model: Any) -> Any:
    """Return the estimator that sees the raw features: through pipelines, searches, unions and what hands its rows on."""
    inner = handed_on(model)
    for attribute in ("best_estimator_", "steps", "transformer_list"):
        inner = getattr(model, attribute, None) if inner is None else inner
        if isinstance(inner, list):
            inner = next((step[1] for step in inner if step[1] not in ("passthrough", "drop", None)), None)
        if inner is not None:
            return first_step(inner)
    return model


def handed_on(model: Any) -> Any:
    """Return the estimator to which a meta-estimator hands its rows as they come; None of all others."""
    from sklearn import calibration, compose, frozen, model_selection, multiclass, multioutput

    if hasattr(model, "best_estimator_"):
        return model.best_estimator_
    if isinstance(model, frozen.FrozenEstimator):
        return model.estimator
    if isinstance(model, compose.TransformedTargetRegressor):
        return model.regressor_
    if isinstance(model, calibration.CalibratedClassifierCV):
        return model.calibrated_classifiers_[0].estimator
    if isinstance(model, model_selection.FixedThresholdClassifier | model_selection.TunedThresholdClassifierCV):
        return getattr(model, "estimator_", model.estimator)
    several = (
        multiclass.OneVsRestClassifier,
        multiclass.OutputCodeClassifier,
        multioutput.MultiOutputClassifier,
        multioutput.MultiOutputRegressor,
    )
    return model.estimators_[0] if isinstance(model, several) else None


def takes_missing(model: Any) -> bool:
    """Whether NaN may be fed as a missing value: where scikit-learn admits it, and every member of a vote or a stack."""
    from sklearn import ensemble

    step = first_step(model)
    if isinstance(step, ensemble.StackingClassifier | ensemble.StackingRegressor):
        final = step.passthrough and not takes_missing(step.final_estimator_)
        return all(map(takes_missing, step.estimators_)) and not final
    if isinstance(step, ensemble.VotingClassifier | ensemble.VotingRegressor):
        return all(map(takes_missing, step.estimators_))
    tags = step.__sklearn_tags__()
    return bool(tags.input_tags.allow_nan or tags.no_validation)


def last_step(model: Any) -> Any:
    """Return the estimator whose predictions are the model's: through pipelines and searches."""
    from modelport_converters import sklearn_to_onnx

    return sklearn_to_onnx.last_step(model)


def held(model: Any) -> Iterator[Any]:
    """Yield every object reachable through attributes, lists, dictionaries and arrays of objects, each once."""
    import numpy as np

    seen: dict[int, Any] = {}
    pending = [model]
    while pending:
        item = pending.pop()
        if id(item) in seen or isinstance(item, str | bytes | float | int | type | None):
            continue
        seen[id(item)] = item  # kept, or another object could come to have its number
        if isinstance(item, dict):
            pending += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set):
            pending += item
        elif isinstance(item, np.ndarray):
            pending += item.ravel().tolist() if item.dtype.hasobject else []
        else:
            yield item
            pending += [vars(item)] if hasattr(item, "__dict__") else []
