"""Texts, tables of mixed columns, and the pipelines over them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from sklearn import compose, datasets, feature_extraction, impute, pipeline, preprocessing
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn_case import IRIS, Case

POLARS = find_spec("polars") is not None
"""Whether Polars is installed; its cases are left out where it is not."""

# --- texts -------------------------------------------------------------------------------------------------------------

_FOREIGN = """Größe und Länge der Blätter wurden gemessen. L'été, les fleurs de l'iris s'épanouissent.
Ирис щетинистый растёт на севере. 花は桜木、人は武士。 Μία ίριδα ανθίζει την άνοιξη. ﬁne ² ½ naïve_café x2 42
It's a semi-automatic e-mail:   two  blanks\tand a tab; UPPER lower MiXeD, 3.14 & 2_000!""".splitlines()


def _sentences() -> list[str]:
    """Return some two hundred sentences: the descriptions of data sets that come with scikit-learn, and other languages."""
    described = [datasets.load_wine().DESCR, datasets.load_breast_cancer().DESCR, datasets.load_diabetes().DESCR]
    sentences = [
        re.sub("[^\\S\n]+", " ", one.strip()) for text in described for one in text.split("\n\n") if one.strip()
    ]
    return [*sentences[:57], *_FOREIGN]


_TEXTS = np.array(_sentences(), object)
_ORDER = np.random.default_rng(0).permutation(len(_TEXTS))
_ABOUT = np.array(["cancer" in text or "ü" in text for text in _TEXTS[_ORDER]]).astype(int)


def texts(estimator: Any) -> tuple[Any, Any, Any]:
    """Return texts to learn from, a target, and held-out texts with an empty one among them."""
    held_out = [*_TEXTS[_ORDER[45:]], "", " ", "unseen words only", "THE the The"]
    return _TEXTS[_ORDER[:45]], _ABOUT[:45], {"X": np.array(held_out, object)[:, None]}


def _text_case(kind: Any, **given: Any) -> Case:
    shown = ",".join(f"{key}={str(value)[:30]}" for key, value in given.items())
    return Case(f"{kind.__name__}[{shown}]", functools.partial(kind, **given), texts)


_VECTORIZERS = [
    _text_case(kind, **given)
    for kind in (CountVectorizer, TfidfVectorizer)
    for given in (
        {},
        {"lowercase": False},
        {"ngram_range": (1, 2)},
        {"ngram_range": (2, 3), "min_df": 2},
        {"stop_words": "english"},
        {"stop_words": "english", "ngram_range": (1, 3)},
        {"stop_words": ["the", "of", "and"], "ngram_range": (2, 2)},
        {"max_df": 0.3, "min_df": 2},
        {"max_features": 20},
        {"binary": True},
        {"token_pattern": r"(?u)\b\w+\b"},
        {"token_pattern": r"[a-z]+"},
        {"token_pattern": r"\b\w{3,}\b"},
        {"token_pattern": r"[\w']+|[^\w\s]"},
        {"token_pattern": r"\S+", "lowercase": False},
        {"vocabulary": ["wine", "cancer", "blätter", "not there", "the"]},
        {"analyzer": "char", "ngram_range": (1, 3)},
        {"analyzer": "char", "ngram_range": (2, 2), "lowercase": False},
        {"analyzer": "char_wb", "ngram_range": (2, 4)},
        {"analyzer": "char_wb", "ngram_range": (4, 5), "max_features": 200},
        {"analyzer": "char_wb", "ngram_range": (1, 1)},
    )
] + [
    _text_case(TfidfVectorizer, **given)
    for given in (
        {"sublinear_tf": True},
        {"norm": "l1"},
        {"norm": None, "ngram_range": (1, 2)},
        {"use_idf": False},
        {"smooth_idf": False, "sublinear_tf": True, "binary": True},
    )
]


def _rounded(estimator: Any) -> tuple[Any, Any, Any]:
    rows = np.maximum(np.round(IRIS[np.random.default_rng(0).permutation(150)]) - 1, 0)
    return rows[:100], None, rows[100:]


_WEIGHTS = [
    Case(f"TfidfTransformer[{given}]", functools.partial(TfidfTransformer, **given), _rounded)
    for given in ({"sublinear_tf": True}, {"norm": "l1"}, {"norm": None}, {"use_idf": False}, {"smooth_idf": False})
]

# --- tables ------------------------------------------------------------------------------------------------------------

_GENERATOR = np.random.default_rng(4)
ROWS = 160
WORDS = np.array(["good", "bad", "fine wine", "awful", "naïve café", "the"])


def table() -> pd.DataFrame:
    """Return columns of every kind: floats of both widths, whole numbers, conditions, texts, categories, missing values."""
    generator = np.random.default_rng(5)
    city = generator.choice(np.array(["Paris", "Rome", "Oslo"], object), ROWS)
    return pd.DataFrame(
        {
            "length (cm)": generator.normal(5, 1, ROWS).astype(np.float32),
            "weight": np.where(generator.random(ROWS) < 0.1, np.nan, generator.normal(70, 9, ROWS)),
            "age": generator.integers(1, 90, ROWS),
            "member": generator.random(ROWS) < 0.4,
            "city": np.where(generator.random(ROWS) < 0.1, np.nan, city),
            "size": pd.Categorical(generator.choice(["s", "m", "l"], ROWS), categories=["s", "m", "l"], ordered=True),
            "text": [" ".join(generator.choice(WORDS, 5)) + " Isn't it?" for _ in range(ROWS)],
            "unused": "constant",
        }
    )


TABLE = table()
TARGET = (TABLE["text"].str.contains("good") ^ (TABLE["age"] > 45)).astype(int).to_numpy()
NUMBERS = ["length (cm)", "weight", "age"]

Columns = compose.ColumnTransformer


def on_table(make: Callable[[], Any], *, polars: bool = False, only: list[str] | None = None) -> Case | Any:
    """Return what a Case takes as data: the table, or some of its columns, as pandas' or as Polars' DataFrame."""

    def data(estimator: Any) -> tuple[Any, Any, Any]:
        frame = TABLE if only is None else TABLE[only]
        if polars:
            import polars as pl

            frame = pl.DataFrame({name: _plain(frame[name]) for name in frame.columns})
        return frame[:100], TARGET[:100], frame[100:]

    return data


def _plain(column: Any) -> list[Any]:
    return [None if value != value else value for value in column.tolist()]


def numbers_and_words(**given: Any) -> Any:
    """Return the usual preparation of a table."""
    return Columns(
        [
            ("numbers", pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), NUMBERS),
            ("city", preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "size"]),
            ("member", "passthrough", ["member"]),
        ],
        **given,
    )


def _with_text() -> Any:
    return Columns(
        [
            ("text", TfidfVectorizer(ngram_range=(1, 2)), "text"),
            ("ordinal", preprocessing.OrdinalEncoder(encoded_missing_value=-1), ["city", "size"]),
            ("age", preprocessing.KBinsDiscretizer(4, quantile_method="linear"), ["age"]),
            ("weight", impute.SimpleImputer(strategy="median", add_indicator=True), ["weight"]),
        ]
    )


def _imputed_words() -> Any:
    words = pipeline.make_pipeline(
        impute.SimpleImputer(strategy="most_frequent"), preprocessing.OneHotEncoder(handle_unknown="ignore")
    )
    return Columns([("words", words, ["city", "size"]), ("rest", preprocessing.StandardScaler(), ["age"])])


def _side_by_side() -> Any:
    """Texts and numbers pass through side by side, and are encoded in a second step."""
    first = Columns([("age", preprocessing.StandardScaler(), ["age"])], remainder="passthrough")
    second = Columns([("words", preprocessing.OneHotEncoder(), [2])], remainder="passthrough")
    return pipeline.make_pipeline(first, second, LogisticRegression())


def _nested() -> Any:
    inner = Columns([("scale", preprocessing.StandardScaler(), ["age"]), ("pass", "passthrough", ["length (cm)"])])
    return Columns(
        [
            ("inner", inner, ["length (cm)", "age"]),
            ("both", pipeline.make_union(preprocessing.MinMaxScaler(), preprocessing.Binarizer(threshold=40)), ["age"]),
            ("member", "passthrough", ["member"]),
        ],
        transformer_weights={"both": 2.0},
    )


def _voting() -> Any:
    return VotingClassifier(
        [
            ("a", pipeline.make_pipeline(numbers_and_words(), LogisticRegression())),
            ("b", pipeline.make_pipeline(_with_text(), RandomForestClassifier(5, max_depth=4, random_state=0))),
        ],
        voting="soft",
    )


def _union() -> Any:
    return pipeline.make_pipeline(
        pipeline.make_union(numbers_and_words(), _with_text()), LogisticRegression(max_iter=200)
    )


def _in_pandas() -> Any:
    prepared = numbers_and_words(verbose_feature_names_out=False).set_output(transform="pandas")
    again = Columns([("scaled", preprocessing.RobustScaler(), ["age", "weight"])], remainder="passthrough")
    return pipeline.make_pipeline(prepared, again, LogisticRegression())


def _searched() -> Any:
    steps = pipeline.make_pipeline(numbers_and_words(), LogisticRegression())
    return GridSearchCV(steps, {"logisticregression__C": [0.1, 1.0]}, cv=2)


_MAKERS: dict[str, Callable[[], Any]] = {
    "numbers and words": numbers_and_words,
    "numbers and words, linear": lambda: pipeline.make_pipeline(numbers_and_words(), LogisticRegression()),
    "numbers and words, ridge": lambda: pipeline.make_pipeline(numbers_and_words(), Ridge()),
    "numbers and words, forest": lambda: pipeline.make_pipeline(
        numbers_and_words(), RandomForestClassifier(10, max_depth=5, random_state=0)
    ),
    "text": _with_text,
    "text, linear": lambda: pipeline.make_pipeline(_with_text(), LogisticRegression()),
    "imputed words": lambda: pipeline.make_pipeline(_imputed_words(), LogisticRegression()),
    "nested": _nested,
    "voting": _voting,
    "union": _union,
    "search": _searched,
    "target encoder": lambda: Columns([("t", preprocessing.TargetEncoder(random_state=0), ["city", "size", "age"])]),
    "marked": lambda: Columns(
        [("m", impute.MissingIndicator(features="all"), ["weight"]), ("a", "passthrough", ["age"])]
    ),
}
_IN_POLARS = {
    "numbers and words, linear": _MAKERS["numbers and words, linear"],
    "text": _with_text,
}


_ROUNDS = {"max_iter": 8, "min_samples_leaf": 3, "max_leaf_nodes": 6, "random_state": 0}
_SMALL = ["weight", "age", "member", "size"]
_NAMED = {**_ROUNDS, "categorical_features": ["city", "size", "age"]}


def _boosted_in_a_vote() -> Any:
    """Return a vote of boosting that encodes texts itself."""
    deep, flat = HistGradientBoostingClassifier(**_ROUNDS), HistGradientBoostingClassifier(**_ROUNDS, max_depth=2)
    return VotingClassifier([("deep", deep), ("flat", flat)], voting="soft")


def _boosted_behind_words() -> Any:
    """Return boosting behind a table of codes, numbers and conditions, which reaches it as objects."""
    coded = Columns([("words", preprocessing.OrdinalEncoder(), ["size"])], remainder="passthrough")
    return pipeline.make_pipeline(coded, HistGradientBoostingClassifier(**_ROUNDS, categorical_features=[0, 1]))


def _boosted_search() -> Any:
    """Return a search over boosting that encodes texts itself."""
    return GridSearchCV(HistGradientBoostingClassifier(**_ROUNDS), {"max_depth": [2, 3]}, cv=2)


_BOOSTED: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "by dtype": (lambda: HistGradientBoostingClassifier(**_ROUNDS), _SMALL),
    "texts alone": (lambda: HistGradientBoostingRegressor(**_ROUNDS), ["size"]),
    "by name": (lambda: HistGradientBoostingRegressor(**_NAMED), ["weight", "city", "age", "size"]),
    "in a pipeline": (lambda: pipeline.make_pipeline(HistGradientBoostingRegressor(**_ROUNDS)), _SMALL),
    "in a search": (_boosted_search, _SMALL),
    "in a vote": (_boosted_in_a_vote, _SMALL),
    "behind words": (_boosted_behind_words, ["age", "member", "size"]),
    "behind words, in a vote": (
        lambda: VotingClassifier([("a", _boosted_behind_words()), ("b", _boosted_behind_words())]),
        ["age", "member", "size"],
    ),
}
"""Boosting on histograms of tables with texts, and the columns of the table."""


def _remainder() -> Any:
    return pipeline.make_pipeline(
        Columns([("age", preprocessing.StandardScaler(), ["age"])], remainder="passthrough"), Ridge(), memory=None
    )


_TABLES = [
    *(Case(f"table[boosting {name}]", make, on_table(make, only=only)) for name, (make, only) in _BOOSTED.items()),
    *(Case(f"table[{name}]", make, on_table(make)) for name, make in _MAKERS.items()),
    Case("table[remainder]", _remainder, on_table(_remainder, only=["length (cm)", "age", "member"])),
    Case(
        "table[encoder alone]",
        lambda: preprocessing.OneHotEncoder(handle_unknown="ignore"),
        on_table(_nested, only=["age", "member", "city", "size"]),
    ),
    Case(
        "table[ordinal alone]",
        lambda: preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        on_table(_nested, only=["age", "member", "size"]),
    ),
    Case(
        "table[numbers]",
        lambda: pipeline.make_pipeline(impute.SimpleImputer(), PCA(2)),
        on_table(_nested, only=NUMBERS),
    ),
    *(Case(f"polars[{name}]", make, on_table(make, polars=True)) for name, make in _IN_POLARS.items() if POLARS),
]


def _without_gaps() -> tuple[Any, Any, Any]:
    frame = TABLE.fillna({"weight": 70.0})
    return frame[:100], TARGET[:100], frame[100:]


# --- dictionaries ------------------------------------------------------------------------------------------------------


def _dictionaries(estimator: Any) -> tuple[Any, Any, Any]:
    generator = np.random.default_rng(6)
    rows = [
        {"age": float(age), "city": str(city), "height": float(height)}
        for age, city, height in zip(
            generator.integers(1, 90, 60),
            generator.choice(["Paris", "Rome"], 60),
            generator.normal(0, 1, 60),
            strict=True,
        )
    ]
    columns = {key: np.array([row[key] for row in rows[40:]])[:, None] for key in ("age", "height")}
    city = np.array(["Oslo" if place == 0 else row["city"] for place, row in enumerate(rows[40:])], object)[:, None]
    return rows[:40], None, {**columns, "city": city}


_DICTIONARIES = [
    Case(f"DictVectorizer[{given}]", functools.partial(feature_extraction.DictVectorizer, **given), _dictionaries)
    for given in ({}, {"sparse": False}, {"sort": False}, {"separator": "::"})
]

SINGLE = [
    Case("table[set_output]", _in_pandas, lambda estimator: _without_gaps()),
    Case("table[side by side]", _side_by_side, on_table(_side_by_side, only=["age", "member", "size"])),
    *[
        Case(
            "polars[set_output]",
            lambda: pipeline.make_pipeline(numbers_and_words().set_output(transform="polars"), Ridge()),
            on_table(_nested, polars=True),
        )
    ][: int(POLARS)],
]
"""Tables that cast floats to float32 on their way, or whose texts nothing tells but the samples."""

# --- images ------------------------------------------------------------------------------------------------------------


def _images(estimator: Any) -> tuple[Any, Any, Any]:
    images = datasets.load_digits().images.astype(np.float32)
    larger = np.tile(images[:6], (1, 3, 4))
    return larger, None, {"X": larger[2:]}


_PATCHES = [
    Case(
        f"PatchExtractor[{size}]", functools.partial(feature_extraction.image.PatchExtractor, patch_size=size), _images
    )
    for size in ((3, 4), (8, 8), None)
]

VARIANTS: list[Case] = [*_PATCHES, *_VECTORIZERS, *_WEIGHTS, *_TABLES, *_DICTIONARIES]
