"""Right but delicate transformers of scikit-learn: edges, unknown categories, degenerate columns, empty text."""

from __future__ import annotations

import numpy as np
from delicate_case import Delicate
from delicate_sklearn import GRID, IRIS, OWN, SPECIES, case
from sklearn import (
    decomposition,
    feature_extraction,
    feature_selection,
    impute,
    kernel_approximation,
    linear_model,
    preprocessing,
)

EDGES = "an edge belongs to the upper bin, and is compared in float64"
STEPS = [
    case(
        "bins met at their edges",
        "thresholds",
        EDGES,
        lambda: preprocessing.KBinsDiscretizer(4, encode="ordinal", strategy="uniform"),
        GRID,
        None,
    ),
    case(
        "bins as columns",
        "thresholds",
        EDGES,
        lambda: preprocessing.KBinsDiscretizer(
            3, encode="onehot-dense", strategy="quantile", quantile_method="averaged_inverted_cdf"
        ),
        IRIS,
        None,
    ),
    case(
        "unknown categories ignored",
        "refusals",
        "an unknown category is a row of zeros",
        lambda: preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        GRID,
        None,
    ),
    case(
        "unknown categories refused",
        "refusals",
        "what the source refuses is no input of the model",
        lambda: preprocessing.OrdinalEncoder(),
        GRID,
        None,
    ),
    case(
        "categories of text",
        "kinds",
        "unknown words have the number -1",
        lambda: preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        np.asarray([["red", "straße"], ["grün", ""], ["Öl", "a b"]], object),
        None,
    ),
    case(
        "scaling of a constant column",
        "degenerate",
        "a column without deviation is divided by 1",
        preprocessing.StandardScaler,
        np.hstack([IRIS, np.full((150, 1), 1e4)]),
        None,
    ),
    case(
        "scaling to a range that is empty",
        "degenerate",
        "a column without range is multiplied by 1",
        lambda: preprocessing.MinMaxScaler(clip=True),
        np.hstack([IRIS, np.ones((150, 1))]),
        None,
    ),
    case(
        "rows of zeros normalised", "degenerate", "a row of zeros is divided by 1", preprocessing.Normalizer, IRIS, None
    ),
    case(
        "a power transformer",
        "magnitudes",
        "Yeo-Johnson's powers of large and negative numbers",
        preprocessing.PowerTransformer,
        IRIS,
        None,
    ),
    case(
        "a box-cox transformer of positive numbers",
        "refusals",
        "what the source refuses is no input of the model",
        lambda: preprocessing.PowerTransformer("box-cox"),
        IRIS,
        None,
    ),
    case(
        "quantiles at their ends",
        "thresholds",
        "beyond the ends the quantile is 0 or 1",
        lambda: preprocessing.QuantileTransformer(n_quantiles=20),
        GRID,
        None,
    ),
    case(
        "normal quantiles at their ends",
        "thresholds",
        "ends are clipped before the inverse of the normal distribution",
        lambda: preprocessing.QuantileTransformer(n_quantiles=20, output_distribution="normal"),
        IRIS,
        None,
    ),
    case(
        "splines beyond their knots",
        "thresholds",
        "the constant extrapolation of the end's values",
        lambda: preprocessing.SplineTransformer(4, extrapolation="constant"),
        IRIS,
        None,
    ),
    case(
        "polynomials of the fourth degree",
        "magnitudes",
        "products in the same order",
        lambda: preprocessing.PolynomialFeatures(4),
        IRIS,
        None,
    ),
    case(
        "missing values imputed",
        "specials",
        "NaN is what is missing",
        lambda: impute.SimpleImputer(strategy="median", add_indicator=True),
        np.where(IRIS > 6, np.nan, IRIS),
        None,
    ),
    case(
        "missing values imputed from neighbors",
        "ties",
        "distances over what both rows have",
        lambda: impute.KNNImputer(n_neighbors=2),
        np.where(GRID > 6, np.nan, GRID)[:40],
        None,
    ),
    case(
        "a binarizer at its threshold",
        "thresholds",
        "what is equal to the threshold is 0",
        lambda: preprocessing.Binarizer(threshold=1.5),
        GRID,
        None,
    ),
    case(
        "principal components whitened",
        "degenerate",
        "the last component is divided by its small deviation",
        lambda: decomposition.PCA(4, whiten=True),
        IRIS + 1e3,
        None,
        "float64",
    ),
    case(
        "principal components of large offsets",
        "magnitudes",
        "the mean is taken off before the product",
        lambda: decomposition.PCA(2),
        IRIS + 1e4,
        None,
    ),
    case(
        "factors that are not negative",
        "degenerate",
        "the same updates for as many rounds",
        lambda: decomposition.NMF(2, init="nndsvda", max_iter=20, random_state=0),
        IRIS,
        None,
    ),
    case(
        "a chi-squared kernel of features",
        "specials",
        "logarithms and roots of what the source admits",
        lambda: kernel_approximation.AdditiveChi2Sampler(),
        IRIS,
        None,
    ),
    case(
        "a kernel's components",
        "degenerate",
        "division by roots of small eigenvalues",
        lambda: decomposition.KernelPCA(2, kernel="rbf", gamma=0.1),
        IRIS[:40],
        None,
    ),
    case("selected columns", "shapes", "columns are copied", lambda: feature_selection.SelectKBest(k=2), IRIS),
]

WORDS = ["the cat sat", "grün ist der Baum", "", "cat cat cat", "don't stop", "Straße 12"]
TEXT = [
    Delicate(name, "kinds", lambda make=make: make().fit(WORDS), OWN + "empty text has no words", "sklearn")
    for name, make in {
        "counts of words": lambda: feature_extraction.text.CountVectorizer(ngram_range=(1, 2)),
        "weighted words": lambda: feature_extraction.text.TfidfVectorizer(sublinear_tf=True),
    }.items()
]
MAPS = Delicate(
    "maps from label to probability",
    "kinds",
    lambda: linear_model.LogisticRegression(max_iter=50).fit(IRIS, np.asarray(["cat", "dog", "Öl"])[SPECIES]),
    OWN + "a map for each row",
    "sklearn",
    options={"zipmap": True},
)

CASES = [*STEPS, *TEXT, MAPS]
