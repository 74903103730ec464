"""The inference methods of scikit-learn's estimators."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_clusterer, is_outlier_detector, is_regressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")


def has(model: Any, method: str) -> bool:
    """Whether an estimator has a method, and not only to raise.

    A Gaussian process one against one raises for probabilities, a discriminant analysis by least squares for its transform.
    """
    last = last_step(model)
    if method == "predict_proba" and getattr(last, "multi_class", None) == "one_vs_one":
        return bool(len(last.classes_) == 2)
    if method == "transform" and isinstance(last, LinearDiscriminantAnalysis) and last.solver == "lsqr":
        return False
    return hasattr(model, method)


def last_step(model: Any) -> Any:
    """Return the estimator whose answers are the model's: through pipelines and searches."""
    if hasattr(model, "best_estimator_"):
        return last_step(model.best_estimator_)
    steps = getattr(model, "steps", None)
    return last_step(steps[-1][1]) if isinstance(steps, list) and steps else model


def usual(model: Any) -> list[str]:
    """Return the methods that an estimator of this kind is asked for: a decision with how sure it is, else what there is.

    skl2onnx's converters have their outputs in this order.
    """
    if not has(model, "predict"):
        return [method for method in ("transform", "score_samples") if has(model, method)][:1]
    if is_regressor(model):
        return ["predict"]
    if is_clusterer(model):
        surer = ["transform"]
    elif is_outlier_detector(model):
        surer = ["decision_function"]
    else:
        surer = ["predict_proba", "decision_function"]
    return ["predict", *[method for method in surer if has(model, method)][:1]]
