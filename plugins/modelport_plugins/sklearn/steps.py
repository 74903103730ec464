"""Walking through pipelines and meta-estimators."""

from __future__ import annotations

from typing import Any


def first_step(model: Any) -> Any:
    """Return the estimator that sees the raw features: through pipelines, searches and unions."""
    for attribute in ("best_estimator_", "steps", "transformer_list"):
        inner = getattr(model, attribute, None)
        if isinstance(inner, list):
            inner = next((step[1] for step in inner if step[1] not in ("passthrough", "drop", None)), None)
        if inner is not None:
            return first_step(inner)
    return model


def takes_missing(model: Any) -> bool:
    """Whether NaN may be fed as a missing value: where scikit-learn admits it and the conversion sends it the same way."""
    from sklearn.ensemble import IsolationForest

    first = first_step(model)
    return not isinstance(first, IsolationForest) and bool(first.__sklearn_tags__().input_tags.allow_nan)


def last_step(model: Any) -> Any:
    """Return the estimator whose predictions are the model's: through pipelines and searches."""
    if hasattr(model, "best_estimator_"):
        return last_step(model.best_estimator_)
    steps = getattr(model, "steps", None)
    return last_step(steps[-1][1]) if isinstance(steps, list) and steps else model
