"""Every estimator of the installed scikit-learn that answers for new rows: all its methods converted and proven."""

from __future__ import annotations

import functools

import numpy as np
import onnxruntime
import pytest
from sklearn.base import is_classifier
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.utils import all_estimators, get_tags
from sklearn_case import FLOATS, Case, answers, prove
from sklearn_sweep import DEFAULTS, EXCEPTIONS, VARIANTS

import modelport
from modelport.errors import ModelportError

pytestmark = [
    pytest.mark.broad,
    pytest.mark.filterwarnings(  # of estimators fitted on few rows
        "ignore::FutureWarning", "ignore::RuntimeWarning", "ignore::UserWarning"
    ),
]


@functools.cache
def fitted(case_name: str) -> tuple[object, object]:
    return DEFAULTS[case_name].fitted()


def test_every_estimator_is_in_the_sweep():
    assert set(DEFAULTS) >= {name for name, _ in all_estimators()}
    assert set(EXCEPTIONS) <= set(DEFAULTS)
    assert len(EXCEPTIONS) <= 8


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [name for name in DEFAULTS if name not in EXCEPTIONS])
def test_every_method_of_every_estimator_is_proven(name, dtype):
    estimator, held_out = fitted(name)
    if answers(estimator):
        prove(estimator, held_out, dtype)
    else:
        assert not hasattr(type(estimator), "transform")


UNCONVERTED = {
    "FeatureHasher": lambda: FeatureHasher(8).fit([{"length": 1.0}]),
    "HashingVectorizer": lambda: HashingVectorizer(n_features=8).fit(["one text"]),
    "MultiLabelBinarizer": lambda: MultiLabelBinarizer().fit([("sour", "sweet"), ("bitter",)]),
}


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_exceptions_are_refused_with_what_to_do(name):
    with pytest.raises(ModelportError) as caught:
        modelport.convert(UNCONVERTED[name](), from_="sklearn", to="onnx")
    assert caught.value.exit_status == 3
    assert caught.value.remedy


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("case", VARIANTS, ids=lambda case: case.name)
def test_option_variants_are_proven(case: Case, dtype):
    estimator, held_out = case.fitted()
    prove(estimator, held_out, dtype)


CLASSIFIERS = [name for name, _ in all_estimators(type_filter="classifier")]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_no_label_of_ten_thousand_fresh_rows_differs(name):
    """Rows between those of the training data: many lie near the borders of the classes."""
    estimator, held_out = fitted(name)
    assert is_classifier(estimator)
    generator = np.random.default_rng(1)
    first, second = (held_out[generator.integers(0, len(held_out), 10_000)] for _ in range(2))
    share = generator.random((10_000, 1))
    rows = np.asarray(
        first * share + second * (1 - share) if not get_tags(estimator).input_tags.categorical else first, np.float64
    )
    if hasattr(estimator, "radius_neighbors"):  # rows without neighbors are refused
        rows = rows[[len(found) > 0 for found in estimator.radius_neighbors(rows, return_distance=False)]]
    conversion = modelport.convert(
        estimator, from_="sklearn", to="onnx", inputs=[f"X:float64[N,{rows.shape[1]}]"], verify=False,
        options={"outputs": "label"},
    )  # fmt: skip
    session = onnxruntime.InferenceSession(conversion.model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"X": rows})
    expected = np.asarray(estimator.predict(rows))
    assert np.count_nonzero(found != expected.reshape(found.shape)) == 0
