"""Models that look up neighbors among rows of which many are equally distant, whatever the number of threads."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import distance
from sklearn import ensemble, impute, linear_model, model_selection, neighbors, pipeline, preprocessing
from sklearn.feature_extraction import text
from threadpoolctl import threadpool_limits

import modelport
from modelport_plugins.sklearn import neighbors as reference

MARKS = np.random.default_rng(0).integers(0, 2, (400, 20)).astype(float)
"""Zeros and ones: most rows have neighbors at one and the same distance."""
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
def test_equally_distant_neighbors_are_proven(name, dtype, threads, tmp_path):
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


COUNTS = np.random.default_rng(4).poisson(1.0, (300, 6)) + 0.1
"""Rows of few different ones: distances that are equal but for rounding."""
RISING = COUNTS + 0.3 * np.arange(6)
VOTED = np.random.default_rng(5).integers(0, 3, 300)
GAPS = np.where(np.random.default_rng(6).random(COUNTS.shape) < 0.1, np.nan, COUNTS)
WORDS = np.array(["good", "bad", "fast", "slow", "cheap", "dear"], object)
TEXTS = np.array([" ".join(WORDS[[i % 6, i // 6 % 6, i // 36 % 6]]) for i in range(300)], object)


def of_texts(**how):
    return pipeline.make_pipeline(text.TfidfVectorizer(), neighbors.KNeighborsClassifier(**how)).fit(TEXTS, VOTED)


BY_ARGPARTITION = {
    "cosine": (neighbors.KNeighborsClassifier(metric="cosine").fit(COUNTS, VOTED), COUNTS),
    "float32 cosine": (
        neighbors.KNeighborsClassifier(metric="cosine").fit(COUNTS.astype(np.float32), VOTED),
        COUNTS.astype(np.float32),
    ),
    "correlation": (neighbors.KNeighborsRegressor(metric="correlation").fit(RISING, NUMBERS[:300]), RISING),
    "hamming": (neighbors.KNeighborsRegressor(metric="hamming", algorithm="brute").fit(COUNTS, NUMBERS[:300]), COUNTS),
    "texts": (of_texts(), TEXTS),
    "texts, cosine": (of_texts(metric="cosine"), TEXTS),
    "votes": (
        ensemble.VotingClassifier([("near", neighbors.KNeighborsClassifier(metric="cosine"))]).fit(COUNTS, VOTED),
        COUNTS,
    ),
    "imputer": (impute.KNNImputer(n_neighbors=3).fit(GAPS), GAPS),
    "weighted imputer": (impute.KNNImputer(n_neighbors=3, weights="distance").fit(GAPS), GAPS),
    "imputer, regressor": (
        pipeline.make_pipeline(impute.KNNImputer(n_neighbors=3), linear_model.Ridge()).fit(GAPS, NUMBERS[:300]),
        GAPS,
    ),
}


@pytest.mark.parametrize("name", BY_ARGPARTITION)
def test_neighbors_that_argpartition_chooses_are_proven(name, tmp_path):
    model, rows = BY_ARGPARTITION[name]
    samples = tmp_path / "samples.npz"
    np.savez(samples, X=rows.astype(str) if rows.dtype == object else rows)
    assert modelport.convert(model, to="onnx", samples=samples).report.verdict == "proven"
    assert modelport.convert(model, to="onnx").report.verdict == "proven"


def test_of_equally_distant_rows_the_first_are_the_reference():
    model = neighbors.KNeighborsRegressor(3, metric="cosine").fit(COUNTS, NUMBERS[:300])
    away = distance.cdist(COUNTS, COUNTS, "cosine").round(9)
    first = np.argsort(away, axis=1, kind="stable")[:, :3]
    np.testing.assert_allclose(reference.asked(model, "predict", COUNTS), NUMBERS[first].mean(axis=1), rtol=1e-12)


def test_donors_are_the_first_of_equally_distant_ones():
    model = impute.KNNImputer(n_neighbors=2).fit(
        [[0.0, 1.0], [2.0, 5.0], [0.0, 9.0], [2.0, 7.0], [2.0, 30.0], [9.0, 8.0]]
    )
    assert reference.asked(model, "transform", np.array([[1.0, np.nan], [9.0, np.nan]])).tolist() == [[1, 3], [9, 6.5]]


def test_distances_that_differ_decide_as_scikit_learn_has_it():
    generator = np.random.default_rng(7)
    rows, fresh = generator.normal(size=(2, 300, 6))
    gaps = np.where(generator.random(fresh.shape) < 0.2, np.nan, fresh)
    for metric in ("cosine", "correlation", "nan_euclidean"):
        model = neighbors.KNeighborsRegressor(metric=metric, weights="distance").fit(rows, NUMBERS[:300])
        np.testing.assert_allclose(reference.asked(model, "predict", fresh), model.predict(fresh), rtol=1e-12)
    imputer = impute.KNNImputer(weights="distance").fit(rows)
    np.testing.assert_allclose(reference.asked(imputer, "transform", gaps), imputer.transform(gaps), rtol=1e-12)


@pytest.mark.parametrize(("right", "wrong"), [("cosine", "correlation"), ("hamming", "cosine")])
def test_other_neighbors_are_not_proven(right, wrong, tmp_path):
    rows = np.random.default_rng(8).normal(size=(300, 6)).round(1)
    good, bad = (
        neighbors.KNeighborsRegressor(metric=metric, algorithm="brute").fit(rows, NUMBERS[:300])
        for metric in (right, wrong)
    )
    modelport.convert(bad, to="onnx", output=tmp_path / "bad.onnx")
    np.savez(tmp_path / "samples.npz", X=rows.astype(np.float32))
    assert modelport.verify(good, tmp_path / "bad.onnx", samples=tmp_path / "samples.npz").verdict == "failed"


def test_scikit_learn_is_left_as_it_was():
    own = neighbors.KNeighborsRegressor.kneighbors, impute.KNNImputer._calc_impute
    model, rows = BY_ARGPARTITION["cosine"]
    reference.asked(model, "predict", rows)
    assert own == (neighbors.KNeighborsRegressor.kneighbors, impute.KNNImputer._calc_impute)
