"""Saved estimators: recognised by their first bytes, and loaded without running what they carry."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from plugin_case import options
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn_sweep import DEFAULTS, VARIANTS

import modelport
from modelport import errors
from modelport.plugins import registry

X, Y = load_wine(return_X_y=True)


@pytest.fixture(scope="module")
def plugin():
    return registry().get("sklearn")


class Doubling(TransformerMixin, BaseEstimator):
    """A class that no library knows."""

    def fit(self, X, y=None):  # noqa: N803 - scikit-learn's name
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):  # noqa: N803
        return 2 * X


class Halving(Doubling):
    """Another one."""


@pytest.fixture
def fitted():
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)


def test_skops_file_is_recognised_and_loaded(plugin, fitted, tmp_path):
    path = tmp_path / "model.skops"
    skops.io.dump(fitted, path)
    assert registry().detect(path)[0].key == "sklearn"
    loaded = plugin.call("load", source=path, options=options(plugin))
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize(
    ("suffix", "write"),
    [
        (".joblib", joblib.dump),
        (".pkl", joblib.dump),
        (".pickle", lambda model, path: path.write_bytes(pickle.dumps(model))),
    ],
)
def test_pickle_is_recognised_and_loaded_on_trust_only(plugin, fitted, tmp_path, suffix, write):
    path = tmp_path / f"model{suffix}"
    write(fitted, path)
    assert registry().detect(path)[0].key == "sklearn"
    with pytest.raises(errors.UnsafeSource, match="skops") as caught:
        plugin.call("load", source=path, options=options(plugin))
    assert "--trust" in caught.value.remedy
    loaded = plugin.call("load", source=path, options=options(plugin, trust=True))
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))


def test_skops_file_with_an_unknown_type_names_it(plugin, tmp_path):
    path = tmp_path / "model.skops"
    skops.io.dump(Doubling().fit(X), path)
    with pytest.raises(errors.UnsafeSource, match="Doubling"):
        plugin.call("load", source=path, options=options(plugin))


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("the pickle was loaded",))


def test_neither_detect_nor_load_runs_a_pickle(plugin, tmp_path):
    path = tmp_path / "bomb.pkl"
    path.write_bytes(pickle.dumps(Bomb()))
    registry().detect(path)
    with pytest.raises(errors.UnsafeSource):
        plugin.call("load", source=path, options=options(plugin))


@pytest.mark.parametrize("suffix", [".skops", ".joblib", ".pkl"])
def test_truncated_file_is_unreadable(plugin, fitted, tmp_path, suffix):
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"truncated{suffix}"
    (skops.io.dump if suffix == ".skops" else joblib.dump)(fitted, whole)
    path.write_bytes(whole.read_bytes()[:700])
    with pytest.raises(errors.SourceUnreadable):
        plugin.call("load", source=path, options=options(plugin, trust=True))


def test_file_that_holds_no_estimator_is_refused(plugin, tmp_path):
    path = tmp_path / "model.joblib"
    joblib.dump({"weights": [1, 2]}, path)
    with pytest.raises(errors.SourceUnreadable, match="dict"):
        plugin.call("load", source=path, options=options(plugin, trust=True))


def test_a_skops_file_of_an_everyday_pipeline_needs_no_trust(plugin, tmp_path):
    frame = pd.DataFrame({"size": X[:, 0], "kind": np.where(X[:, 1] > 2, "dry", "sweet")})
    columns = ColumnTransformer([("size", StandardScaler(), ["size"]), ("kind", OneHotEncoder(), ["kind"])])
    vote = VotingClassifier([("line", LogisticRegression()), ("forest", RandomForestClassifier(3, random_state=0))])
    model = make_pipeline(columns, vote).fit(frame, Y)
    path = tmp_path / "model.skops"
    skops.io.dump(model, path)
    loaded = plugin.call("load", source=path, options=options(plugin))
    np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))


HELD_IN_NATIVE_CODE = (
    "BisectingKMeans",
    "CalibratedClassifierCV",
    "FeatureAgglomeration",
    "GaussianProcessClassifier",
    "GradientBoostingClassifier",
    "GridSearchCV",
    "HistGradientBoostingClassifier[categories]",
    "IsolationForest",
    "IterativeImputer[random_state=0,max_iter=3,add_indicator=True,skip_complete=True]",
    "KNeighborsClassifier",
    "KNeighborsClassifier[algorithm=ball_tree,leaf_size=5] equally distant",
    "KNeighborsClassifier[metric=mahalanobis,metric_params=VI]",
    "KernelDensity",
    "MLPClassifier",
    "RegressorChain[tree]",
    "SparseRandomProjection",
    "SplineTransformer",
    "TunedThresholdClassifierCV",
    "TweedieRegressor",
)
SWEPT = {case.name: case for case in (*DEFAULTS.values(), *VARIANTS)}


@pytest.mark.parametrize("name", HELD_IN_NATIVE_CODE)
def test_a_skops_file_needs_no_trust(plugin, tmp_path, name):
    model, held_out = SWEPT[name].fitted()
    path = tmp_path / "model.skops"
    skops.io.dump(model, path)
    loaded = plugin.call("load", source=path, options=options(plugin))
    method = next(method for method in ("predict", "transform", "score_samples") if hasattr(model, method))
    np.testing.assert_array_equal(getattr(loaded, method)(held_out), getattr(model, method)(held_out))


def test_a_skops_file_of_support_vectors_on_sparse_rows_needs_no_trust(plugin, tmp_path):
    model = SVC().fit(sparse.csr_matrix(X), Y)
    path = tmp_path / "model.skops"
    skops.io.dump(model, path)
    loaded = plugin.call("load", source=path, options=options(plugin))
    np.testing.assert_array_equal(loaded.predict(sparse.csr_matrix(X)), model.predict(sparse.csr_matrix(X)))


def test_one_type_can_be_allowed(plugin, tmp_path):
    path = tmp_path / "model.skops"
    skops.io.dump(make_pipeline(StandardScaler(), Doubling()).fit(X), path)
    name = f"{Doubling.__module__}.Doubling"
    with pytest.raises(errors.UnsafeSource) as caught:
        plugin.call("load", source=path, options=options(plugin))
    assert f"--trust-type {name}" in caught.value.remedy
    loaded = plugin.call("load", source=path, options=options(plugin, trust_types=(name,)))
    np.testing.assert_array_equal(loaded.transform(X), 2 * StandardScaler().fit_transform(X))


def test_allowing_one_type_allows_no_other(plugin, tmp_path):
    path = tmp_path / "model.skops"
    skops.io.dump(make_pipeline(StandardScaler(), Doubling(), Halving()).fit(X), path)
    with pytest.raises(errors.UnsafeSource, match="Halving"):
        plugin.call("load", source=path, options=options(plugin, trust_types=(f"{Doubling.__module__}.Doubling",)))


def test_the_allowed_type_reaches_the_plugin_from_verify(tmp_path):
    path = tmp_path / "model.skops"
    skops.io.dump(Doubling().fit(X), path)
    with pytest.raises(errors.UnsafeSource):
        modelport.verify(path, path, proof_seconds=0)
    name = f"{Doubling.__module__}.Doubling"
    assert modelport.verify(path, path, trust_types=[name], proof_seconds=0).verdict == "proven"
