"""Formulas of sklearn.discriminant_analysis.

The linear one decides as any linear classifier does (`linear_model`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import discriminant_analysis

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.labels import label_of_scores
from modelport_converters.sklearn_to_onnx.registry import decision_function, predict, predict_proba, refuse, transform

_QUADRATIC = discriminant_analysis.QuadraticDiscriminantAnalysis


@transform(discriminant_analysis.LinearDiscriminantAnalysis)
def discriminant_axes(model: Any, x: Value) -> Value:
    """Project on the directions that separate the classes most."""
    if model.solver == "lsqr":
        refuse(model, "transform does not exist for solver='lsqr'", "choose solver='svd' or solver='eigen'")
    off = x - model.xbar_ if model.solver == "svd" else x
    return off @ model.scalings_[:, : model._max_components]


@decision_function(_QUADRATIC)
def log_posteriors(model: Any, x: Value) -> Value:
    """The logarithm of p(class | x) up to a constant (Hastie et al., ESL, eq. 4.12); of two their difference."""
    distances = []
    for mean, rotation, scaling in zip(model.means_, model.rotations_, model.scalings_, strict=True):
        whitened = (x - mean) @ (rotation * scaling**-0.5)
        distances.append(fn.squared_norms(whitened))
    volumes = np.array([np.log(scaling).sum() for scaling in model.scalings_])
    result: Value = -0.5 * (fn.concatenate(distances, 1) + volumes) + np.log(model.priors_)
    return result[:, 1] - result[:, 0] if len(model.classes_) == 2 else result


@predict(_QUADRATIC)
def label(model: Any, x: Value) -> Value:
    """The class of the largest posterior."""
    return label_of_scores(model.classes_, call(model, "decision_function", x))


@predict_proba(_QUADRATIC)
def posteriors(model: Any, x: Value) -> Value:
    """Softmax of the log posteriors, in the steps of scikit-learn."""
    raw = call(model, "decision_function", x)
    each = fn.stack([raw * 0.0, raw], 1) if len(model.classes_) == 2 else raw
    relative = each - fn.max(each, 1, keepdims=True)
    return fn.exp(relative - fn.log(fn.sum(fn.exp(relative), 1, keepdims=True)))
