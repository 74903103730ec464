"""Right but delicate estimators of scikit-learn: ties, edges, degenerate columns, numbers far from the data.

Every source is the fitted estimator itself, and every graph the plugin's export of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from delicate_case import Delicate
from sklearn import (
    cluster,
    covariance,
    discriminant_analysis,
    ensemble,
    gaussian_process,
    isotonic,
    linear_model,
    mixture,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.datasets import load_iris

IRIS, SPECIES = load_iris(return_X_y=True)
GRID = np.round(IRIS)
"""The iris in whole centimetres: many rows coincide."""
WIDTH = IRIS[:, 3] * 2 + IRIS[:, 0]
OWN = "the plugin's export of the estimator; "


def case(
    name: str,
    kind: str,
    why: str,
    estimator: Callable[[], Any],
    rows: Any = IRIS,
    target: Any = SPECIES,
    dtype: str = "",
) -> Delicate:
    """An estimator fitted on rows; of float64 rows where a dtype says so."""

    def make() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # collinear variables and few iterations are the point
            return estimator().fit(rows, target)

    inputs = (f"X:{dtype}[N,{np.shape(rows)[1]}]",) if dtype else ()
    return Delicate(name, kind, make, OWN + why, "sklearn", inputs=inputs)


TIED = "equal distances or votes are decided by order, and scikit-learn's order is written into the graph"
NEIGHBOURS = [
    case("neighbors among duplicates", "ties", TIED, lambda: neighbors.KNeighborsClassifier(5), GRID),
    case(
        "neighbors weighted by distances that may be zero",
        "ties",
        "a row at distance 0 takes the whole vote",
        lambda: neighbors.KNeighborsRegressor(4, weights="distance"),
        IRIS,
        WIDTH,
    ),
    case(
        "a radius met exactly",
        "ties",
        "whole centimetres have distances that are exact in float32 and float64",
        lambda: neighbors.RadiusNeighborsClassifier(2.0, outlier_label=0),
        GRID,
    ),
    case(
        "nearest centroids of twin classes", "ties", TIED, lambda: neighbors.NearestCentroid(), GRID, np.arange(150) % 3
    ),
    case(
        "kmeans between its centres",
        "ties",
        TIED,
        lambda: cluster.KMeans(2, init=np.asarray([[-1.0, 0], [1, 0]]), n_init=1),
        np.asarray([[-1.0, 1], [-1, -1], [1, 1], [1, -1]]),
        None,
    ),
    case(
        "minibatch kmeans in float64",
        "ties",
        TIED,
        lambda: cluster.MiniBatchKMeans(3, random_state=0, n_init=1),
        GRID,
        None,
        "float64",
    ),
    case(
        "a local outlier factor of duplicates",
        "ties",
        "ratios of densities that are infinite up to 1e-10",
        lambda: neighbors.LocalOutlierFactor(5, novelty=True),
        GRID,
        None,
    ),
]

VOTES = "probabilities are means of the same leaves; of equal ones the first label wins"
TREES = [
    case(
        "a forest with equal votes",
        "ties",
        VOTES,
        lambda: ensemble.RandomForestClassifier(2, max_depth=2, random_state=0),
        GRID,
    ),
    case(
        "a forest over one binary column",
        "ties",
        VOTES,
        lambda: ensemble.ExtraTreesClassifier(4, random_state=0),
        np.tile([[0.0], [1.0]], (20, 1)),
        np.arange(40) // 2 % 2,
    ),
    case(
        "a vote of two who disagree",
        "ties",
        VOTES,
        lambda: ensemble.VotingClassifier(
            [("a", tree.DecisionTreeClassifier(max_depth=1)), ("b", naive_bayes.GaussianNB())]
        ),
        GRID,
    ),
    case(
        "a boosted regression near 1e6",
        "magnitudes",
        "sums of small leaves on a large start",
        lambda: ensemble.GradientBoostingRegressor(n_estimators=10),
        IRIS,
        WIDTH + 1e6,
    ),
    case(
        "histogram boosting with missing values",
        "specials",
        "missing values take the learnt side",
        lambda: ensemble.HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5),
        np.where(IRIS > 6, np.nan, IRIS),
    ),
    case(
        "an isolation forest",
        "thresholds",
        "anomalies are scores below an offset",
        lambda: ensemble.IsolationForest(n_estimators=10, random_state=0),
        IRIS,
        None,
    ),
    case(
        "adaboost of stumps", "ties", VOTES, lambda: ensemble.AdaBoostClassifier(n_estimators=4, random_state=0), GRID
    ),
    case(
        "a tree over float64 thresholds that float32 does not hold",
        "thresholds",
        "rows are rounded to float32 as scikit-learn does",
        lambda: tree.DecisionTreeRegressor(),
        IRIS + 1e-9,
        WIDTH,
        "float64",
    ),
]

FAR = "logarithms and exponentials are taken of shifted numbers, as scikit-learn does"
MODELS = [
    case(
        "logistic regression far from its data", "magnitudes", FAR, lambda: linear_model.LogisticRegression(max_iter=50)
    ),
    case(
        "a binary logistic regression",
        "thresholds",
        FAR,
        lambda: linear_model.LogisticRegression(max_iter=50),
        IRIS,
        SPECIES == 1,
    ),
    case("gaussian naive bayes far from its data", "magnitudes", FAR, naive_bayes.GaussianNB),
    case(
        "complement and multinomial counts that are zero",
        "magnitudes",
        FAR,
        lambda: naive_bayes.MultinomialNB(alpha=1e-10),
        GRID * (GRID > 2),
    ),
    case(
        "linear discriminants of collinear columns",
        "degenerate",
        "the singular direction was dropped at fitting",
        discriminant_analysis.LinearDiscriminantAnalysis,
        np.hstack([IRIS, IRIS[:, :1] * 2]),
    ),
    case(
        "quadratic discriminants of near collinear columns",
        "degenerate",
        "the same rotations and scalings",
        lambda: discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=1e-3),
        np.hstack([IRIS, IRIS[:, :1] * 2]),
    ),
    case(
        "a support vector machine with near ties",
        "ties",
        "votes between pairs of classes; of equal ones libsvm's order decides",
        lambda: svm.SVC(C=100.0),
        GRID,
    ),
    case(
        "a polynomial support vector regression",
        "magnitudes",
        "cubes of large rows are large on both sides",
        lambda: svm.SVR(kernel="poly"),
        IRIS,
        WIDTH,
    ),
    case(
        "a one-class support vector machine",
        "thresholds",
        "an inlier has a decision of at least 0",
        lambda: svm.OneClassSVM(nu=0.2),
        GRID,
        None,
    ),
    case(
        "a gaussian process with its deviation",
        "degenerate",
        "the variance at a training point is 0 up to rounding, clipped on both sides",
        lambda: gaussian_process.GaussianProcessRegressor(alpha=1e-3, random_state=0),
        IRIS[:40],
        WIDTH[:40],
    ),
    case(
        "isotonic regression clipped at its ends",
        "thresholds",
        "interpolation between knots, constant outside",
        lambda: isotonic.IsotonicRegression(out_of_bounds="clip"),
        IRIS[:, :1],
        WIDTH,
    ),
    case(
        "a regression of columns around 1e6 in float64",
        "magnitudes",
        "float64 leaves seven digits after the offset is gone",
        lambda: pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge()),
        IRIS + 1e6,
        WIDTH,
        "float64",
    ),
    case(
        "scaled columns around 1e6 in float32",
        "magnitudes",
        "the rows are what is rounded; the computation is float64's as scikit-learn's",
        lambda: pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
        IRIS + 1e6,
    ),
    case(
        "a perceptron of many layers",
        "magnitudes",
        "saturated units are saturated on both sides",
        lambda: neural_network.MLPClassifier((8, 8, 8), activation="logistic", max_iter=20, random_state=0),
    ),
    case(
        "poisson regression that overflows",
        "magnitudes",
        "exp of a large row is infinite on both sides",
        lambda: linear_model.PoissonRegressor(),
        IRIS,
        WIDTH,
    ),
    case(
        "a gaussian mixture far from its data",
        "magnitudes",
        FAR,
        lambda: mixture.GaussianMixture(3, random_state=0),
        IRIS,
        None,
    ),
    case(
        "an elliptic envelope",
        "thresholds",
        "a Mahalanobis distance beside an offset",
        lambda: covariance.EllipticEnvelope(random_state=0),
        IRIS,
        None,
    ),
]

CASES = [*NEIGHBOURS, *TREES, *MODELS]
