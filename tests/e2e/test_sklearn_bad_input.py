"""Estimators that cannot be converted: not fitted, fitted on other columns, of a stranger's class, set to what ONNX lacks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import modelport
from modelport import errors

joblib = pytest.importorskip("joblib")
pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn")
pytestmark = pytest.mark.xdist_group("sklearn")

CUSTOM = """
from sklearn.base import BaseEstimator, TransformerMixin

class Doubled(TransformerMixin, BaseEstimator):
    def fit(self, features, target=None):
        self.fitted_, self.n_features_in_ = True, features.shape[1]
        return self

    def transform(self, features):
        return features * 2

def halved(features):
    return features / 2
"""


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A module of the user's own, on the path."""
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "e2e_strangers.py").write_text(CUSTOM)
    sys.path.insert(0, str(folder))
    import e2e_strangers  # type: ignore[import-not-found, unused-ignore]

    yield e2e_strangers
    sys.path.remove(str(folder))
    sys.modules.pop("e2e_strangers")


ROWS = np.random.default_rng(0).normal(size=(60, 3)) + 2.0
TARGET = (ROWS[:, 0] > 2.0).astype(int)
FRAME = pd.DataFrame(ROWS, columns=["length", "width", "height"]).assign(colour=["red", "blue"] * 30)


def saved(model: Any, folder: Path) -> Path:
    """Write an estimator as users do."""
    path = folder / "model.joblib"
    joblib.dump(model, path)
    return path


def on_columns() -> Any:
    """Return a pipeline over named columns, fitted."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = ColumnTransformer([("n", StandardScaler(), ["length", "width"]), ("c", OneHotEncoder(), ["colour"])])
    return make_pipeline(columns, LogisticRegression()).fit(FRAME, TARGET)


# --- not fitted ----------------------------------------------------------------------------------


@pytest.mark.parametrize("piped", [False, True])
def test_an_estimator_that_is_not_fitted_is_refused(piped: bool, refused: Any, tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression()) if piped else LogisticRegression()
    says = ("has not been fitted", "call fit(X, y) before saving it", "model.joblib")

    refused(saved(model, tmp_path), "--trust", status=3, says=says)


# --- other columns -------------------------------------------------------------------------------


def test_samples_without_a_column_of_the_table_are_refused_by_its_name(refused: Any, tmp_path: Path) -> None:
    FRAME.rename(columns={"width": "widht"}).to_csv(tmp_path / "rows.csv", index=False)
    says = ("the samples lack width", "did you mean 'widht'", "found length, widht, height, colour")

    refused(saved(on_columns(), tmp_path), "--trust", "--samples", tmp_path / "rows.csv", status=2, says=says)


def test_samples_without_a_column_of_the_matrix_are_refused_by_its_name(refused: Any, tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(FRAME[["length", "width", "height"]], TARGET)
    FRAME[["length", "width"]].to_csv(tmp_path / "rows.csv", index=False)
    says = ("lack the column(s) height", "was fitted on length, width, height")

    refused(saved(model, tmp_path), "--trust", "--samples", tmp_path / "rows.csv", status=2, says=says)


def test_samples_of_another_kind_are_refused_with_the_column(refused: Any, tmp_path: Path) -> None:
    FRAME.assign(length="long").to_csv(tmp_path / "rows.csv", index=False)
    says = ("input 'length'", "the samples are string, the model takes float32")

    refused(saved(on_columns(), tmp_path), "--trust", "--samples", tmp_path / "rows.csv", status=2, says=says)


def test_an_input_that_is_no_column_is_refused_with_the_columns_there_are(refused: Any, tmp_path: Path) -> None:
    says = ("'lenght'", "did you mean 'length'", "length:float32[N,1], width:float32[N,1], colour:string[N,1]")

    refused(saved(on_columns(), tmp_path), "--trust", "--input", "lenght:float32[N,1]", status=2, says=says)


def test_columns_in_another_order_are_no_fault(convert: Any, tmp_path: Path) -> None:
    FRAME[["colour", "height", "width", "length"]].to_csv(tmp_path / "rows.csv", index=False)
    words = ("--samples", tmp_path / "rows.csv", "--proof-seconds", "0", "-o", tmp_path / "model.onnx")

    outcome = convert(saved(on_columns(), tmp_path), "--trust", *words)

    assert outcome.status == 0, outcome.err


# --- a class of the user's own -------------------------------------------------------------------


def test_a_class_without_converter_is_named_with_its_step_and_the_call_that_registers_one(
    strangers: Any, refused: Any, tmp_path: Path
) -> None:
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), make_union(strangers.Doubled(), StandardScaler())).fit(ROWS)
    says = (
        "e2e_strangers.Doubled",
        "at featureunion.doubled",
        "skl2onnx.update_registered_converter(YourClass, alias, shape_fct, convert_fct)",
    )

    refused(saved(model, tmp_path), "--trust", status=3, says=says)


def test_a_class_that_skops_does_not_know_is_refused_without_trust(
    strangers: Any, refused: Any, tmp_path: Path
) -> None:
    skops_io = pytest.importorskip("skops.io")
    skops_io.dump(strangers.Doubled().fit(ROWS), tmp_path / "model.skops")

    refused(tmp_path / "model.skops", status=7, says=("e2e_strangers.Doubled", "--trust"))


# --- functions -----------------------------------------------------------------------------------


def test_a_function_of_the_users_own_is_refused_by_its_name(strangers: Any, refused: Any, tmp_path: Path) -> None:
    from sklearn.preprocessing import FunctionTransformer

    says = ("FunctionTransformer", "func=halved", "numpy.log1p", "skl2onnx.update_registered_converter")

    refused(saved(FunctionTransformer(strangers.halved).fit(ROWS), tmp_path), "--trust", status=3, says=says)


def test_a_lambda_is_refused_with_the_step_and_what_to_write_instead() -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    model = make_pipeline(FunctionTransformer(lambda rows: rows + 1), StandardScaler()).fit(ROWS)

    with pytest.raises(errors.CannotConvert, match="func is a lambda, whose code cannot be read") as caught:
        modelport.convert(model, from_="sklearn", to="onnx", inputs=["X:float32[N,3]"])
    assert caught.value.where == "functiontransformer"
    assert "numpy.log1p" in caught.value.remedy


def test_a_keyword_that_the_counterpart_has_not_is_named() -> None:
    from sklearn.preprocessing import FunctionTransformer

    model = FunctionTransformer(np.round, kw_args={"out": None}).fit(ROWS)

    with pytest.raises(errors.CannotConvert, match="func=round with out=None"):
        modelport.convert(model, from_="sklearn", to="onnx", inputs=["X:float32[N,3]"])


# --- options that ONNX has nothing for -----------------------------------------------------------


def texts_with(**given: Any) -> Any:
    """Return a vectorizer of texts, fitted."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(**given).fit(["an apple a day", "keeps the doctor away"])


def posterior() -> Any:
    """Return an imputer that draws at random, fitted."""
    from sklearn.impute._iterative import IterativeImputer

    return IterativeImputer(sample_posterior=True, max_iter=2, random_state=0).fit(np.where(ROWS > 3, np.nan, ROWS))


def hashing() -> Any:
    """Return a vectorizer that hashes words."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer().fit(["an apple"])


def feature_hashing() -> Any:
    """Return a transformer that hashes the keys of dictionaries."""
    from sklearn.feature_extraction import FeatureHasher

    return FeatureHasher().fit([{"a": 1}])


def drawn_patches() -> Any:
    """Return a transformer that draws patches of images at random."""
    from sklearn.feature_extraction.image import PatchExtractor

    return PatchExtractor(patch_size=(2, 2), max_patches=3).fit(np.zeros((2, 8, 8)))


def label_sets() -> Any:
    """Return a transformer of sets of labels, fitted."""
    from sklearn.preprocessing import MultiLabelBinarizer

    return MultiLabelBinarizer().fit([{"a", "b"}, {"c"}])


OPTIONS = {
    "strip_accents": (
        lambda: texts_with(strip_accents="unicode"),
        ("strip_accents='unicode'", "set strip_accents=None"),
    ),
    "tokenizer": (
        lambda: texts_with(tokenizer=str.split, token_pattern=None),
        ("tokenizer is a function", "prepare the texts"),
    ),
    "borders": (lambda: texts_with(token_pattern=r"\b[a-z]+\b"), ("borders of words", "characters alone")),
    "group": (lambda: texts_with(token_pattern=r"(\w)\w+"), ("takes a group out of the match", "characters alone")),
    "sample_posterior": (posterior, ("sample_posterior=True", "fit it with sample_posterior=False")),
    "HashingVectorizer": (hashing, ("no operator that hashes texts", "TfidfVectorizer or CountVectorizer")),
    "FeatureHasher": (feature_hashing, ("no operator that hashes texts", "DictVectorizer")),
    "max_patches": (drawn_patches, ("max_patches=3 picks patches at random", "set max_patches=None")),
    "MultiLabelBinarizer": (label_sets, ("a set of labels for each row", "convert what follows it")),
}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_without_a_form_in_onnx_is_named_with_its_alternative(
    name: str, refused: Any, tmp_path: Path
) -> None:
    make, says = OPTIONS[name]

    refused(saved(make(), tmp_path), "--trust", status=3, says=says)
