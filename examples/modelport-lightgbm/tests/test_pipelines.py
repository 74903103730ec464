"""LightGBM's estimators inside scikit-learn's own."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelport

SETTINGS = {"n_estimators": 10, "min_child_samples": 5, "random_state": 0, "verbose": -1, "n_jobs": 1}

pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")


def proven(model, loader, dtype):
    features, target = loader(return_X_y=True)
    model.fit(features, target)
    samples = {"X": np.asarray(features[::3], dtype)}
    return modelport.convert(model, to="onnx", samples=samples, options={"outputs": "all"}).report.verdict == "proven"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loader", [load_wine, load_breast_cancer], ids=["three classes", "two classes"])
def test_classifier_in_a_pipeline(loader, dtype):
    assert proven(make_pipeline(StandardScaler(), lgb.LGBMClassifier(**SETTINGS)), loader, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_regressor_in_a_pipeline(dtype):
    assert proven(make_pipeline(StandardScaler(), lgb.LGBMRegressor(**SETTINGS)), load_diabetes, dtype)


def test_calibrated_classifier():
    assert proven(CalibratedClassifierCV(lgb.LGBMClassifier(**SETTINGS), cv=2), load_wine, "float64")


def test_vote_with_a_forest():
    parts = [("boosted", lgb.LGBMClassifier(**SETTINGS)), ("forest", RandomForestClassifier(5, random_state=0))]
    assert proven(VotingClassifier(parts, voting="soft"), load_wine, "float64")
