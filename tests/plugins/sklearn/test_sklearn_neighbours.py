"""Models that look up neighbours among rows of which many are equally distant, whatever the number of threads."""

import numpy as np
import pandas as pd
import pytest
from sklearn import model_selection, neighbors, pipeline, preprocessing
from threadpoolctl import threadpool_limits

import modelport

MARKS = np.random.default_rng(0).integers(0, 2, (400, 20)).astype(float)
"""Zeros and ones: most rows have neighbours at one and the same distance."""
FRESH = np.random.default_rng(1).integers(0, 2, (300, 20)).astype(float)
CLASSES = np.random.default_rng(2).integers(0, 5, 400)
NUMBERS = np.arange(400.0)

MODELS = {
    "classifier": lambda: neighbors.KNeighborsClassifier().fit(MARKS, CLASSES),
    "weighted": lambda: neighbors.KNeighborsClassifier(weights="distance", metric="manhattan").fit(MARKS, CLASSES),
    "regressor": lambda: neighbors.KNeighborsRegressor().fit(MARKS, NUMBERS),
    "float32 rows": lambda: neighbors.KNeighborsRegressor().fit(MARKS.astype(np.float32), NUMBERS),
    "transformer": lambda: neighbors.KNeighborsTransformer(mode="connectivity").fit(MARKS),
    "outliers": lambda: neighbors.LocalOutlierFactor(novelty=True).fit(MARKS),
    "pipeline": lambda: pipeline.make_pipeline(
        preprocessing.MinMaxScaler(), neighbors.KNeighborsClassifier().fit(MARKS, CLASSES)
    ).fit(MARKS, CLASSES),
    "search": lambda: model_selection.GridSearchCV(
        pipeline.make_pipeline(preprocessing.MaxAbsScaler(), neighbors.KNeighborsRegressor()),
        {"kneighborsregressor__n_neighbors": [4]},
    ).fit(MARKS, NUMBERS),
    "a table": lambda: neighbors.KNeighborsRegressor().fit(pd.DataFrame(MARKS).add_prefix("x"), NUMBERS),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_equally_distant_neighbours_are_proven(name, dtype, threads, tmp_path):
    model, samples = MODELS[name](), tmp_path / "samples.npz"
    np.savez(samples, X=FRESH.astype(dtype))
    with threadpool_limits(threads, user_api="openmp"):
        assert (
            modelport.convert(model, to="onnx", samples=samples, options={"outputs": "all"}).report.verdict == "proven"
        )
        assert modelport.convert(model, to="onnx").report.verdict == "proven"


def test_without_ties_the_reference_is_scikit_learns_own_answer():
    rows = np.random.default_rng(3).normal(size=(400, 20))
    model = neighbors.KNeighborsRegressor().fit(rows, NUMBERS)
    near = (rows[:50] + 0.01).astype(np.float32)
    conversion = modelport.convert(model, to="onnx")
    import onnxruntime

    session = onnxruntime.InferenceSession(conversion.model.SerializeToString(), providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"X": near})
    np.testing.assert_allclose(answer.ravel(), model.predict(near), rtol=1e-6)
