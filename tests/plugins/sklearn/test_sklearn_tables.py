"""Tables of mixed columns: which inputs they become, by what names, and what passes through them."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn_tables import NUMBERS, ROWS, SINGLE, TABLE, TARGET, numbers_and_words, on_table

import modelport
from modelport import errors

RTOL, ATOL = 1e-3, 1e-5


def converted(model, **given):
    return modelport.convert(model, from_="sklearn", to="onnx", proof_seconds=0, **given)


def session_of(conversion):
    return onnxruntime.InferenceSession(conversion.model.SerializeToString(), providers=["CPUExecutionProvider"])


def fed(session, frame):
    """Return the columns by name, as a user feeds them: missing texts are what they are in the frame."""
    kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(bool)": bool}
    return {
        given.name: frame[[given.name]].to_numpy(kinds.get(given.type, object)) for given in session.get_inputs()
    }  # fmt: skip


@pytest.fixture(scope="module")
def fitted():
    return make_pipeline(numbers_and_words(), LogisticRegression()).fit(TABLE[:100], TARGET[:100])


@pytest.fixture(scope="module")
def session(fitted):
    return session_of(converted(fitted, samples=TABLE[100:]))


def test_a_table_becomes_one_input_for_each_column_with_its_name_and_dtype(session):
    assert {given.name: given.type for given in session.get_inputs()} == {
        "length (cm)": "tensor(float)",
        "weight": "tensor(double)",
        "age": "tensor(int64)",
        "member": "tensor(bool)",
        "city": "tensor(string)",
        "size": "tensor(string)",
    }


def test_columns_in_another_order_are_found_by_their_names(fitted, session):
    shuffled = TABLE[100:][sorted(TABLE.columns, reverse=True)]
    inputs = dict(reversed(fed(session, shuffled).items()))
    np.testing.assert_array_equal(session.run(["label"], inputs)[0], fitted.predict(TABLE[100:]))


def test_a_renamed_column_is_refused_by_its_name(session):
    inputs = fed(session, TABLE[100:])
    inputs["years"] = inputs.pop("age")
    with pytest.raises(ValueError, match="age"):
        session.run(None, inputs)


def test_missing_texts_are_fed_as_they_are(fitted, session):
    rows = TABLE[TABLE["city"].isna()]
    assert len(rows) > 5
    found = session.run(["probabilities"], fed(session, rows))[0]
    np.testing.assert_allclose(found, fitted.predict_proba(rows), rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("rows", [0, 1, ROWS])
def test_any_number_of_rows_is_taken(fitted, session, rows):
    found = session.run(["probabilities"], fed(session, TABLE[:rows]))[0]
    expected = fitted.predict_proba(TABLE[:rows]) if rows else np.empty((0, 2))
    np.testing.assert_allclose(found, expected, rtol=RTOL, atol=ATOL)


def test_a_table_of_numbers_comes_as_one_matrix_where_the_user_asks_for_it():
    model = make_pipeline(
        ColumnTransformer([("a", StandardScaler(), ["age"])], remainder=SimpleImputer()), LogisticRegression()
    ).fit(TABLE[NUMBERS], TARGET)
    conversion = converted(model, inputs=["X:float64[N,3]"], samples=TABLE[NUMBERS].to_numpy(np.float64))
    (given,) = session_of(conversion).get_inputs()
    assert (given.name, given.type, given.shape[1]) == ("X", "tensor(double)", 3)
    assert conversion.report.verdict == "proven"


@pytest.mark.parametrize("case", SINGLE, ids=lambda case: case.name)
def test_tables_are_proven_on_their_samples(case):
    model, held_out = case.fitted()
    assert converted(model, samples=held_out, options={"outputs": "all"}).report.verdict == "proven"


def test_texts_that_pass_through_need_to_be_said():
    case = next(case for case in SINGLE if case.name == "table[side by side]")
    model, held_out = case.fitted()
    with pytest.raises(errors.CannotConvert, match="categories are texts") as caught:
        converted(model)
    assert "string[N,1]" in caught.value.remedy
    assert converted(model, inputs=["size:string[N,1]"], samples=held_out).report.verdict == "proven"


def test_texts_and_numbers_side_by_side_are_refused_as_a_result():
    model = ColumnTransformer([("a", "passthrough", ["age", "size"])]).fit(TABLE)
    with pytest.raises(errors.CannotConvert, match="texts and numbers") as caught:
        converted(model, samples=TABLE)
    assert "encode the texts" in caught.value.remedy


def test_every_part_of_a_union_of_tables_gives_its_columns():
    left = ColumnTransformer([("scaled", StandardScaler(), ["age"])])
    right = ColumnTransformer([("words", OneHotEncoder(), ["size"]), ("same", FunctionTransformer(), ["member"])])
    model = make_union(left, right).fit(TABLE)
    session = session_of(converted(model, samples=TABLE))
    assert sorted(given.name for given in session.get_inputs()) == ["age", "member", "size"]
    np.testing.assert_allclose(session.run(None, fed(session, TABLE))[0], model.transform(TABLE), rtol=RTOL, atol=ATOL)


def test_samples_in_polars_are_those_in_pandas(fitted):
    polars = pytest.importorskip("polars")
    frame, _, held_out = on_table(numbers_and_words, polars=True)(None)
    assert isinstance(frame, polars.DataFrame)
    model = make_pipeline(numbers_and_words(), LogisticRegression()).fit(frame, TARGET[:100])
    conversion = converted(model, samples=held_out)
    assert conversion.report.verdict == "proven"
    session = session_of(conversion)
    inputs = {**fed(session, TABLE[100:]), "city": held_out["city"].to_numpy()[:, None].astype(object)}
    np.testing.assert_allclose(
        session.run(["probabilities"], inputs)[0], model.predict_proba(held_out), rtol=RTOL, atol=ATOL
    )


def test_the_keys_of_dictionaries_are_the_columns():
    rows = [{"age": 3.0, "city": "Rome"}, {"age": 5.0, "city": "Oslo"}, {"city": "Rome"}]
    model = DictVectorizer().fit(rows)
    session = session_of(converted(model))
    assert {given.name: given.type for given in session.get_inputs()} == {
        "age": "tensor(float)",
        "city": "tensor(string)",
    }
    inputs = {
        "age": np.array([[3], [5], [0]], np.float32),
        "city": np.array([["Rome"], ["Oslo"], ["Rome"]], object),
    }
    np.testing.assert_array_equal(session.run(None, inputs)[0], model.transform(rows).toarray())


def test_a_nullable_column_of_pandas_is_read(fitted):
    frame = TABLE[100:].assign(weight=TABLE[100:]["weight"].astype("Float64"))
    assert frame["weight"].isna().any()
    assert isinstance(frame["weight"].dtype, pd.Float64Dtype)
    assert converted(fitted, samples=frame).report.verdict == "proven"


# --- categories that boosting encodes itself ----------------------------------------------------------------------------

WORDS = TABLE[["weight", "size", "age", "city"]]


@pytest.fixture(scope="module")
def boosted():
    target = WORDS["size"].eq("m") + 2.0 * WORDS["city"].isna() + 3.0 * WORDS["city"].eq("Oslo") + WORDS["age"] / 30
    model = HistGradientBoostingRegressor(max_iter=30, min_samples_leaf=3, categorical_features=["size", "city"])
    return model.fit(WORDS, target)


def test_boosting_on_texts_has_one_input_for_each_column(boosted):
    session = session_of(converted(boosted))
    assert {given.name: given.type for given in session.get_inputs()} == {
        "weight": "tensor(float)",
        "size": "tensor(string)",
        "age": "tensor(float)",
        "city": "tensor(string)",
    }


@pytest.mark.parametrize("text", ["Oslo", "Atlantis", "", np.nan, None])
def test_boosting_takes_known_unseen_and_missing_texts_as_scikit_learn_does(boosted, text):
    session = session_of(converted(boosted, samples=WORDS))
    rows = WORDS.assign(city=pd.Series([text] * ROWS, dtype=object))
    found = session.run(None, fed(session, rows))[0][:, 0]
    np.testing.assert_allclose(found, boosted.predict(rows), rtol=RTOL, atol=ATOL)
    assert np.ptp(boosted.predict(rows) - boosted.predict(WORDS)) > 0.5


def test_none_is_a_category_of_boosting_where_fitting_has_met_it():
    city = np.array(["Rome", None, "Oslo", np.nan] * 40, object)
    rows = pd.DataFrame({"city": pd.Series(city, dtype=object), "age": np.arange(160) % 7})
    target = np.tile([1.0, 5.0, -3.0, 9.0], 40)
    model = HistGradientBoostingRegressor(categorical_features=["city"], min_samples_leaf=3).fit(rows, target)
    session = session_of(converted(model))
    np.testing.assert_allclose(session.run(None, fed(session, rows))[0][:, 0], model.predict(rows), rtol=RTOL)
    np.testing.assert_allclose(model.predict(rows), target, atol=0.1)


def test_boosting_on_an_array_of_texts_and_numbers_is_refused():
    model = HistGradientBoostingRegressor(categorical_features=[0]).fit(TABLE[["size", "age"]].to_numpy(object), TARGET)
    with pytest.raises(errors.InvalidSignature, match="texts and numbers in one array") as caught:
        converted(model)
    assert "DataFrame" in caught.value.remedy


@pytest.mark.parametrize("sampled", [False, True], ids=["alone", "with samples"])
def test_codes_among_objects_are_numbers_to_boosting(sampled):
    table = TABLE[["size", "age", "member"]]
    coded = make_column_transformer((OrdinalEncoder(), ["size"]), ("passthrough", ["age", "member"]))
    boosting = HistGradientBoostingClassifier(max_iter=8, categorical_features=[0], min_samples_leaf=3)
    model = make_pipeline(coded, boosting).fit(table, TARGET)
    assert coded.transform(table).dtype == object
    session = session_of(converted(model, samples=table if sampled else None))
    found = session.run(["probabilities"], fed(session, table))[0]
    np.testing.assert_allclose(found, model.predict_proba(table), rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("missing", [[], [None], [np.nan]], ids=["none", "None", "NaN"])
def test_an_encoder_of_numbers_among_objects_takes_numbers(missing):
    rows = np.array([3, 1, 2.5, *missing, 1], object)[:, None]
    model = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2).fit(rows)
    session = session_of(converted(model))
    (given,) = session.get_inputs()
    fed_rows = np.array([*rows[:, 0], 7.0]).astype(np.float32)[:, None]
    found = session.run(None, {given.name: fed_rows})[0]
    np.testing.assert_array_equal(found, model.transform(np.vstack([rows, [[7.0]]])))
