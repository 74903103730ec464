"""Scalers, encoders, bins, splines and imputers with their options, on numbers with and without missing ones, and on texts."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from sklearn import impute, preprocessing
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.impute._iterative import IterativeImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn_case import IRIS, Case
from sklearn_functions import FUNCTIONS
from sklearn_numbers import FEATURES, TARGET, Data, case, cases, numbers, with_missing


def with_an_empty_column(rows: Any) -> Any:
    """Return the rows with a feature that never has a value."""
    rows = with_missing(rows)
    rows[:, 1] = np.nan
    return rows


def centred(rows: Any) -> Any:
    """Return the rows around zero."""
    return rows - np.median(rows, axis=0)


def rounded(rows: Any) -> Any:
    """Return few different values for each feature."""
    return np.round(rows)


def _repeated(rows: Any) -> Any:
    return np.maximum(np.round(rows), 2.0)


_COLOURS = np.array(["red", "green", "dark blue", "über", ""], object)
_SIZES = np.array(["s", "m", "l", "xl"], object)


def words(missing: Any = "", *, unseen: bool = True, one_d: bool = False) -> Data:
    """Return two columns of words, some of them missing, and a target; held-out rows hold words that are new."""
    generator = np.random.default_rng(2)
    colours = generator.choice(_COLOURS, 120, p=[0.4, 0.3, 0.2, 0.06, 0.04])
    sizes = generator.choice(_SIZES, 120, p=[0.5, 0.3, 0.15, 0.05])
    if missing != "":
        colours[generator.random(120) < 0.1] = missing
    rows = np.stack([colours, sizes], axis=1)
    target = (sizes == "m").astype(int) + (colours == "red")
    held_out = rows[100:].copy()
    if unseen:
        held_out[::5, 0] = "violet"
        held_out[1::5, 1] = "xxl"
    if one_d:
        return lambda estimator: (rows[:100, 0], None, {"X": _as_texts(held_out[:, :1])})
    return lambda estimator: (rows[:100], target[:100], {"X": _as_texts(held_out)})


def _as_texts(rows: Any) -> Any:
    """Return what ONNX Runtime makes of objects."""
    return np.array([str(one) for one in rows.ravel()], object).reshape(rows.shape)


_SCALERS = [
    *cases(preprocessing.StandardScaler, [{"with_mean": False}, {"with_std": False}], numbers()),
    case(preprocessing.StandardScaler, "missing", numbers(with_missing)),
    case(preprocessing.StandardScaler, "constant", numbers(lambda rows: rows * [1, 0, 1, 1] + 3)),
    *cases(preprocessing.MinMaxScaler, [{"clip": True}, {"feature_range": (-2, 5)}], numbers()),
    case(preprocessing.MinMaxScaler, "missing", numbers(with_missing), clip=True),
    *cases(preprocessing.MaxAbsScaler, [{"clip": True}], numbers(centred)),
    *cases(
        preprocessing.RobustScaler,
        [{"with_centering": False}, {"with_scaling": False}, {"quantile_range": (10, 80)}, {"unit_variance": True}],
        numbers(),
    ),
    case(preprocessing.RobustScaler, "missing", numbers(with_missing)),
    *cases(preprocessing.Normalizer, [{"norm": norm} for norm in ("l1", "l2", "max")], numbers(centred)),
    case(preprocessing.Normalizer, "zeros", numbers(lambda rows: rows * (rows[:, :1] > 5))),
    *cases(preprocessing.Binarizer, [{"threshold": 2.5}], numbers()),
]

_DISTRIBUTIONS = [
    one
    for output in ("uniform", "normal")
    for one in (
        case(preprocessing.QuantileTransformer, "", numbers(), n_quantiles=20, output_distribution=output),
        case(preprocessing.QuantileTransformer, "missing", numbers(with_missing), n_quantiles=50, output_distribution=output),
        case(preprocessing.QuantileTransformer, "repeated", numbers(_repeated), n_quantiles=100, output_distribution=output),
        case(preprocessing.QuantileTransformer, "one", numbers(), n_quantiles=1, output_distribution=output),
        case(
            preprocessing.QuantileTransformer, "subsample", numbers(), n_quantiles=30, subsample=60, random_state=0,
            output_distribution=output,
        ),
    )
] + [
    one
    for method in ("yeo-johnson", "box-cox")
    for one in (
        case(preprocessing.PowerTransformer, "", numbers(), method=method),
        case(preprocessing.PowerTransformer, "", numbers(), method=method, standardize=False),
        case(preprocessing.PowerTransformer, "missing", numbers(with_missing), method=method),
    )
] + [case(preprocessing.PowerTransformer, "negative", numbers(centred))]  # fmt: skip

_SPLINES = [
    *cases(
        preprocessing.SplineTransformer,
        [
            *({"extrapolation": way} for way in ("constant", "linear", "continue", "periodic")),
            *({"extrapolation": way, "degree": 1} for way in ("constant", "linear", "continue", "periodic")),
            {"extrapolation": "linear", "degree": 2},
            {"knots": "quantile", "n_knots": 7},
            {"degree": 0, "extrapolation": "continue"},
            {"degree": 5, "include_bias": False},
            {"order": "F"},
            {"sparse_output": True, "extrapolation": "linear"},
            {"knots": np.linspace(IRIS.min(axis=0), IRIS.max(axis=0), 4)},
        ],
        numbers(),
    ),
    case(preprocessing.SplineTransformer, "missing", numbers(with_missing), handle_missing="zeros"),
    case(
        preprocessing.SplineTransformer, "", numbers(), extrapolation="error", knots=np.linspace([-1] * 4, [9] * 4, 5)
    ),
]

_POLYNOMIALS = cases(
    preprocessing.PolynomialFeatures,
    [
        {"interaction_only": True},
        {"include_bias": False, "degree": 3},
        {"degree": (2, 4)},
        {"degree": (0, 1)},
        {"degree": 4, "interaction_only": True, "include_bias": False},
        {"order": "F"},
    ],
    numbers(),
)

_BINS = cases(
    preprocessing.KBinsDiscretizer,
    [
        {
            "encode": encode,
            "strategy": strategy,
            "n_bins": 4,
            "quantile_method": "averaged_inverted_cdf",
            "random_state": 0,
        }
        for encode in ("onehot", "onehot-dense", "ordinal")
        for strategy in ("uniform", "quantile", "kmeans")
    ]
    + [
        {"n_bins": [2, 3, 4, 9], "encode": "ordinal", "quantile_method": "linear"},
        {"dtype": np.float32, "quantile_method": "linear"},
    ],
    numbers(),
)

_ENCODED = [
    {},
    {"handle_unknown": "ignore"},
    {"handle_unknown": "infrequent_if_exist", "min_frequency": 0.15},
    {"handle_unknown": "infrequent_if_exist", "max_categories": 3},
    {"handle_unknown": "warn", "min_frequency": 10},
    {"drop": "first"},
    {"drop": "if_binary"},
    {"drop": "first", "handle_unknown": "ignore"},
    {"sparse_output": False, "dtype": np.float32},
    {"dtype": np.int64, "drop": "first", "max_categories": 3},
]
_ORDINAL = [
    {},
    {"handle_unknown": "use_encoded_value", "unknown_value": -1},
    {"handle_unknown": "use_encoded_value", "unknown_value": np.nan},
    {"handle_unknown": "use_encoded_value", "unknown_value": -2, "min_frequency": 10},
    {"max_categories": 3, "dtype": np.int64, "encoded_missing_value": -1},
]


def _encoders() -> list[Case]:
    found = []
    for kind, every in ((preprocessing.OneHotEncoder, _ENCODED), (preprocessing.OrdinalEncoder, _ORDINAL)):
        for given in every:
            admits = given.get("handle_unknown", "error") != "error"
            found.append(case(kind, "words", words(unseen=admits), **given))
            found.append(case(kind, "floats", numbers(rounded) if not admits else numbers(_partly_new), **given))
            found.append(case(kind, "None", words(None, unseen=admits), **given))
            found.append(case(kind, "nan", words(np.nan, unseen=admits), **given))
    found += [
        case(preprocessing.OneHotEncoder, "missing numbers", numbers(lambda rows: with_missing(rounded(rows)))),
        case(preprocessing.OrdinalEncoder, "missing numbers", numbers(lambda rows: with_missing(rounded(rows)))),
        case(
            preprocessing.OrdinalEncoder, "missing numbers", numbers(lambda rows: with_missing(rounded(rows))),
            encoded_missing_value=-3,
        ),
        case(preprocessing.OrdinalEncoder, "nan", words(np.nan, unseen=False), encoded_missing_value=-7),
        case(preprocessing.OneHotEncoder, "whole numbers", _whole_numbers, handle_unknown="ignore"),
        case(preprocessing.OneHotEncoder, "given", words(), handle_unknown="ignore", categories=[["ü", "red"], ["s", "l"]]),
    ]  # fmt: skip
    return found


def _partly_new(rows: Any) -> Any:
    """Few values for each feature; those of the held-out rows reach further."""
    rows = np.round(rows)
    rows[100::3] += 7
    return rows


def _whole_numbers(estimator: Any) -> tuple[Any, Any, Any]:
    rows = _partly_new(FEATURES.copy()).astype(np.int64)
    return rows[:100], None, {"X": rows[100:]}


_REGRESSED = FEATURES[:, 3] * 2.0 + FEATURES[:, 0]
_TARGETS = [
    Case(
        f"TargetEncoder[{kind},{note},smooth={smooth}]",
        functools.partial(preprocessing.TargetEncoder, smooth=smooth, random_state=0, target_type=kind),
        data,
    )
    for smooth in ("auto", 2.0)
    for kind, note, data in (
        ("binary", "floats", numbers(_partly_new, (TARGET == 1).astype(int))),
        ("multiclass", "floats", numbers(_partly_new, TARGET)),
        ("continuous", "floats", numbers(_partly_new, _REGRESSED)),
        ("multiclass", "words", words()),
        ("multiclass", "None", words(None)),
        ("binary", "text labels", numbers(_partly_new, np.array(["no", "yes"])[(TARGET == 1).astype(int)])),
    )
]


def _labels(values: Any) -> Data:
    rows = np.asarray(values)
    held_out = rows[:20].reshape(20, -1)
    return lambda estimator: (rows, None, {"X": _as_texts(held_out) if rows.dtype.kind in "OU" else held_out})


_NAMES = np.array(["setosa", "versicolor", "Virginica ü"], object)[TARGET]
_LABELS = [
    case(preprocessing.LabelEncoder, "numbers", _labels(TARGET * 3 - 1)),
    case(preprocessing.LabelEncoder, "words", _labels(_NAMES)),
    case(preprocessing.LabelBinarizer, "numbers", _labels(TARGET)),
    case(preprocessing.LabelBinarizer, "words", _labels(_NAMES), neg_label=-1, pos_label=2),
    case(preprocessing.LabelBinarizer, "binary", _labels(TARGET == 1), sparse_output=True),
    case(preprocessing.LabelBinarizer, "two words", _labels(_NAMES[TARGET > 0])),
    case(
        preprocessing.LabelBinarizer,
        "indicator",
        _labels(np.eye(3, dtype=int)[TARGET] | np.eye(3, dtype=int)[TARGET[::-1]]),
    ),
]

_SIMPLE = [
    *(
        case(impute.SimpleImputer, "", numbers(with_missing), strategy=strategy, add_indicator=marked)
        for strategy in ("mean", "median", "most_frequent", "constant")
        for marked in (False, True)
    ),
    case(impute.SimpleImputer, "", numbers(with_missing), strategy="constant", fill_value=-7.5),
    case(
        impute.SimpleImputer,
        "",
        numbers(lambda rows: with_missing(rows, -1.0)),
        missing_values=-1.0,
        add_indicator=True,
    ),
    case(impute.SimpleImputer, "", numbers(lambda rows: with_missing(rows, 0).astype(int)), missing_values=0),
    case(impute.SimpleImputer, "empty column", numbers(with_an_empty_column)),
    case(
        impute.SimpleImputer,
        "empty column",
        numbers(with_an_empty_column),
        keep_empty_features=True,
        add_indicator=True,
    ),
    case(impute.SimpleImputer, "words", words(np.nan, unseen=False), strategy="most_frequent"),
    case(impute.SimpleImputer, "words", words(None, unseen=False), strategy="most_frequent", missing_values=None),
    case(
        impute.SimpleImputer,
        "words",
        words("?", unseen=False),
        strategy="constant",
        missing_values="?",
        fill_value="none",
    ),
    case(impute.MissingIndicator, "", numbers(with_missing), features="all"),
    case(impute.MissingIndicator, "", numbers(lambda rows: with_missing(rows, -1.0)), missing_values=-1.0),
]

_ITERATIVE = [
    *(
        case(IterativeImputer, "", numbers(with_missing), random_state=0, max_iter=3, **given)
        for given in (
            {"initial_strategy": "median"},
            {"initial_strategy": "most_frequent", "imputation_order": "roman"},
            {"initial_strategy": "constant", "fill_value": 1.0, "imputation_order": "arabic"},
            {"imputation_order": "random", "n_nearest_features": 2},
            {"min_value": 1.0, "max_value": 5.0},
            {"add_indicator": True, "skip_complete": True},
            {"estimator": LinearRegression()},
            {"estimator": Ridge(alpha=0.5), "imputation_order": "descending"},
            {"estimator": make_pipeline(preprocessing.StandardScaler(), Ridge())},
            {"estimator": ExtraTreesRegressor(5, random_state=0, max_depth=4)},
        )
    ),
    case(IterativeImputer, "", numbers(lambda rows: with_missing(rows, -1.0)), random_state=0, missing_values=-1.0),
    case(IterativeImputer, "empty column", numbers(with_an_empty_column), random_state=0, max_iter=2),
    case(
        IterativeImputer, "empty column", numbers(with_an_empty_column), random_state=0, max_iter=2, keep_empty_features=True
    ),
]  # fmt: skip

VARIANTS: list[Case] = [
    *_SCALERS,
    *_DISTRIBUTIONS,
    *_SPLINES,
    *_POLYNOMIALS,
    *_BINS,
    *_encoders(),
    *_TARGETS,
    *_LABELS,
    *_SIMPLE,
    *_ITERATIVE,
    *FUNCTIONS,
]
