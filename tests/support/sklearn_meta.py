"""Estimators around other estimators, baselines and selections with their options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special
from sklearn import (
    calibration,
    dummy,
    feature_selection,
    isotonic,
    linear_model,
    model_selection,
    multiclass,
    multioutput,
    preprocessing,
    semi_supervised,
)
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV, HalvingRandomSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn_case import Case
from sklearn_linear import FEATURES, INDICATOR, LABELS, NAMES, SIZE, classes, numbers

Data = Callable[[Any], tuple[Any, Any, Any]]

_LOGISTIC = linear_model.LogisticRegression(max_iter=50)
_RIDGE = linear_model.RidgeClassifier()
_BAYES = GaussianNB()
_TREE = DecisionTreeClassifier(max_depth=3, random_state=0)


def _of(kind: type, case: str, data: Data, *held: Any, **options: Any) -> Case:
    return Case(f"{kind.__name__}[{case}]", lambda: kind(*held, **options), data)


def targets(*columns: Any) -> Data:
    """Return the iris with several targets."""
    target = np.column_stack(columns)
    return lambda estimator: (FEATURES[:100], target[:100], FEATURES[100:])


_ONE_FEATURE: dict[str, Data] = {
    kind: lambda estimator, target=target: (FEATURES[:100, 2], target[:100], FEATURES[100:, 2:3])
    for kind, target in {"rising": SIZE, "falling": -SIZE, "wave": np.sin(SIZE)}.items()
}


def _within_bounds(estimator: Any) -> tuple[Any, Any, Any]:
    order = np.argsort(FEATURES[:, 2])
    return FEATURES[:, 2], SIZE, FEATURES[order[1:-1], 2:3]


# --- baselines ---------------------------------------------------------------------------------------------------------

_PAIR = targets(LABELS, LABELS == 1)
_TWO_SIZES = numbers(SIZE, FEATURES[:, 3])

_BASELINES = [
    *(_of(dummy.DummyClassifier, name, classes("text"), strategy=name) for name in ("prior", "most_frequent")),
    _of(dummy.DummyClassifier, "constant", classes("text"), strategy="constant", constant="été"),
    _of(dummy.DummyClassifier, "constant number", classes(), strategy="constant", constant=2),
    _of(dummy.DummyClassifier, "several targets", _PAIR, strategy="prior"),
    _of(dummy.DummyClassifier, "several constants", _PAIR, strategy="constant", constant=[2, 1]),
    _of(dummy.DummyRegressor, "median", numbers(), strategy="median"),
    _of(dummy.DummyRegressor, "quantile", _TWO_SIZES, strategy="quantile", quantile=0.3),
    _of(dummy.DummyRegressor, "constant", _TWO_SIZES, strategy="constant", constant=[1.5, -2.0]),
    _of(isotonic.IsotonicRegression, "clip", _ONE_FEATURE["rising"], out_of_bounds="clip"),
    _of(isotonic.IsotonicRegression, "raise", _within_bounds, out_of_bounds="raise"),
    _of(isotonic.IsotonicRegression, "falling", _ONE_FEATURE["falling"], increasing=False),
    _of(isotonic.IsotonicRegression, "auto", _ONE_FEATURE["falling"], increasing="auto", out_of_bounds="clip"),
    _of(isotonic.IsotonicRegression, "bounded", _ONE_FEATURE["wave"], y_min=-0.5, y_max=0.5, out_of_bounds="clip"),
    _of(isotonic.IsotonicRegression, "one step", _ONE_FEATURE["falling"], out_of_bounds="clip"),
]

# --- calibration -------------------------------------------------------------------------------------------------------


def _prefit(kind: str) -> Callable[[], Any]:
    return lambda: FrozenEstimator(linear_model.LogisticRegression(max_iter=50).fit(*classes(kind)(None)[:2]))


_CALIBRATED = [
    *(
        Case(
            f"CalibratedClassifierCV[{method},{type(held).__name__},{kind}]",
            lambda held=held, method=method: calibration.CalibratedClassifierCV(held, method=method, cv=2),
            classes(kind),
        )
        for method in ("sigmoid", "isotonic", "temperature")
        for held in (_BAYES, _RIDGE)
        for kind in ("text", "two")
    ),
    *(
        Case(
            f"CalibratedClassifierCV[prefit,{method},{kind}]",
            lambda kind=kind, method=method: calibration.CalibratedClassifierCV(_prefit(kind)(), method=method),
            classes(kind),
        )
        for method in ("sigmoid", "isotonic", "temperature")
        for kind in ("three", "bool")
    ),
    _of(calibration.CalibratedClassifierCV, "ensemble=False", classes(), _TREE, ensemble=False, cv=2),
    _of(calibration.CalibratedClassifierCV, "support vectors", classes("two"), SVC(), ensemble=False, cv=2),
]

# --- many classes from two ---------------------------------------------------------------------------------------------

_MULTICLASS = [
    *(
        _of(kind, f"{type(held).__name__},{labels}", classes(labels), held)
        for kind in (multiclass.OneVsRestClassifier, multiclass.OneVsOneClassifier)
        for held in (_LOGISTIC, _BAYES, LinearSVC(random_state=0))
        for labels in ("text", "two", "two texts")
    ),
    *(
        _of(multiclass.OneVsRestClassifier, f"{type(held).__name__},{labels}", classes(labels), held)
        for held in (_LOGISTIC, _BAYES)
        for labels in ("multilabel", "two labels")
    ),
    _of(
        multiclass.OneVsRestClassifier,
        "a label of every row",
        targets(LABELS == 0, np.ones_like(LABELS), np.zeros_like(LABELS)),
        _LOGISTIC,
    ),
    _of(multiclass.OneVsRestClassifier, "regressor", classes(), linear_model.Ridge()),
    _of(multiclass.OneVsOneClassifier, "regressor", classes("two"), linear_model.Ridge()),
    *(
        _of(
            multiclass.OutputCodeClassifier,
            f"{type(held).__name__},{labels}",
            classes(labels),
            held,
            code_size=size,
            random_state=0,
        )
        for held, labels, size in (
            (_LOGISTIC, "text", 4),
            (_BAYES, "three", 3.5),
            (LinearSVC(random_state=0), "bool", 5),
        )
    ),
]

# --- several targets ---------------------------------------------------------------------------------------------------

_THREE_LABELS = targets(*INDICATOR.T)

_MULTIOUTPUT = [
    *(
        _of(multioutput.MultiOutputClassifier, f"{type(held).__name__},numbers", _PAIR, held)
        for held in (_LOGISTIC, _BAYES, _RIDGE, _TREE)
    ),
    _of(multioutput.MultiOutputClassifier, "texts", targets(NAMES, np.where(LABELS == 1, "yes", "no")), _LOGISTIC),
    *(
        _of(multioutput.ClassifierChain, f"{method},{type(held).__name__}", _THREE_LABELS, held, chain_method=method)
        for method, held in (
            ("predict", _LOGISTIC),
            ("predict_proba", _LOGISTIC),
            ("predict_log_proba", _LOGISTIC),
            ("decision_function", _LOGISTIC),
            ("predict_proba", _TREE),
            ("decision_function", _RIDGE),
        )
    ),
    _of(multioutput.ClassifierChain, "order", _THREE_LABELS, _LOGISTIC, order=[2, 0, 1]),
    _of(multioutput.ClassifierChain, "cv", _THREE_LABELS, _LOGISTIC, order="random", cv=2, random_state=3),
    _of(multioutput.RegressorChain, "order", _TWO_SIZES, linear_model.Ridge(), order=[1, 0]),
    _of(multioutput.RegressorChain, "tree", _TWO_SIZES, DecisionTreeRegressor(max_depth=3, random_state=0)),
    _of(multioutput.MultiOutputRegressor, "tree", _TWO_SIZES, DecisionTreeRegressor(max_depth=3, random_state=0)),
    _of(multioutput.MultiOutputRegressor, "gamma", _TWO_SIZES, linear_model.GammaRegressor()),
]

# --- another target, threshold or way of fitting -----------------------------------------------------------------------

_SHARE = SIZE / (SIZE.max() + 1.0)

_FUNCTIONS = {
    "log": (np.log, np.exp),
    "log1p": (np.log1p, np.expm1),
    "sqrt": (np.sqrt, np.square),
    "reciprocal": (np.reciprocal, np.reciprocal),
    "log2": (np.log2, np.exp2),
    "logit": (special.logit, special.expit),
}
_SCALERS = (
    preprocessing.StandardScaler(),
    preprocessing.StandardScaler(with_mean=False),
    preprocessing.StandardScaler(with_std=False),
    preprocessing.MinMaxScaler((-1, 2)),
    preprocessing.MaxAbsScaler(),
    preprocessing.RobustScaler(),
    preprocessing.RobustScaler(with_centering=False),
    preprocessing.PowerTransformer(),
    preprocessing.PowerTransformer(standardize=False),
    preprocessing.PowerTransformer(method="box-cox"),
    preprocessing.QuantileTransformer(n_quantiles=20),
    preprocessing.QuantileTransformer(n_quantiles=20, output_distribution="normal"),
    make_pipeline(preprocessing.FunctionTransformer(np.log, np.exp), preprocessing.StandardScaler()),
)

_TRANSFORMED = [
    *(
        _of(TransformedTargetRegressor, name, numbers(_SHARE), linear_model.Ridge(), func=func, inverse_func=inverse)
        for name, (func, inverse) in _FUNCTIONS.items()
    ),
    _of(TransformedTargetRegressor, "no function", _TWO_SIZES, linear_model.Ridge()),
    *(
        _of(TransformedTargetRegressor, f"{held},{kind}", data, linear_model.Ridge(), transformer=held)
        for held in _SCALERS
        for kind, data in (("one target", numbers()), ("two targets", _TWO_SIZES))
    ),
    _of(
        TransformedTargetRegressor,
        "tree",
        numbers(),
        DecisionTreeRegressor(max_depth=3, random_state=0),
        func=np.log,
        inverse_func=np.exp,
    ),
]


_THRESHOLDS = [
    *(
        _of(model_selection.FixedThresholdClassifier, f"{type(held).__name__},{threshold},{positive}", classes("two texts"),
            held, threshold=threshold, pos_label=positive)
        for held, threshold, positive in (
            (_LOGISTIC, 0.2, None),
            (_LOGISTIC, "auto", None),
            (_LOGISTIC, 0.7, "no"),
            (_RIDGE, "auto", "no"),
            (_RIDGE, 0.3, None),
            (_TREE, 0.1, "yes"),
        )
    ),
    _of(model_selection.FixedThresholdClassifier, "decision_function", classes("two"), _LOGISTIC, threshold=-0.5,
        response_method="decision_function"),
    Case(
        "FixedThresholdClassifier[prefit]",
        lambda: model_selection.FixedThresholdClassifier(_prefit("bool")(), threshold=0.4, pos_label=False),
        classes("bool"),
    ),
    *(
        _of(model_selection.TunedThresholdClassifierCV, f"{type(held).__name__},{labels}", classes(labels), held, cv=2,
            thresholds=10)
        for held, labels in ((_LOGISTIC, "two"), (_RIDGE, "bool"), (_BAYES, "two"))
    ),
    _of(model_selection.TunedThresholdClassifierCV, "decision_function", classes("two"), _LOGISTIC, cv=2,
        response_method="decision_function", scoring="f1", thresholds=10),
]  # fmt: skip

_MISSING_LABELS = np.where(np.arange(len(LABELS)) % 3 == 0, -1, LABELS)


def _partly_labelled(estimator: Any) -> tuple[Any, Any, Any]:
    return FEATURES[:100], _MISSING_LABELS[:100], FEATURES[100:]


_FITTED_OTHERWISE = [
    _of(linear_model.RANSACRegressor, "two targets", _TWO_SIZES, random_state=0),
    _of(linear_model.RANSACRegressor, "ridge", numbers(), linear_model.Ridge(), random_state=0, min_samples=10),
    *(
        _of(semi_supervised.SelfTrainingClassifier, f"{type(held).__name__},{criterion}", _partly_labelled, held,
            criterion=criterion)
        for held in (_LOGISTIC, _TREE)
        for criterion in ("threshold", "k_best")
    ),
]  # fmt: skip

_GRID = {"logisticregression__C": [0.1, 1.0]}
_SCALED = make_pipeline(preprocessing.StandardScaler(), _LOGISTIC)

_SEARCHES = [
    _of(model_selection.GridSearchCV, "pipeline", classes("text"), _SCALED, _GRID, cv=2),
    _of(model_selection.GridSearchCV, "regressor", numbers(), linear_model.Ridge(), {"alpha": [0.1, 1.0]}, cv=2),
    _of(model_selection.RandomizedSearchCV, "pipeline", classes("two"), _SCALED, _GRID, n_iter=2, cv=2, random_state=0),
    _of(HalvingGridSearchCV, "pipeline", classes(), _SCALED, _GRID, cv=2, random_state=0),
    _of(HalvingRandomSearchCV, "pipeline", classes("two"), _SCALED, _GRID, cv=2, random_state=0),
    _of(
        model_selection.GridSearchCV, "around a chain", _THREE_LABELS, multioutput.ClassifierChain(_LOGISTIC),
        {"order": [[0, 1, 2], [2, 1, 0]]}, cv=2,
    ),
    _of(
        model_selection.GridSearchCV, "around a calibration", classes(), calibration.CalibratedClassifierCV(_BAYES, cv=2),
        {"method": ["sigmoid", "isotonic"]}, cv=2,
    ),
]  # fmt: skip

# --- selection ---------------------------------------------------------------------------------------------------------

_SELECTIONS = [
    *(
        _of(feature_selection.SelectKBest, f"{score.__name__}", data, score, k=2)
        for score, data in (
            (feature_selection.chi2, classes()),
            (feature_selection.f_regression, numbers()),
            (feature_selection.r_regression, numbers()),
        )
    ),
    _of(feature_selection.SelectPercentile, "50", classes(), percentile=50),
    *(
        _of(feature_selection.GenericUnivariateSelect, mode, classes(), mode=mode, param=param)
        for mode, param in (("k_best", 2), ("fpr", 0.01), ("fdr", 0.01), ("fwe", 0.01))
    ),
    _of(feature_selection.VarianceThreshold, "0.5", classes(), threshold=0.5),
    *(
        _of(feature_selection.SelectFromModel, f"{type(held).__name__},{threshold}", classes(), held, threshold=threshold)
        for held, threshold in ((_TREE, "median"), (_LOGISTIC, "1.1*mean"), (_TREE, None))
    ),
    _of(feature_selection.SelectFromModel, "max_features", classes(), _LOGISTIC, max_features=1, threshold=-np.inf),
    Case(
        "SelectFromModel[prefit]",
        lambda: feature_selection.SelectFromModel(_prefit("three")(), prefit=True),
        classes(),
    ),
    *(
        _of(kind, f"{type(held).__name__},{labels}", data, held)
        for kind in (feature_selection.RFE, feature_selection.RFECV)
        for held, labels, data in (
            (_LOGISTIC, "text", classes("text")),
            (_RIDGE, "two", classes("two")),
            (linear_model.Ridge(), "regressor", numbers()),
            (_TREE, "tree", classes()),
        )
    ),
    *(
        _of(feature_selection.SequentialFeatureSelector, direction, classes(), _BAYES, n_features_to_select=2, cv=2,
            direction=direction)
        for direction in ("forward", "backward")
    ),
    _of(
        make_pipeline, "selection before a classifier", classes("text"),
        feature_selection.SelectKBest(k=2), feature_selection.VarianceThreshold(), _LOGISTIC,
    ),
]  # fmt: skip

# --- one in another ----------------------------------------------------------------------------------------------------

_NESTED = [
    _of(multiclass.OneVsRestClassifier, "calibrated", classes("text"), calibration.CalibratedClassifierCV(_BAYES, cv=2)),
    _of(calibration.CalibratedClassifierCV, "one against one", classes(), multiclass.OneVsOneClassifier(LinearSVC()), cv=2),
    _of(multioutput.MultiOutputClassifier, "one against rest", _PAIR, multiclass.OneVsRestClassifier(_LOGISTIC)),
    _of(multioutput.MultiOutputRegressor, "another target", _TWO_SIZES,
        TransformedTargetRegressor(linear_model.Ridge(), func=np.log, inverse_func=np.exp)),
    _of(model_selection.FixedThresholdClassifier, "search", classes("two"),
        model_selection.GridSearchCV(_SCALED, _GRID, cv=2), threshold=0.3),
    Case("FrozenEstimator[pipeline]", lambda: FrozenEstimator(_SCALED.fit(FEATURES[:100], NAMES[:100])), classes("text")),
]  # fmt: skip

SPECIAL: dict[str, Case] = {
    "ClassifierChain": _of(multioutput.ClassifierChain, "two classes each", _THREE_LABELS, _LOGISTIC),
    "DummyClassifier": _of(dummy.DummyClassifier, "default", classes()),
}

VARIANTS: list[Case] = [
    *_BASELINES,
    *_CALIBRATED,
    *_MULTICLASS,
    *_MULTIOUTPUT,
    *_TRANSFORMED,
    *_THRESHOLDS,
    *_FITTED_OTHERWISE,
    *_SEARCHES,
    *_SELECTIONS,
    *_NESTED,
]
