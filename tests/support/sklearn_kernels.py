"""Distances, kernels and what is built on them, with every metric, kernel and option that changes an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import (
    decomposition,
    gaussian_process,
    impute,
    kernel_approximation,
    kernel_ridge,
    manifold,
    neighbors,
    preprocessing,
    semi_supervised,
    svm,
)
from sklearn.gaussian_process import kernels as cov
from sklearn.linear_model import SGDOneClassSVM
from sklearn_case import IRIS, SPECIES, Case, digits

Data = Callable[[Any], tuple[Any, Any, Any]]

_RANDOM = np.random.default_rng(0)
_ORDER = _RANDOM.permutation(len(IRIS))
_NAMES = np.array(["setosa", "versicolor", "virginica"])
_LABELS = SPECIES[_ORDER]
_NUMBER = IRIS[_ORDER, 3] * 2.0 + IRIS[_ORDER, 0] + 1.0
_SCATTERED = IRIS[_ORDER] + 0.01 * _RANDOM.standard_normal(IRIS.shape)
"""The iris with no two rows the same: where NumPy's argpartition chooses, ties have no defined outcome."""

CLASSES, TEXTS, BINARY = _LABELS, _NAMES[_LABELS], (_LABELS == 1).astype(int)
SEVERAL = np.column_stack([_LABELS, _LABELS[::-1] > 0])
NUMBERS = np.column_stack([_NUMBER, -(_NUMBER**2)])


def iris(target: Any = CLASSES, rows: Any = IRIS[_ORDER]) -> Data:
    """Return the iris with a target, the last third held out."""
    return lambda estimator: (rows[:100], None if target is None else target[:100], rows[100:])


def scattered(target: Any = CLASSES, change: Callable[[Any], Any] = lambda rows: rows) -> Data:
    """Return the iris, each row a little aside, and changed."""
    return iris(target, change(_SCATTERED))


def _few(rows: Any) -> Any:
    return np.round(rows * 2.0)


def _conditions(rows: Any) -> Any:
    return (np.hstack([rows, rows**2, rows[:, ::-1] * rows]) > np.arange(1, 13)).astype(float)


def _angles(rows: Any) -> Any:
    return rows[:, :2] / 8.0


def _shares(rows: Any) -> Any:
    return rows / rows.sum(axis=1, keepdims=True)


def _with_zeros(rows: Any) -> Any:
    return np.where(rows < 1.0, 0.0, rows)


def _wide(rows: Any) -> Any:
    return np.hstack([rows * scale + np.sin(rows * scale) for scale in (0.2, 0.4, 0.6, 0.8, 1.0)])


def _gappy(missing: float) -> Callable[[Any], Any]:
    def change(rows: Any) -> Any:
        return np.where(np.random.default_rng(1).random(rows.shape) < 0.1, missing, rows)

    return change


def _empty_column(rows: Any) -> Any:
    rows = _gappy(np.nan)(rows)
    rows[:, 2] = np.nan
    return rows


def _between(kernel: Callable[[Any, Any], Any], target: Any = CLASSES) -> Data:
    """Return a matrix made from rows: those fitted against themselves, those held out against the fitted ones."""
    fitted, held_out = _SCATTERED[:100], _SCATTERED[100:]
    return lambda estimator: (kernel(fitted, fitted), target[:100], kernel(held_out, fitted))


def _distances(x: Any, y: Any) -> Any:
    return np.sqrt(((x[:, None] - y[None]) ** 2).sum(axis=2))


def _products(x: Any, y: Any) -> Any:
    return x @ y.T


def named(kind: Callable[..., Any], data: Data | None = None, /, **options: Any) -> Case:
    """Return the case of an estimator with these options; the name shows them."""
    shown = ",".join(f"{key}={_shown(value)}" for key, value in options.items())
    name = f"{kind.__name__}[{shown}]"
    return Case(name, lambda: kind(**options)) if data is None else Case(name, lambda: kind(**options), data)


def _shown(value: Any) -> str:
    return "+".join(value) if isinstance(value, dict) else str(value).replace("\n", "")


def also(case: Case, what: str) -> Case:
    """Return the case with a word more in its name, for data that its options do not tell."""
    return Case(f"{case.name} {what}", case.make, case.data)


_INVERSE = np.linalg.inv(np.cov(_SCATTERED.T))
_METRICS: list[tuple[str, dict[str, Any], Callable[[Any], Any]]] = [
    ("manhattan", {}, lambda rows: rows),
    ("chebyshev", {}, lambda rows: rows),
    ("seuclidean", {"V": _SCATTERED.var(axis=0)}, lambda rows: rows),
    ("mahalanobis", {"VI": _INVERSE}, lambda rows: rows),
    ("canberra", {}, lambda rows: rows),
    ("braycurtis", {}, lambda rows: rows),
    ("haversine", {}, _angles),
    ("hamming", {}, _conditions),
    ("minkowski", {"p": 3, "w": np.array([1.0, 2.0, 0.5, 1.5])}, lambda rows: rows),
]
_BRUTE: list[tuple[str, dict[str, Any], Callable[[Any], Any]]] = [
    *_METRICS[:6],
    ("cosine", {}, lambda rows: rows),
    ("correlation", {}, lambda rows: rows),
    ("sqeuclidean", {}, lambda rows: rows),
    ("nan_euclidean", {}, _gappy(np.nan)),
    ("haversine", {}, _angles),
]
_CONDITIONS = ("jaccard", "dice", "rogerstanimoto", "russellrao", "sokalsneath")


def _metric(kind: Any, change: Any, target: Any = CLASSES, **options: Any) -> Case:
    return named(kind, scattered(target, change), **options)


_KNN, _KNR = neighbors.KNeighborsClassifier, neighbors.KNeighborsRegressor
_RNN, _RNR = neighbors.RadiusNeighborsClassifier, neighbors.RadiusNeighborsRegressor

_NEAREST = [
    *(_metric(_KNN, change, metric=name, metric_params=params or None) for name, params, change in _METRICS),
    *(
        _metric(_KNR, change, _NUMBER, algorithm="brute", metric=name, metric_params=params or None, weights="distance")
        for name, params, change in _BRUTE
    ),
    *(
        _metric(_RNR, _conditions, _NUMBER, algorithm="ball_tree", metric=name, radius=0.4, weights="distance")
        for name in _CONDITIONS
    ),
    *(
        _metric(_RNR, _conditions, _NUMBER, algorithm="brute", metric=name, radius=0.4)
        for name in (*_CONDITIONS, "yule")
    ),
    *(
        also(named(_KNN, data, algorithm=algorithm, leaf_size=leaf), "equally distant")
        for algorithm, leaf in (("kd_tree", 5), ("ball_tree", 5), ("kd_tree", 200))
        for data in (iris(rows=_few(IRIS[_ORDER])),)
    ),
    named(_KNN, scattered(), algorithm="brute"),
    also(named(_KNN, lambda estimator: digits(), weights="distance"), "digits"),
    named(_KNN, iris(), n_neighbors=1),
    named(_KNN, iris(TEXTS), weights="distance"),
    also(named(_KNN, iris(SEVERAL), weights="distance"), "several outputs"),
    also(named(_KNN, iris(SEVERAL)), "several outputs"),
    named(_KNN, iris(BINARY), p=1),
    named(_KNN, iris(BINARY), p=1.5),
    named(_KNN, _between(_distances), metric="precomputed"),
    also(named(_KNR, iris(NUMBERS), weights="distance"), "several outputs"),
    also(named(_KNR, iris(NUMBERS)), "several outputs"),
    also(named(_KNR, scattered(_NUMBER, _wide)), "20 features"),
    also(named(_KNR, scattered(_NUMBER, _wide), algorithm="kd_tree", metric="manhattan"), "20 features"),
    named(neighbors.KNeighborsTransformer, iris(None), mode="connectivity"),
    named(neighbors.KNeighborsTransformer, iris(None), metric="manhattan", n_neighbors=3),
    named(neighbors.RadiusNeighborsTransformer, iris(None), mode="connectivity", radius=0.5),
    named(neighbors.RadiusNeighborsTransformer, scattered(None), algorithm="brute"),
    named(_RNN, iris(TEXTS), radius=0.35, outlier_label="virginica"),
    named(_RNN, iris(), radius=0.35, outlier_label=7),
    named(_RNN, iris(), radius=0.5, outlier_label="most_frequent", weights="distance"),
    named(_RNN, scattered(), radius=0.5, outlier_label=1, algorithm="brute"),
    also(named(_RNN, iris(SEVERAL), radius=0.5, outlier_label=[0, 1]), "several outputs"),
    named(_RNR, iris(_NUMBER), radius=0.3),
    also(named(_RNR, iris(NUMBERS), radius=1.5, weights="distance", p=1), "several outputs"),
    named(_RNR, _between(_distances, _NUMBER), metric="precomputed", radius=0.6),
]

_DENSITIES = [
    named(neighbors.LocalOutlierFactor, iris(None), novelty=True),
    named(neighbors.LocalOutlierFactor, iris(None), novelty=True, n_neighbors=5, metric="manhattan"),
    named(neighbors.LocalOutlierFactor, scattered(None, _wide), novelty=True, contamination=0.1),
    *(
        named(neighbors.KernelDensity, iris(None, IRIS[_ORDER, :3]), kernel=kernel, bandwidth=0.8)
        for kernel in ("gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine")
    ),
    named(neighbors.KernelDensity, iris(None), bandwidth="scott"),
    named(neighbors.KernelDensity, iris(None), bandwidth="silverman", metric="manhattan"),
    named(neighbors.NearestCentroid, scattered(), metric="manhattan"),
    named(neighbors.NearestCentroid, scattered(TEXTS), shrink_threshold=0.2),
    named(neighbors.NearestCentroid, scattered(), priors=[0.2, 0.3, 0.5]),
    named(neighbors.NearestCentroid, scattered(BINARY), priors="empirical"),
    named(neighbors.NeighborhoodComponentsAnalysis, iris(), n_components=2, random_state=0, max_iter=5),
]

_IMPUTED = [
    named(impute.KNNImputer, scattered(None, _gappy(np.nan))),
    named(impute.KNNImputer, scattered(None, _gappy(np.nan)), weights="distance", n_neighbors=2),
    named(impute.KNNImputer, scattered(None, _gappy(-1.0)), missing_values=-1.0),
    named(impute.KNNImputer, scattered(None, _gappy(np.nan)), add_indicator=True),
    also(named(impute.KNNImputer, scattered(None, _empty_column)), "an empty column"),
    named(impute.KNNImputer, scattered(None, _empty_column), keep_empty_features=True),
    named(impute.KNNImputer, scattered(None, lambda rows: _gappy(np.nan)(_wide(rows))), n_neighbors=99),
]

_VECTORS = [
    *(named(svm.SVC, iris(), kernel=kernel) for kernel in ("linear", "poly", "rbf", "sigmoid")),
    named(svm.SVC, iris(), kernel="poly", degree=2, coef0=0.5, gamma=0.1),
    named(svm.SVC, iris(TEXTS), probability=True, random_state=0),
    also(named(svm.SVC, iris(BINARY), probability=True, random_state=0), "two classes"),
    named(svm.SVC, iris(BINARY), gamma="auto", class_weight="balanced"),
    named(svm.SVC, iris(), decision_function_shape="ovo"),
    named(svm.SVC, iris(), break_ties=True),
    named(svm.SVC, _between(_products), kernel="precomputed"),
    also(named(svm.SVC, lambda estimator: digits()), "digits"),
    named(svm.NuSVC, iris(), nu=0.3, kernel="poly"),
    named(svm.NuSVC, iris(TEXTS), nu=0.3, probability=True, random_state=0),
    named(svm.NuSVC, iris(BINARY), nu=0.4, decision_function_shape="ovo"),
    *(named(svm.SVR, iris(_NUMBER), kernel=kernel) for kernel in ("linear", "poly", "rbf", "sigmoid")),
    named(svm.SVR, _between(_products, _NUMBER), kernel="precomputed"),
    named(svm.NuSVR, iris(_NUMBER), nu=0.7, kernel="linear"),
    named(svm.NuSVR, iris(_NUMBER), kernel="poly", degree=2),
    *(named(svm.OneClassSVM, iris(None), kernel=kernel, nu=0.2) for kernel in ("linear", "poly", "rbf", "sigmoid")),
    named(svm.LinearSVC, iris(TEXTS), random_state=0),
    named(svm.LinearSVC, iris(BINARY), loss="hinge", random_state=0),
    named(svm.LinearSVC, iris(), multi_class="crammer_singer", random_state=0),
    named(svm.LinearSVC, iris(), fit_intercept=False, penalty="l1", dual=False, random_state=0),
    named(svm.LinearSVR, iris(_NUMBER), loss="squared_epsilon_insensitive", random_state=0),
    named(SGDOneClassSVM, iris(None), nu=0.1, random_state=0),
]

_COVARIANCES = [
    cov.RBF([1.0, 2.0, 0.5, 1.0]),
    *(1.5 * cov.Matern(1.2, nu=nu) for nu in (0.5, 1.5, 2.5, np.inf, 0.8, 3.5)),
    cov.RationalQuadratic(1.0, 0.5),
    0.1 * cov.ExpSineSquared(1.0, 3.0) + cov.WhiteKernel(2.0),
    cov.DotProduct(1.0) + cov.WhiteKernel(0.5),
    cov.DotProduct(1.0) ** 2 + cov.WhiteKernel(0.5),
    2.0 * cov.RBF(1.0) * cov.RationalQuadratic() + cov.ConstantKernel(0.3),
    cov.PairwiseKernel(gamma=0.5, metric="rbf"),
    cov.PairwiseKernel(gamma=0.5, metric="laplacian") + cov.PairwiseKernel(metric="linear"),
]
_GPR, _GPC = gaussian_process.GaussianProcessRegressor, gaussian_process.GaussianProcessClassifier

_PROCESSES = [
    *(named(_GPR, scattered(_NUMBER), kernel=kernel, alpha=0.1, optimizer=None) for kernel in _COVARIANCES),
    *(named(_GPC, iris(BINARY), kernel=kernel, optimizer=None) for kernel in _COVARIANCES),
    named(_GPR, scattered(_NUMBER), normalize_y=True, alpha=0.1),
    also(named(_GPR, scattered(NUMBERS), normalize_y=True, alpha=0.1), "several outputs"),
    named(_GPC, iris(TEXTS), kernel=cov.RBF(1.0), optimizer=None),
    named(_GPC, iris(TEXTS), kernel=cov.RBF(1.0), optimizer=None, multi_class="one_vs_one"),
]

_KERNELS: list[tuple[str, dict[str, Any]]] = [
    ("linear", {}),
    ("poly", {"degree": 2, "gamma": 0.1, "coef0": 0.5}),
    ("rbf", {"gamma": 0.3}),
    ("sigmoid", {"gamma": 0.01, "coef0": 0.1}),
    ("laplacian", {"gamma": 0.3}),
    ("cosine", {}),
    ("chi2", {"gamma": 0.3}),
    ("additive_chi2", {}),
]

_BEHIND_KERNELS = [
    *(named(kernel_ridge.KernelRidge, iris(_NUMBER), kernel=name, **params) for name, params in _KERNELS),
    also(named(kernel_ridge.KernelRidge, iris(NUMBERS), kernel="rbf", alpha=0.1), "several outputs"),
    named(kernel_ridge.KernelRidge, _between(_products, _NUMBER), kernel="precomputed"),
    *(
        named(decomposition.KernelPCA, iris(None), kernel=name, n_components=3, **params)
        for name, params in _KERNELS
        if name in ("linear", "poly", "rbf", "sigmoid", "cosine")
    ),
    named(decomposition.KernelPCA, _between(_products, CLASSES), kernel="precomputed", n_components=2),
    *(
        named(kernel_approximation.Nystroem, iris(None), kernel=name, n_components=10, random_state=0, **params)
        for name, params in _KERNELS
    ),
    named(kernel_approximation.RBFSampler, iris(None), gamma="scale", n_components=30, random_state=0),
    *(
        named(kernel_approximation.AdditiveChi2Sampler, iris(None, _with_zeros(IRIS[_ORDER])), **options)
        for options in ({"sample_steps": 1}, {"sample_steps": 3}, {"sample_steps": 4, "sample_interval": 0.3})
    ),
    named(kernel_approximation.SkewedChi2Sampler, iris(None), skewedness=0.5, n_components=20, random_state=0),
    *(
        named(kernel_approximation.PolynomialCountSketch, iris(None, _shares(IRIS[_ORDER])), random_state=0, **options)
        for options in (
            {"degree": 3, "coef0": 1.0, "n_components": 33},
            {"degree": 1, "gamma": 2.0},
            {"degree": 4, "n_components": 64, "coef0": 0.5},
        )
    ),
    also(named(preprocessing.KernelCenterer, _between(_distances)), "distances"),
]

_EMBEDDED = [
    *(
        named(kind, iris(np.where(np.arange(150) % 3, -1, CLASSES)), kernel=kernel, **options)
        for kind in (semi_supervised.LabelPropagation, semi_supervised.LabelSpreading)
        for kernel, options in (("rbf", {"gamma": 5.0}), ("knn", {"n_neighbors": 4}))
    ),
    named(manifold.Isomap, iris(None), n_neighbors=7, n_components=3),
    named(manifold.Isomap, iris(None), n_neighbors=None, radius=2.0),
    named(manifold.Isomap, scattered(None), metric="manhattan", neighbors_algorithm="brute"),
    named(manifold.LocallyLinearEmbedding, iris(None), n_neighbors=8, n_components=3, reg=0.01),
    *(
        named(manifold.LocallyLinearEmbedding, scattered(None), method=method, n_neighbors=8, eigen_solver="dense")
        for method in ("modified", "hessian", "ltsa")
    ),
]

VARIANTS: list[Case] = [
    *_NEAREST,
    *_DENSITIES,
    *_IMPUTED,
    *_VECTORS,
    *_PROCESSES,
    *_BEHIND_KERNELS,
    *_EMBEDDED,
]
"""Configurations beyond the default."""
