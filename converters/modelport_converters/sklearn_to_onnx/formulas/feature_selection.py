"""Formulas of sklearn.feature_selection."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import feature_selection
from sklearn.feature_selection._base import SelectorMixin

from modelport_converters.sklearn_to_onnx.columns import Features, selected
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.registry import formula, transform

_SELECTORS = (
    SelectorMixin, feature_selection.GenericUnivariateSelect, feature_selection.RFE, feature_selection.RFECV,
    feature_selection.SelectFdr, feature_selection.SelectFpr, feature_selection.SelectFromModel,
    feature_selection.SelectFwe, feature_selection.SelectKBest, feature_selection.SelectPercentile,
    feature_selection.SequentialFeatureSelector, feature_selection.VarianceThreshold,
)  # fmt: skip
_ELIMINATIONS = (feature_selection.RFE, feature_selection.RFECV)


@transform(*_SELECTORS, columns=True)
def kept(model: Any, x: Features) -> Features:
    """The columns that are kept."""
    return selected(x, [int(position) for position in np.flatnonzero(model.get_support())])


def _on_kept(method: str) -> None:
    """Register a method of those that predict from the columns they keep."""

    @formula(method, *_ELIMINATIONS, columns=True)
    def answer(model: Any, x: Features) -> Any:
        return call(model.estimator_, method, call(model, "transform", x))


for _method in ("predict", "predict_proba", "decision_function"):
    _on_kept(_method)
