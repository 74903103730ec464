"""Saved estimators: recognised by their first bytes, and loaded without running what they carry."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from plugin_case import options
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

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
