"""modelport's conformance kit: needs this distribution installed, so that its entry point is found."""

from __future__ import annotations

import lightgbm as lgb
import pytest
from sklearn.datasets import load_diabetes, load_wine

import modelport
from modelport.testing import PluginConformance

SETTINGS = {"n_estimators": 20, "random_state": 0, "verbose": -1, "n_jobs": 1}


class TestLightGBM(PluginConformance):
    key = "lightgbm"

    def model(self):
        return lgb.LGBMClassifier(**SETTINGS).fit(*load_wine(return_X_y=True))

    def write(self, model, path):
        model.booster_.save_model(path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_regressor_is_proven(dtype):
    model = lgb.LGBMRegressor(**SETTINGS).fit(*load_diabetes(return_X_y=True))
    conversion = modelport.convert(model, to="onnx", inputs=[f"X:{dtype}[N,10]"])
    assert conversion.report.verdict == "proven"
