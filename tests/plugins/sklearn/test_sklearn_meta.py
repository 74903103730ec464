"""Estimators around estimators: tables handed on to the inner one, and what has no form in ONNX."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import modelport
from modelport.errors import CannotConvert

ROWS, LABELS = load_iris(return_X_y=True)

AGE = np.linspace(20.0, 70.0, 60)
CITY = np.array(["Oslo", "Bergen", "Tromsø"])[np.arange(60) % 3]
TABLE = pd.DataFrame({"age": AGE, "unused": AGE[::-1], "city": CITY})
GRADE = np.array(["low", "high", "middle"])[(AGE // 7 + np.arange(60) % 3).astype(int) % 3]
PRICE = AGE * 2.0 + (CITY == "Oslo") * 9.0
SAMPLES = {"age": AGE[:, None], "city": CITY.astype(object)[:, None]}


def on_table(last):
    encoded = ColumnTransformer([("numbers", StandardScaler(), ["age"]), ("texts", OneHotEncoder(), ["city"])])
    return make_pipeline(encoded, last)


WRAPPED = {
    "another target": (TransformedTargetRegressor(on_table(Ridge()), func=np.log, inverse_func=np.exp), PRICE),
    "several targets": (MultiOutputRegressor(on_table(Ridge())), np.column_stack([PRICE, -PRICE])),
    "calibrated": (CalibratedClassifierCV(on_table(LogisticRegression()), cv=2), GRADE),
    "each against the rest": (OneVsRestClassifier(on_table(LogisticRegression())), GRADE),
    "codes": (OutputCodeClassifier(on_table(LogisticRegression()), random_state=0, code_size=4), GRADE),
    "several labels": (MultiOutputClassifier(on_table(LogisticRegression())), np.column_stack([GRADE, CITY])),
    "fixed threshold": (FixedThresholdClassifier(on_table(LogisticRegression()), threshold=0.3), CITY == "Oslo"),
    "tuned threshold": (
        TunedThresholdClassifierCV(on_table(LogisticRegression()), cv=2, thresholds=5),
        (AGE > 40).astype(int),
    ),
    "search": (GridSearchCV(on_table(Ridge()), {"ridge__alpha": [0.1, 1.0]}, cv=2), PRICE),
    "frozen": (FrozenEstimator(on_table(LogisticRegression()).fit(TABLE, GRADE)), GRADE),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_table_reaches_the_pipeline_inside(name):
    model, target = WRAPPED[name]
    converted = modelport.convert(
        model.fit(TABLE, target), from_="sklearn", to="onnx", samples=SAMPLES, rtol=1e-7, atol=1e-9, proof_seconds=0
    )
    assert converted.report.verdict == "proven"
    assert [given.name for given in converted.model.graph.input] == ["age", "city"]


@pytest.mark.parametrize(
    ("model", "reason", "remedy"),
    [
        (DummyClassifier(strategy="stratified"), "'stratified' draws its answers at random", "prior"),
        (DummyClassifier(strategy="uniform"), "'uniform' draws its answers at random", "prior"),
        (
            TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=lambda values: np.exp(values)),
            r"<lambda> \(inverse_func\) has no form in ONNX",
            "exp",
        ),
    ],
    ids=["drawn by share", "drawn evenly", "lambda"],
)
def test_what_has_no_form_in_onnx_is_refused_with_the_reason(model, reason, remedy):
    model.fit(ROWS, LABELS + 1)
    with pytest.raises(CannotConvert, match=reason) as caught:
        modelport.convert(model, from_="sklearn", to="onnx", inputs=["X:float32[N,4]"])
    assert remedy in caught.value.remedy


def test_isotonic_regression_fails_beyond_its_thresholds_where_scikit_learn_does():
    model = IsotonicRegression(out_of_bounds="raise").fit(ROWS[:, 2], ROWS[:, 3])
    converted = modelport.convert(model, from_="sklearn", to="onnx", inputs=["X:float64[N,1]"])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(converted.model.SerializeToString(), options)
    (inside,) = session.run(None, {"X": ROWS[:, 2:3]})
    np.testing.assert_allclose(inside[:, 0], model.predict(ROWS[:, 2]), rtol=1e-12)
    for beyond in (0.5, 9.0):
        with pytest.raises(ValueError, match="interpolation range"):
            model.predict([beyond])
        with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument):
            session.run(None, {"X": np.array([[beyond]])})
