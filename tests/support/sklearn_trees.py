"""Trees, forests, boosting and what is made of several estimators, in the options that change their predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import dummy, ensemble, tree
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn_case import IRIS, SPECIES, Case

_ORDER = np.random.default_rng(1).permutation(len(IRIS))
_X, _Y = IRIS[_ORDER], SPECIES[_ORDER]
_NAMES = np.array(["setosa", "versicolor", "virginica"])
_SIZE = 2.0 * _X[:, 3] + _X[:, 0] + 1.0
_HOLES = np.where(np.random.default_rng(2).random(_X.shape) < 0.15, np.nan, _X)


def _data(target: Any, features: Any = _X) -> Any:
    return lambda estimator: (features[:100], None if target is None else target[:100], features[100:])


_THREE, _TWO, _TEXTS = _data(_Y), _data((_Y == 1).astype(int)), _data(_NAMES[_Y])
_TWO_TEXTS = _data(_NAMES[np.minimum(_Y, 1)])
_NUMBERS, _POSITIVE, _SEVERAL = _data(_SIZE), _data(np.round(_SIZE)), _data(np.column_stack([_SIZE, -(_SIZE**2)]))
_TWO_LABELS = _data(np.column_stack([_Y, (_Y == 1) + 5]))
_TEXT_LABELS = _data(np.column_stack([_NAMES[_Y], _NAMES[np.minimum(_Y, 1)]]))
_MISSING, _MISSING_NUMBERS, _ALONE = _data(_Y, _HOLES), _data(_SIZE, _HOLES), _data(None)


def _categories() -> Any:
    """Return two categorical features, one with unseen, missing and many categories, beside two numeric ones."""
    rng = np.random.default_rng(3)
    many = rng.integers(0, 60, 400).astype(float) * 3.0
    few = rng.integers(-2, 4, 400).astype(float)
    numeric = rng.standard_normal((400, 2))
    target = np.isin(few, (-2, 1, 3)) * 2.0 + np.sin(many * 7.0) + numeric[:, 0]
    features = np.column_stack([numeric[:, 0], many, few, numeric[:, 1]])
    features[rng.random(features.shape) < 0.05] = np.nan
    held_out = features[300:].copy()
    held_out[:10, 1], held_out[10:20, 2] = 1000.0, -7.0
    return features[:300], target[:300], held_out


def _categorical(sort: Any) -> Any:
    def data(estimator: Any) -> Any:
        features, target, held_out = _categories()
        return features, sort(target), held_out

    return data


_CATEGORICAL = _categorical(lambda target: target)
_CATEGORICAL_CLASSES = _categorical(lambda target: np.digitize(target, [0.0, 1.5]))
_CATEGORICAL_TWO = _categorical(lambda target: (target > 1.0).astype(int))


def _of(kind: Any, data: Any, label: str, **options: Any) -> Case:
    """Return a case of an estimator with options."""
    return Case(f"{kind.__name__}[{label}]", lambda: kind(**options), data)


def _single() -> list[Case]:
    found = []
    for kind in (tree.DecisionTreeClassifier, tree.ExtraTreeClassifier):
        for label, data, options in (
            ("three classes", _THREE, {"max_depth": 3}),
            ("texts", _TEXTS, {}),
            ("two texts", _TWO_TEXTS, {"max_depth": 2}),
            ("two outputs", _TWO_LABELS, {"max_depth": 3}),
            ("missing values", _MISSING, {"criterion": "entropy"}),
            ("leaf alone", _TWO, {"min_samples_split": 1000}),
            ("pruned", _THREE, {"ccp_alpha": 0.02}),
            ("class weights", _THREE, {"class_weight": {0: 1, 1: 5, 2: 2}, "max_leaf_nodes": 5}),
        ):
            found.append(_of(kind, data, label, random_state=0, **options))
    for kind in (tree.DecisionTreeRegressor, tree.ExtraTreeRegressor):
        for label, data, options in (
            ("numbers", _NUMBERS, {"max_depth": 4}),
            ("two targets", _SEVERAL, {}),
            ("missing values", _MISSING_NUMBERS, {}),
            ("poisson", _POSITIVE, {"criterion": "poisson", "max_depth": 3}),
            ("leaf alone", _NUMBERS, {"min_samples_split": 1000}),
        ):
            found.append(_of(kind, data, label, random_state=0, **options))
    found.append(
        _of(tree.DecisionTreeRegressor, _NUMBERS, "monotonic", random_state=0, monotonic_cst=[0, 0, 1, 1], max_depth=4)
    )
    found.append(_of(tree.DecisionTreeRegressor, _NUMBERS, "absolute", random_state=0, criterion="absolute_error"))
    return found


def _forests() -> list[Case]:
    found = []
    for kind in (ensemble.RandomForestClassifier, ensemble.ExtraTreesClassifier):
        for label, data, options in (
            ("two classes", _TWO, {}),
            ("shallow", _THREE, {"max_depth": 2}),
            ("texts", _TEXTS, {}),
            ("two outputs", _TWO_LABELS, {}),
            ("two outputs of texts", _TEXT_LABELS, {}),
            ("missing values", _MISSING, {}),
            ("more trees than one operator takes", _THREE, {"n_estimators": 230, "max_depth": 3}),
        ):
            found.append(_of(kind, data, label, **{"n_estimators": 10, "random_state": 0, **options}))
    for kind in (ensemble.RandomForestRegressor, ensemble.ExtraTreesRegressor):
        for label, data, options in (
            ("numbers", _NUMBERS, {}),
            ("two targets", _SEVERAL, {}),
            ("missing values", _MISSING_NUMBERS, {}),
            ("poisson", _POSITIVE, {"criterion": "poisson"}),
        ):
            found.append(_of(kind, data, label, n_estimators=10, random_state=0, **options))
    for label, data, options in (
        ("contaminated", _ALONE, {"contamination": 0.1}),
        ("few features", _ALONE, {"max_features": 2}),
        ("one sample", _ALONE, {"max_samples": 1}),
        ("missing values", _data(None, _HOLES), {"contamination": 0.05}),
        ("bootstrap", _ALONE, {"bootstrap": True, "max_samples": 0.3}),
    ):
        found.append(_of(ensemble.IsolationForest, data, label, n_estimators=20, random_state=0, **options))
    for label, options in (("sparse", {}), ("dense", {"sparse_output": False}), ("few leaves", {"max_leaf_nodes": 3})):
        found.append(_of(ensemble.RandomTreesEmbedding, _ALONE, label, n_estimators=7, random_state=0, **options))
    return found


_STUMP = tree.DecisionTreeClassifier(max_depth=1)
"""Of double precision, unlike what other estimators learn from the float32 rows that boosting hands them."""


def _boosted() -> list[Case]:
    few = {"n_estimators": 8, "random_state": 0}
    found = [
        _of(ensemble.GradientBoostingClassifier, data, label, **few, **options)
        for label, data, options in (
            ("three classes", _THREE, {}),
            ("two classes", _TWO, {}),
            ("texts", _TWO_TEXTS, {}),
            ("exponential", _TWO, {"loss": "exponential"}),
            ("zero init", _THREE, {"init": "zero"}),
            ("init by a tree", _TWO, {"init": _STUMP}),
            ("init of three classes", _THREE, {"init": _STUMP}),
            ("exponential, with init", _TWO, {"init": _STUMP, "loss": "exponential"}),
            ("uniform init", _THREE, {"init": dummy.DummyClassifier(strategy="most_frequent")}),
            ("subsampled, stopped", _THREE, {"subsample": 0.5, "n_iter_no_change": 2, "max_depth": 2}),
        )
    ]
    found += [
        _of(ensemble.GradientBoostingRegressor, _NUMBERS, label, **few, **options)
        for label, options in (
            ("squares", {}),
            ("absolute", {"loss": "absolute_error"}),
            ("huber", {"loss": "huber"}),
            ("quantile", {"loss": "quantile", "alpha": 0.3}),
            ("zero init", {"init": "zero"}),
            ("init by a tree", {"init": tree.DecisionTreeRegressor(max_depth=1)}),
            ("median init", {"init": dummy.DummyRegressor(strategy="median")}),
        )
    ]
    rounds = {"max_iter": 12, "min_samples_leaf": 5, "random_state": 0}
    found += [
        _of(ensemble.HistGradientBoostingClassifier, data, label, **rounds, **options)
        for label, data, options in (
            ("two classes", _TWO, {}),
            ("three classes", _THREE, {}),
            ("texts", _TEXTS, {}),
            ("missing values", _MISSING, {}),
            ("categories", _CATEGORICAL_CLASSES, {"categorical_features": [1, 2]}),
            ("categories, two classes", _CATEGORICAL_TWO, {"categorical_features": [2], "max_leaf_nodes": 4}),
            ("stopped early", _THREE, {"early_stopping": True, "n_iter_no_change": 1, "learning_rate": 0.5}),
        )
    ]
    found += [
        _of(ensemble.HistGradientBoostingRegressor, data, label, **rounds, **options)
        for label, data, options in (
            ("squares", _NUMBERS, {}),
            ("absolute", _NUMBERS, {"loss": "absolute_error"}),
            ("poisson", _POSITIVE, {"loss": "poisson"}),
            ("gamma", _POSITIVE, {"loss": "gamma"}),
            ("quantile", _NUMBERS, {"loss": "quantile", "quantile": 0.8}),
            ("missing values", _MISSING_NUMBERS, {}),
            ("categories", _CATEGORICAL, {"categorical_features": [1, 2]}),
            ("monotonic", _NUMBERS, {"monotonic_cst": [0, 0, 1, 1]}),
            ("few bins", _NUMBERS, {"max_bins": 4}),
        )
    ]
    return found


def _bagged() -> list[Case]:
    found = [
        _of(ensemble.BaggingClassifier, data, label, random_state=0, **options)
        for label, data, options in (
            ("two classes", _TWO, {}),
            ("texts", _TEXTS, {}),
            ("features drawn", _THREE, {"max_features": 2, "bootstrap_features": True}),
            ("unseen classes", _THREE, {"max_samples": 3, "n_estimators": 12}),
            ("votes", _THREE, {"estimator": RidgeClassifier(), "n_estimators": 5}),
            ("scores", _TWO, {"estimator": LogisticRegression(), "n_estimators": 4, "max_features": 3}),
            ("scores of three", _THREE, {"estimator": LogisticRegression(max_iter=500), "n_estimators": 4}),
            ("missing values", _MISSING, {"n_estimators": 5}),
        )
    ]
    found += [
        _of(ensemble.BaggingRegressor, data, label, random_state=0, **options)
        for label, data, options in (
            ("trees", _NUMBERS, {}),
            ("features drawn", _NUMBERS, {"max_features": 0.5}),
            ("two targets", _SEVERAL, {}),
            ("linear", _NUMBERS, {"estimator": Ridge(), "n_estimators": 4}),
            ("missing values", _MISSING_NUMBERS, {}),
        )
    ]
    found += [
        _of(ensemble.AdaBoostClassifier, data, label, n_estimators=8, random_state=0, **options)
        for label, data, options in (
            ("two classes", _TWO, {}),
            ("three classes", _THREE, {}),
            ("texts", _TEXTS, {}),
            ("two texts", _TWO_TEXTS, {}),
            ("deeper", _THREE, {"estimator": tree.DecisionTreeClassifier(max_depth=2), "learning_rate": 0.4}),
            ("linear", _THREE, {"estimator": LogisticRegression(max_iter=500)}),
        )
    ]
    found += [
        _of(ensemble.AdaBoostRegressor, _NUMBERS, label, n_estimators=8, random_state=0, **options)
        for label, options in (
            ("linear", {}),
            ("square", {"loss": "square"}),
            ("exponential", {"loss": "exponential"}),
            ("of ridges", {"estimator": Ridge()}),
        )
    ]
    return found


def _members() -> list[tuple[str, Any]]:
    return [
        ("bayes", GaussianNB()),
        ("tree", tree.DecisionTreeClassifier(max_depth=2, random_state=0)),
        ("line", make_pipeline(StandardScaler(), LogisticRegression())),
    ]


def _regressors() -> list[tuple[str, Any]]:
    return [("ridge", Ridge()), ("tree", tree.DecisionTreeRegressor(max_depth=3, random_state=0))]


def _voting() -> list[Case]:
    found = [
        _of(ensemble.VotingClassifier, data, label, estimators=_members(), **options)
        for label, data, options in (
            ("hard", _THREE, {}),
            ("hard, texts", _TEXTS, {"weights": [1, 2, 1.5]}),
            ("soft", _THREE, {"voting": "soft"}),
            ("soft, two texts", _TWO_TEXTS, {"voting": "soft", "weights": [0.5, 1, 2]}),
            ("not flattened", _THREE, {"voting": "soft", "flatten_transform": False}),
        )
    ]
    dropped = [*_members(), ("no", "drop")]
    found.append(
        _of(ensemble.VotingClassifier, _THREE, "one dropped", estimators=dropped, voting="soft", weights=[1, 2, 3, 4])
    )
    found += [
        _of(ensemble.VotingRegressor, _NUMBERS, "equal", estimators=_regressors()),
        _of(ensemble.VotingRegressor, _NUMBERS, "weighted", estimators=_regressors(), weights=[1, 3]),
    ]
    return found


class _Prefit(ensemble.StackingClassifier):
    """Fits its estimators itself first: `cv="prefit"` wants them fitted."""

    def fit(self, features: Any, target: Any) -> Any:
        self.estimators = [(name, one.fit(features, target)) for name, one in _members()]
        return super().fit(features, target)


def _stacking() -> list[Case]:
    found = [
        _of(ensemble.StackingClassifier, data, label, **{"estimators": _members(), "cv": 2, **options})
        for label, data, options in (
            ("two classes", _TWO, {}),
            ("three classes", _THREE, {}),
            ("texts", _TEXTS, {"passthrough": True}),
            ("scores", _THREE, {"estimators": [("svc", LinearSVC()), ("bayes", GaussianNB())]}),
            ("scores of two", _TWO, {"estimators": [("svc", LinearSVC()), ("bayes", GaussianNB())]}),
            ("labels", _THREE, {"stack_method": "predict"}),
            ("one dropped", _THREE, {"estimators": [*_members(), ("no", "drop")]}),
            ("forest on top", _THREE, {"final_estimator": ensemble.RandomForestClassifier(5, random_state=0)}),
            (
                "two labels",
                _data(np.column_stack([_Y > 0, _Y == 1]).astype(int)),
                {
                    "estimators": [("tree", tree.DecisionTreeClassifier(max_depth=2, random_state=0))],
                    "final_estimator": tree.DecisionTreeClassifier(max_depth=2, random_state=0),
                },
            ),
        )
    ]
    found.append(Case("StackingClassifier[fitted before]", lambda: _Prefit([], cv="prefit"), _THREE))
    found += [
        _of(ensemble.StackingRegressor, _NUMBERS, label, estimators=_regressors(), cv=2, **options)
        for label, options in (
            ("plain", {}),
            ("with features", {"passthrough": True}),
            (
                "boosting on top",
                {"final_estimator": ensemble.GradientBoostingRegressor(n_estimators=5, random_state=0)},
            ),
        )
    ]
    return found


VARIANTS: list[Case] = [*_single(), *_forests(), *_boosted(), *_bagged(), *_voting(), *_stacking()]
