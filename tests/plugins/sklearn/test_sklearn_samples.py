"""Rows that the plugin draws for the proof suit the whole model: every step, every member and a batch of fixed size."""

import numpy as np
import onnxruntime
import pytest
from sklearn import cluster, decomposition, ensemble, linear_model, neighbors, pipeline, preprocessing, svm
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer

import modelport

ROWS = np.random.default_rng(0).normal(size=(120, 6))
GAPS = np.where(np.random.default_rng(1).random(ROWS.shape) < 0.1, np.nan, ROWS)
LABELS = ROWS[:, 0] + ROWS[:, 1] > 0
PRICES = ROWS[:, 0] * 2.0 + 1.0
TEXTS = ["a red house", "a blue house", "the sea is blue", "red and blue", "the house by the sea"] * 8


def proven(model, **given):
    conversion = modelport.convert(model, to="onnx", **given)
    assert conversion.report.verdict == "proven"
    return conversion


# --- a batch of fixed size ----------------------------------------------------------------------

FIXED = {
    "forest": lambda: ensemble.RandomForestClassifier(5, random_state=0).fit(ROWS, LABELS),
    "pipeline": lambda: pipeline.make_pipeline(preprocessing.StandardScaler(), svm.SVC()).fit(ROWS, LABELS),
    "neighbors": lambda: neighbors.KNeighborsRegressor().fit(ROWS, PRICES),
    "imputed": lambda: pipeline.make_pipeline(SimpleImputer(), linear_model.Ridge()).fit(GAPS, PRICES),
}


@pytest.mark.parametrize("size", [1, 16, 100])
@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_batch_is_proven_with_all_rows(name, size):
    model = FIXED[name]()
    conversion = proven(model, inputs=[f"X:float32[{size},6]"])
    batches = [case for case in conversion.report.proofs[0].cases if "seed 0" in case.label]
    assert len(batches) >= 64 // size - 1  # the first batch is the example
    session = onnxruntime.InferenceSession(conversion.model.SerializeToString(), providers=["CPUExecutionProvider"])
    rows = np.resize(ROWS, (size, 6)).astype(np.float32)
    answer = session.run(None, {"X": rows})[0].ravel()
    expected = model.predict(rows)
    np.testing.assert_allclose(answer.astype(float), expected.astype(float), rtol=1e-4, atol=1e-5)


def test_texts_in_a_fixed_batch():
    model = pipeline.make_pipeline(TfidfVectorizer(), linear_model.LogisticRegression()).fit(TEXTS, [0, 1, 1, 0, 1] * 8)
    proven(model, inputs=["X:string[1,1]"])


# --- every step and member ----------------------------------------------------------------------

GROUPED = {
    "k-means": cluster.KMeans(3, random_state=0),
    "mini batches": cluster.MiniBatchKMeans(3, random_state=0),
    "topics": decomposition.NMF(2, random_state=0),
}


@pytest.mark.parametrize("name", GROUPED)
@pytest.mark.parametrize("words", [CountVectorizer, TfidfVectorizer])
def test_texts_are_grouped(name, words):
    proven(pipeline.make_pipeline(words(), GROUPED[name]).fit(TEXTS))


@pytest.mark.parametrize("kind", [ensemble.VotingRegressor, ensemble.StackingRegressor])
def test_members_of_which_some_take_no_missing_values(kind):
    members = [("trees", ensemble.HistGradientBoostingRegressor(max_iter=5)), ("line", linear_model.Ridge())]
    model = kind(members).fit(ROWS, PRICES)
    proven(model)
    with pytest.raises(modelport.errors.InvalidSamples, match="missing values"):
        proven(model, samples={"X": GAPS})


@pytest.mark.parametrize("kind", [ensemble.VotingRegressor, ensemble.StackingRegressor])
def test_members_that_all_take_missing_values(kind):
    line = pipeline.make_pipeline(SimpleImputer(), linear_model.Ridge())
    model = kind([("trees", ensemble.HistGradientBoostingRegressor(max_iter=5)), ("line", line)]).fit(GAPS, PRICES)
    conversion = proven(model, samples={"X": GAPS})
    session = onnxruntime.InferenceSession(conversion.model.SerializeToString(), providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"X": GAPS})
    np.testing.assert_allclose(answer.ravel(), model.predict(GAPS), rtol=1e-6)


@pytest.mark.parametrize("member", [neighbors.KNeighborsClassifier(3), pipeline.make_pipeline(
    preprocessing.StandardScaler(), linear_model.LogisticRegression()
)])  # fmt: skip
def test_members_that_see_some_of_the_features(member):
    proven(ensemble.BaggingClassifier(member, 5, max_features=0.7, random_state=0).fit(ROWS, LABELS))


def test_bins_of_a_constant_feature():
    rows = np.column_stack([ROWS[:, :2], np.full(len(ROWS), 3.0)])
    model = preprocessing.KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf")
    with pytest.warns(UserWarning, match="constant"):
        model.fit(rows)
    proven(model)


@pytest.mark.parametrize("scaled", [False, True])
def test_parts_of_a_factorization_before_a_classifier(scaled):
    first = [preprocessing.MinMaxScaler()] if scaled else []
    counts = np.random.default_rng(2).integers(0, 9, (120, 6)).astype(float)
    last = [decomposition.NMF(3, random_state=0, max_iter=500), linear_model.LogisticRegression()]
    proven(pipeline.make_pipeline(*first, *last).fit(counts, LABELS))
