"""Converters of skl2onnx with what they get wrong mended, for `skl2onnx.convert_sklearn(custom_conversion_functions=...)`.

Each calls the registered converter where that one is right, so that a converter the user has registered stays in force.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common._apply_operation import apply_cast
from skl2onnx.common._registration import get_converter
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn import cluster, ensemble, feature_extraction, impute, linear_model, preprocessing, svm, tree
from sklearn.base import is_regressor

from modelport_converters.sklearn_to_onnx.forests import convert_classifier, convert_regressor

Converter = Callable[[Any, Any, Any], None]

_FORESTS = (
    tree.DecisionTreeClassifier,
    tree.DecisionTreeRegressor,
    tree.ExtraTreeClassifier,
    tree.ExtraTreeRegressor,
    ensemble.RandomForestClassifier,
    ensemble.RandomForestRegressor,
    ensemble.ExtraTreesClassifier,
    ensemble.ExtraTreesRegressor,
)
_BOOSTED = (ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor, ensemble.IsolationForest)
_WITHOUT_DOUBLE = (
    svm.SVR,
    svm.NuSVR,
    svm.OneClassSVM,
    svm.LinearSVC,
    linear_model.RidgeClassifier,
    linear_model.RidgeClassifierCV,
)
_TEXTS = (feature_extraction.text.CountVectorizer, feature_extraction.text.TfidfVectorizer)

_DEFAULT_PATTERN = r"(?u)\b\w\w+\b"
_UNICODE_WORDS = r"[\p{L}\p{N}_][\p{L}\p{N}_]+"


def _registered(scope: Any, operator: Any, container: Any) -> None:
    get_converter(operator.type)(scope, operator, container)


def _in_float32(scope: Any, operator: Any, container: Any) -> None:
    """Compute in float32 on float64 features.

    scikit-learn itself casts the features of a tree to float32 before it compares them with a threshold, so for trees this
    is exact. The other estimators have no float64 kernel in ONNX Runtime.
    """
    _in_other_type(scope, operator, container, DoubleTensorType, FloatTensorType)


def _in_float64(scope: Any, operator: Any, container: Any) -> None:
    """Compute in float64 on float32 features: small distances between large values cancel out in float32."""
    _in_other_type(scope, operator, container, FloatTensorType, DoubleTensorType)


def _in_other_type(scope: Any, operator: Any, container: Any, given: Any, inner_type: Any) -> None:
    """Call the registered converter on features cast from `given` to `inner_type`, and cast what it gives back."""
    (features,) = operator.inputs
    if not isinstance(features.type, given):
        _registered(scope, operator, container)
        return
    inner = scope.declare_local_operator(operator.type, operator.raw_operator)
    inner.inputs.append(scope.declare_local_variable("cast_features", inner_type(list(features.type.shape))))
    _cast(scope, container, features, inner.inputs[0])
    for output in operator.outputs:
        floating = isinstance(output.type, given)
        kind = inner_type(list(output.type.shape)) if floating else output.type
        inner.outputs.append(scope.declare_local_variable("cast_output", kind))
        _cast(scope, container, inner.outputs[-1], output)


def _cast(scope: Any, container: Any, source: Any, target: Any) -> None:
    to = target.type.to_onnx_type().tensor_type.elem_type
    apply_cast(scope, source.full_name, target.full_name, container, to=to)


def _forest(scope: Any, operator: Any, container: Any) -> None:
    """Convert trees and forests our way, but for several labels, a single class, or the paths of decisions."""
    step = operator.raw_operator
    options = (container.options or {}).get(id(step), {})
    if options.get("decision_path") or options.get("decision_leaf") or len(operator.inputs) != 1:
        _in_float32(scope, operator, container)
    elif is_regressor(step):
        convert_regressor(scope, operator, container)
    elif step.n_outputs_ == 1 and len(step.classes_) > 1:
        convert_classifier(scope, operator, container)
    else:
        _in_float32(scope, operator, container)


def _with_options(scope: Any, operator: Any, container: Any, **chosen: Any) -> None:
    """Set skl2onnx's options for this one operator, where the user's own do not say otherwise."""
    key = id(operator.raw_operator)
    known = container.options or {}
    container.options = {**known, key: {**chosen, **known.get(key, {})}}
    _registered(scope, operator, container)


def _standard_scaler(scope: Any, operator: Any, container: Any) -> None:
    """Divide by the scale as scikit-learn does: a product with its inverse rounds otherwise, and trees behind it flip."""
    _with_options(scope, operator, container, div="div")


def _support_vectors(scope: Any, operator: Any, container: Any) -> None:
    """Give the decision score of two classes the sign that all other classifiers have."""
    step = operator.raw_operator
    binary = len(step.classes_) == 2 and not hasattr(step, "predict_proba")
    _with_options(scope, operator, container, **({"raw_scores": True} if binary else {}))


def _vectorizer(scope: Any, operator: Any, container: Any) -> None:
    """Split into words as the default pattern does, and lower case in a locale that exists.

    skl2onnx takes ASCII letters, and words of one letter too. ONNX Runtime's default locale, en_US.UTF-8, is missing from
    many containers; C is everywhere, but lowers ASCII letters only, which is enough for an ASCII vocabulary.
    """
    step = operator.raw_operator
    chosen = {"locale": "C" if all(map(str.isascii, step.vocabulary_)) else "C.UTF-8"}
    if step.analyzer == "word" and step.token_pattern == _DEFAULT_PATTERN:
        chosen["tokenexp"] = _UNICODE_WORDS
    _with_options(scope, operator, container, **chosen)


def _imputer(scope: Any, operator: Any, container: Any) -> None:
    """Replace NaN by the statistics in float64, which the Imputer operator has no kernel for."""
    step = operator.raw_operator
    statistics = np.asarray(step.statistics_)
    double = len(operator.inputs) == 1 and isinstance(operator.inputs[0].type, DoubleTensorType)
    if not double or step.missing_values is not np.nan or np.isnan(statistics).any() or step.add_indicator:
        _registered(scope, operator, container)
        return
    features = operator.inputs[0].full_name
    missing = scope.get_unique_variable_name("missing")
    fill = scope.get_unique_variable_name("statistics")
    container.add_initializer(fill, TensorProto.DOUBLE, [1, len(statistics)], statistics.tolist())
    container.add_node("IsNaN", [features], [missing], name=scope.get_unique_operator_name("IsNaN"))
    names = [missing, fill, features]
    container.add_node("Where", names, operator.outputs[0].full_name, name=scope.get_unique_operator_name("Where"))


CONVERTERS: dict[type, Converter] = {
    **dict.fromkeys((*_BOOSTED, *_WITHOUT_DOUBLE), _in_float32),
    **dict.fromkeys(_FORESTS, _forest),
    **dict.fromkeys((cluster.KMeans, cluster.MiniBatchKMeans), _in_float64),
    **dict.fromkeys(_TEXTS, _vectorizer),
    preprocessing.StandardScaler: _standard_scaler,
    impute.SimpleImputer: _imputer,
    svm.SVC: _support_vectors,
    svm.NuSVC: _support_vectors,
}
