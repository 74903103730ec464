"""The scikit-learn plugin against the conformance kit."""

import skops.io
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelport.testing import PluginConformance


class TestSklearn(PluginConformance):
    key = "sklearn"
    suffix = ".skops"

    def model(self):
        return make_pipeline(StandardScaler(), LogisticRegression()).fit(*load_iris(return_X_y=True))

    def write(self, model, path):
        skops.io.dump(model, path)
