"""The answers of estimators that look up neighbours: the same on every machine, where equally distant ones decide."""

from __future__ import annotations

from typing import Any

from .steps import last_step


def asked(model: Any, method: str, features: Any) -> Any:
    """Return what a method of an estimator answers.

    Of equally distant neighbours, brute force takes some that depend on the number of threads and, where features and rows
    have different precisions, on the processor (np.argpartition). Here it runs in one thread, on float64 for both then.
    """
    if not _compares_all(last_step(model)):
        return getattr(model, method)(features)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    while (inner := getattr(model, "best_estimator_", None)) is not None or hasattr(model, "steps"):
        if inner is None and len(model.steps) > 1:
            features = model[:-1].transform(features)
        model = inner if inner is not None else model.steps[-1][1]
    model, features = _alike(model, features)
    with threadpool_limits(1, user_api="openmp"):
        return getattr(model, method)(features)


def _compares_all(step: Any) -> bool:
    from sklearn.neighbors._base import KNeighborsMixin

    return isinstance(step, KNeighborsMixin) and getattr(step, "_fit_method", None) == "brute"


def _alike(model: Any, features: Any) -> tuple[Any, Any]:
    """Return the estimator and the features with one precision."""
    import copy

    import numpy as np

    found = set(features.dtypes) if hasattr(features, "columns") else {features.dtype}
    if found == {model._fit_X.dtype} or any(dtype.kind != "f" for dtype in found):
        return model, features
    alike = copy.copy(model)
    alike._fit_X = model._fit_X.astype(np.float64)
    return alike, features.astype(np.float64)
