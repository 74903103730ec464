"""Linear models, discriminants, naive Bayes and perceptrons with their options, for every kind of target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import discriminant_analysis, linear_model, naive_bayes, neural_network
from sklearn.covariance import OAS
from sklearn_case import IRIS, SPECIES, Case, digits

Data = Callable[[Any], tuple[Any, Any, Any]]

_ORDER = np.random.default_rng(0).permutation(len(IRIS))
FEATURES = IRIS[_ORDER]
LABELS = SPECIES[_ORDER]
NAMES = np.array(["setosa", "versicolor", "été"])[LABELS]
SIZE = FEATURES[:, 3] * 2.0 + FEATURES[:, 0] + 1.0
INDICATOR = np.column_stack([LABELS == 0, FEATURES[:, 1] > 3.0, LABELS != 2]).astype(int)

TARGETS: dict[str, Any] = {
    "three": LABELS,
    "two": (LABELS == 1).astype(int),
    "text": NAMES,
    "two texts": np.where(LABELS == 1, "yes", "no"),
    "bool": LABELS == 1,
    "float": LABELS * 2.0 - 1.0,
    "negative": np.where(LABELS == 1, 1, -1),
    "multilabel": INDICATOR,
    "two labels": INDICATOR[:, :2],
}


def classes(kind: str = "three", change: Callable[[Any], Any] = lambda rows: rows) -> Data:
    """Return the iris with one of TARGETS."""
    rows = change(FEATURES.copy())
    return lambda estimator: (rows[:100], TARGETS[kind][:100], rows[100:])


def numbers(*targets: Any, dtype: str = "float64") -> Data:
    """Return three features of the iris with one target, or with several."""
    target = np.column_stack(targets) if len(targets) > 1 else (targets or (SIZE,))[0]
    rows = FEATURES[:, :3].astype(dtype)
    return lambda estimator: (rows[:100], target[:100], rows[100:])


def in_float32(data: Data) -> Data:
    """Return the features in float32, as the estimator's attributes then are."""

    def given(estimator: Any) -> tuple[Any, Any, Any]:
        features, target, held_out = data(estimator)
        return features.astype("float32"), target, held_out.astype("float32")

    return given


def _cases(kind: type, options: list[dict[str, Any]], data: Data) -> list[Case]:
    return [_case(kind, data, **chosen) for chosen in options]


def _case(kind: type, data: Data, *, case: str = "", **options: Any) -> Case:
    words = [f"{name}={getattr(value, '__name__', value)}" for name, value in options.items() if name != "random_state"]
    text = ",".join([*words, case] if case else words)
    return Case(f"{kind.__name__}[{text}]", lambda: kind(**options), data)


def _of_targets(kind: type, kinds: str, **options: Any) -> list[Case]:
    return [_case(kind, classes(target), case=target, **options) for target in kinds.split(",")]


_SIZES = numbers(SIZE, FEATURES[:, 3])
_COUNTS = numbers(np.round(SIZE))
_SHARES = numbers(SIZE / SIZE.max())
_KINDS = "two,text,two texts,bool,float,negative"

_REGRESSORS = [
    *(
        _case(kind, _SIZES, case="two targets")
        for kind in (
            linear_model.LinearRegression,
            linear_model.Ridge,
            linear_model.RidgeCV,
            linear_model.Lasso,
            linear_model.ElasticNet,
            linear_model.Lars,
            linear_model.LassoLars,
            linear_model.OrthogonalMatchingPursuit,
        )
    ),
    *(
        _case(kind, numbers(), fit_intercept=False)
        for kind in (
            linear_model.LinearRegression,
            linear_model.Ridge,
            linear_model.Lasso,
            linear_model.BayesianRidge,
            linear_model.ARDRegression,
            linear_model.HuberRegressor,
            linear_model.OrthogonalMatchingPursuit,
            linear_model.PoissonRegressor,
        )
    ),
    *(
        _case(kind, numbers(dtype="float32"), case="fitted in float32")
        for kind in (linear_model.LinearRegression, linear_model.Ridge, linear_model.Lasso, linear_model.SGDRegressor)
    ),
    *_cases(linear_model.LinearRegression, [{"positive": True}], numbers()),
    *_cases(
        linear_model.Ridge,
        [{"solver": name, "random_state": 0} for name in ("svd", "lsqr", "sag", "sparse_cg")],
        numbers(),
    ),
    *_cases(linear_model.Ridge, [{"alpha": [0.1, 2.0]}], _SIZES),
    *_cases(linear_model.RidgeCV, [{"alpha_per_target": True}, {"cv": 3}], _SIZES),
    *_cases(linear_model.LassoLarsIC, [{"criterion": "bic"}], numbers()),
    *_cases(linear_model.SGDRegressor, [{"loss": "huber"}, {"penalty": "l1"}, {"average": True}], numbers()),
    *_cases(linear_model.QuantileRegressor, [{"quantile": 0.9}], numbers()),
    *_cases(linear_model.HuberRegressor, [{"epsilon": 1.1}], numbers()),
    *_cases(linear_model.TweedieRegressor, [{"power": p} for p in (0, 1, 1.5, 2, 3)], numbers()),
    *_cases(
        linear_model.TweedieRegressor, [{"power": 0, "link": "log"}, {"power": 1.5, "link": "identity"}], numbers()
    ),
    *_cases(linear_model.PoissonRegressor, [{"alpha": 0.1, "solver": "newton-cholesky"}], _COUNTS),
    *_cases(linear_model.GammaRegressor, [{"alpha": 0.01}], numbers()),
    *_cases(linear_model.MultiTaskLasso, [{"alpha": 0.01}], _SIZES),
    *_cases(linear_model.BayesianRidge, [{"compute_score": True}], _SHARES),
]

_CLASSIFIERS = [
    *_of_targets(linear_model.LogisticRegression, _KINDS),
    *_of_targets(linear_model.LogisticRegression, "three,two", solver="newton-cg"),
    *_of_targets(linear_model.LogisticRegression, "two", solver="liblinear"),
    *_of_targets(linear_model.LogisticRegression, "three", fit_intercept=False),
    *_of_targets(linear_model.LogisticRegressionCV, "text,two", Cs=2, cv=2, use_legacy_attributes=False),
    *_of_targets(linear_model.RidgeClassifier, f"{_KINDS},multilabel,two labels"),
    *_of_targets(linear_model.RidgeClassifierCV, f"{_KINDS},multilabel,two labels"),
    *_of_targets(linear_model.SGDClassifier, "two texts,three", random_state=0),
    *_of_targets(linear_model.SGDClassifier, "three,two,text", loss="log_loss", random_state=0),
    *_of_targets(linear_model.SGDClassifier, "three,two,bool", loss="modified_huber", random_state=0),
    *_of_targets(linear_model.SGDClassifier, "three", loss="squared_hinge", average=True, random_state=0),
    *_of_targets(linear_model.Perceptron, "two,text,bool", random_state=0),
    *_of_targets(linear_model.PassiveAggressiveClassifier, "two,text", random_state=0),
    _case(linear_model.LogisticRegression, in_float32(classes()), case="fitted in float32"),
    _case(linear_model.LogisticRegression, in_float32(classes("two")), case="two, fitted in float32"),
    _case(linear_model.SGDClassifier, in_float32(classes()), loss="log_loss", random_state=0, case="fitted in float32"),
    _case(linear_model.LogisticRegression, lambda estimator: digits(), max_iter=30, case="digits"),
    _case(linear_model.RidgeClassifier, lambda estimator: digits(), case="digits"),
]

_DISCRIMINANTS = [
    *_of_targets(discriminant_analysis.LinearDiscriminantAnalysis, _KINDS),
    *_of_targets(discriminant_analysis.LinearDiscriminantAnalysis, "three,two", solver="eigen"),
    *_of_targets(discriminant_analysis.LinearDiscriminantAnalysis, "three", solver="eigen", shrinkage="auto"),
    *_of_targets(discriminant_analysis.LinearDiscriminantAnalysis, "three,two", solver="lsqr", shrinkage=0.3),
    *_of_targets(discriminant_analysis.LinearDiscriminantAnalysis, "text", n_components=1, priors=[0.2, 0.3, 0.5]),
    _case(discriminant_analysis.LinearDiscriminantAnalysis, in_float32(classes()), case="fitted in float32"),
    *_of_targets(discriminant_analysis.QuadraticDiscriminantAnalysis, _KINDS),
    *_of_targets(discriminant_analysis.QuadraticDiscriminantAnalysis, "three", reg_param=0.2, priors=[0.2, 0.3, 0.5]),
    *_of_targets(discriminant_analysis.QuadraticDiscriminantAnalysis, "two", solver="eigen", shrinkage=0.1),
    *_of_targets(
        discriminant_analysis.QuadraticDiscriminantAnalysis, "text", solver="eigen", covariance_estimator=OAS()
    ),
    _case(discriminant_analysis.QuadraticDiscriminantAnalysis, in_float32(classes()), case="fitted in float32"),
]


def _single_class(estimator: Any) -> tuple[Any, Any, Any]:
    return FEATURES[:100], np.zeros(100, int), FEATURES[100:]


_BAYES = [
    *_of_targets(naive_bayes.GaussianNB, _KINDS),
    *_of_targets(naive_bayes.GaussianNB, "three", priors=[0.2, 0.3, 0.5], var_smoothing=1e-3),
    _case(naive_bayes.GaussianNB, in_float32(classes()), case="fitted in float32"),
    _case(naive_bayes.GaussianNB, lambda estimator: digits(), var_smoothing=1e-2, case="digits"),
    *_of_targets(naive_bayes.MultinomialNB, "two,text"),
    *_of_targets(naive_bayes.MultinomialNB, "three", alpha=0.1, fit_prior=False),
    _case(naive_bayes.MultinomialNB, lambda estimator: digits(), case="digits"),
    *_of_targets(naive_bayes.ComplementNB, "two,text"),
    *_of_targets(naive_bayes.ComplementNB, "three", norm=True),
    _case(naive_bayes.ComplementNB, _single_class, case="one class"),
    *_of_targets(naive_bayes.BernoulliNB, "two,text", binarize=3.0),
    *_of_targets(naive_bayes.BernoulliNB, "three", binarize=1.4, alpha=0.5),
    _case(naive_bayes.BernoulliNB, classes(change=lambda rows: (rows > 2.0) * 1.0), binarize=None),
    *(
        _case(naive_bayes.CategoricalNB, classes(kind, np.round), case=kind, **options)
        for kind, options in (
            ("two", {}),
            ("text", {}),
            ("three", {"min_categories": 12}),
            ("three", {"fit_prior": False, "alpha": 0.1}),
        )
    ),
]

_FEW: dict[str, Any] = {"hidden_layer_sizes": (6, 5), "max_iter": 60, "random_state": 0}

_PERCEPTRONS = [
    *_of_targets(neural_network.MLPClassifier, f"{_KINDS},multilabel,two labels", **_FEW),
    *(
        _case(neural_network.MLPClassifier, classes(), activation=activation, **_FEW)
        for activation in ("identity", "logistic", "tanh", "relu")
    ),
    _case(neural_network.MLPClassifier, classes(), hidden_layer_sizes=(), max_iter=60, random_state=0),
    _case(neural_network.MLPClassifier, in_float32(classes()), case="fitted in float32", **_FEW),
    *(
        _case(neural_network.MLPRegressor, numbers(), activation=activation, **_FEW)
        for activation in ("identity", "logistic", "tanh", "relu")
    ),
    _case(neural_network.MLPRegressor, _SIZES, case="two targets", **_FEW),
    _case(neural_network.MLPRegressor, _COUNTS, loss="poisson", **_FEW),
    _case(neural_network.MLPRegressor, numbers(dtype="float32"), case="fitted in float32", **_FEW),
]

VARIANTS: list[Case] = [*_REGRESSORS, *_CLASSIFIERS, *_DISCRIMINANTS, *_BAYES, *_PERCEPTRONS]
