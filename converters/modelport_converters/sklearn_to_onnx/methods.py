"""The methods of scikit-learn's estimators that answer for new rows."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_clusterer, is_outlier_detector, is_regressor

METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")


def usual(model: Any) -> list[str]:
    """Return the methods that an estimator of this kind is asked for: a decision with how sure it is, else what there is.

    skl2onnx's converters have their outputs in this order.
    """
    if not hasattr(model, "predict"):
        return [method for method in ("transform", "score_samples") if hasattr(model, method)][:1]
    if is_regressor(model):
        return ["predict"]
    if is_clusterer(model):
        surer = ["transform"]
    elif is_outlier_detector(model):
        surer = ["decision_function"]
    else:
        surer = ["predict_proba", "decision_function"]
    return ["predict", *[method for method in surer if hasattr(model, method)][:1]]
