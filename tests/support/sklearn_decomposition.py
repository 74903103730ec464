"""Options of decompositions, mixtures, clusters, projections and cross decomposition that change what they answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import cluster, covariance, cross_decomposition, decomposition, mixture, neural_network, random_projection
from sklearn.datasets import load_iris
from sklearn_case import Case, digits

Data = Callable[[Any], tuple[Any, Any, Any]]

_IRIS, _SPECIES = load_iris(return_X_y=True)
_ORDER = np.random.default_rng(1).permutation(len(_IRIS))


def _iris(_: Any) -> tuple[Any, Any, Any]:
    features = _IRIS[_ORDER].copy()
    return features[:100], None, features[100:]


def _in_float32(estimator: Any) -> tuple[Any, Any, Any]:
    features, target, held_out = _iris(estimator)
    return features.astype(np.float32), target, held_out


def _several(_: Any) -> tuple[Any, Any, Any]:
    """Two targets of the iris."""
    features = _IRIS[_ORDER]
    target = np.column_stack([features[:, 3], features[:, 2] - features[:, 1]])
    return features[:100, :3], target[:100], features[100:, :3]


def _single(_: Any) -> tuple[Any, Any, Any]:
    features = _IRIS[_ORDER]
    return features[:100, :3], features[:100, 3], features[100:, :3]


def _digits(_: Any) -> tuple[Any, Any, Any]:
    features, _target, held_out = digits()
    return features[:200], None, held_out[:40]


def _counts(_: Any) -> tuple[Any, Any, Any]:
    """Documents of 12 words from three topics."""
    generator = np.random.default_rng(2)
    words = generator.dirichlet(np.full(12, 0.3), 3)
    shares = generator.dirichlet(np.full(3, 0.5), 90)
    counts = generator.poisson(30.0 * shares @ words).astype(float)
    counts[-1] = 0.0
    return counts[:60], None, counts[60:]


def _positive(_: Any) -> tuple[Any, Any, Any]:
    """Sums of three parts with noise, nowhere zero."""
    generator = np.random.default_rng(3)
    features = generator.exponential(size=(90, 3)) @ generator.exponential(size=(3, 8)) + 0.1
    features *= generator.uniform(0.8, 1.2, features.shape)
    return features[:60], None, features[60:]


def _signals(_: Any) -> tuple[Any, Any, Any]:
    features = np.random.default_rng(4).standard_normal((90, 8))
    return features[:60], None, features[60:]


def _ties(estimator: Any) -> tuple[Any, Any, Any]:
    """Whole numbers: several atoms are equally near."""
    features, _target, held_out = _signals(estimator)
    return np.round(2.0 * features), None, np.round(2.0 * held_out)


def _bits(_: Any) -> tuple[Any, Any, Any]:
    features, _target, held_out = digits()
    return features[:100, :40] > 8.0, None, (held_out[:40, :40] > 8.0).astype(float)


def _case(kind: type, data: Data, options: dict[str, Any]) -> Case:
    """Return an estimator with these options, and random_state=0 where it has one."""
    shown = ",".join(f"{name}={_shown(value)}" for name, value in options.items())
    where = "" if data is _iris else f" on {data.__name__.strip('_')}"
    seeded = "random_state" in inspect.signature(kind).parameters
    chosen = {"random_state": 0, **options} if seeded else options
    return Case(f"{kind.__name__}[{shown}{where}]", lambda: kind(**chosen), data)


def _shown(value: Any) -> str:
    return "given" if isinstance(value, np.ndarray) else getattr(value, "__name__", str(value))


_ATOMS = np.random.default_rng(5).standard_normal((14, 8))
_ATOMS /= np.linalg.norm(_ATOMS, axis=1, keepdims=True)
_COVARIANCES = ("full", "tied", "diag", "spherical")
_LOSSES = ("kullback-leibler", "itakura-saito", 0.5, 1.5, 2.5)
_CODINGS: list[dict[str, Any]] = [
    {"transform_algorithm": "threshold", "transform_alpha": 0.3},
    {"transform_algorithm": "threshold", "transform_alpha": 0.3, "positive_code": True, "split_sign": True},
    {"transform_algorithm": "omp", "transform_n_nonzero_coefs": 4},
    {"transform_algorithm": "omp", "split_sign": True},
    {"transform_algorithm": "lars", "transform_n_nonzero_coefs": 5},
    {"transform_algorithm": "lasso_lars", "transform_alpha": 0.05},
    {"transform_algorithm": "lasso_lars", "transform_alpha": 0.5, "positive_code": True},
    {"transform_algorithm": "lasso_lars", "transform_alpha": 0.01, "transform_max_iter": 3},
    {"transform_algorithm": "lasso_cd", "transform_alpha": 0.3},
    {"transform_algorithm": "lasso_cd", "transform_alpha": 0.5, "positive_code": True},
    {"transform_algorithm": "lasso_cd", "transform_alpha": 0.01, "transform_max_iter": 3},
    {"transform_algorithm": "lasso_cd", "transform_alpha": 0.0, "transform_max_iter": 50},
]

_DECOMPOSITIONS: list[tuple[type, Data, list[dict[str, Any]]]] = [
    (decomposition.PCA, _iris, [
        {"n_components": 2}, {"n_components": 0.9}, {"n_components": "mle"}, {"whiten": True},
        {"n_components": 2, "whiten": True, "svd_solver": "randomized"}, {"n_components": 1, "svd_solver": "arpack"},
        {"n_components": 3, "svd_solver": "covariance_eigh"},
    ]),
    (decomposition.PCA, _in_float32, [{"n_components": 2}]),
    (decomposition.PCA, _digits, [{"n_components": 10}]),
    (decomposition.IncrementalPCA, _iris, [{"n_components": 2, "batch_size": 20}, {"whiten": True}]),
    (decomposition.TruncatedSVD, _digits, [{"n_components": 5}, {"n_components": 5, "algorithm": "arpack"}]),
    (decomposition.FastICA, _iris, [
        {"whiten": False}, {"whiten": "arbitrary-variance"}, {"n_components": 2, "fun": "exp"},
        {"algorithm": "deflation", "fun": "cube"},
    ]),
    (decomposition.FactorAnalysis, _iris, [
        {"n_components": 2}, {"n_components": 2, "svd_method": "lapack"}, {"n_components": 2, "rotation": "varimax"},
    ]),
    (decomposition.SparsePCA, _iris, [
        {"n_components": 2, "max_iter": 50}, {"n_components": 6, "ridge_alpha": 0.5, "max_iter": 20},
        {"n_components": 2, "method": "cd", "max_iter": 50},
    ]),
    (decomposition.MiniBatchSparsePCA, _iris, [{"n_components": 2, "max_iter": 20}]),
    (decomposition.NMF, _positive, [
        {"n_components": 3}, {"n_components": 5, "alpha_W": 0.01, "l1_ratio": 0.5}, {"n_components": 3, "tol": 1e-8},
        {"n_components": 3, "shuffle": True}, {"n_components": 3, "max_iter": 7}, {"n_components": 3, "tol": 0.0},
        {"n_components": 3, "solver": "mu"}, {"n_components": 3, "solver": "mu", "max_iter": 25, "tol": 0.0},
        {"n_components": 3, "solver": "mu", "alpha_W": 0.01, "l1_ratio": 0.5, "max_iter": 500},
        {"n_components": 3, "solver": "mu", "beta_loss": 1, "alpha_W": 0.01, "l1_ratio": 0.3},
        *({"n_components": 3, "solver": "mu", "beta_loss": loss} for loss in _LOSSES),
    ]),
    (decomposition.NMF, _counts, [
        {"n_components": 3}, {"n_components": 3, "solver": "mu", "beta_loss": "kullback-leibler"},
    ]),
    (decomposition.MiniBatchNMF, _positive, [
        {"n_components": 3}, {"n_components": 3, "transform_max_iter": 9}, {"n_components": 3, "tol": 0.0},
        {"n_components": 3, "alpha_W": 0.01, "l1_ratio": 0.5},
        {"n_components": 3, "beta_loss": 1, "alpha_W": 0.01, "l1_ratio": 0.3},
        *({"n_components": 3, "beta_loss": loss} for loss in _LOSSES),
    ]),
    (decomposition.LatentDirichletAllocation, _counts, [
        {"n_components": 3}, {"n_components": 3, "learning_method": "online"},
        {"n_components": 3, "doc_topic_prior": 0.01, "topic_word_prior": 0.1},
        {"n_components": 4, "mean_change_tol": 1e-6, "max_doc_update_iter": 300, "max_iter": 3},
        {"n_components": 3, "max_doc_update_iter": 2},
    ]),
    (decomposition.SparseCoder, _signals, [{"dictionary": _ATOMS, **coding} for coding in _CODINGS]),
    (decomposition.SparseCoder, _ties, [
        {"dictionary": np.eye(8), **coding} for coding in (_CODINGS[2], _CODINGS[4], _CODINGS[5])
    ]),
    (decomposition.DictionaryLearning, _signals, [
        {"n_components": 6, "max_iter": 5, "fit_algorithm": "cd", **coding} for coding in _CODINGS
    ]),
    (decomposition.MiniBatchDictionaryLearning, _signals, [
        {"n_components": 6, "max_iter": 5, "fit_algorithm": "cd", **coding} for coding in _CODINGS[::3]
    ]),
    (neural_network.BernoulliRBM, _bits, [{"n_components": 5, "n_iter": 3}]),
]  # fmt: skip

_OTHERS: list[tuple[type, Data, list[dict[str, Any]]]] = [
    *((kind, _iris, [{"n_components": 3, "covariance_type": one} for one in _COVARIANCES])
      for kind in (mixture.GaussianMixture, mixture.BayesianGaussianMixture)),
    (mixture.GaussianMixture, _in_float32, [{"n_components": 2}]),
    (mixture.BayesianGaussianMixture, _iris, [
        {"n_components": 3, "weight_concentration_prior_type": "dirichlet_distribution"}, {"n_components": 1},
    ]),
    (covariance.EllipticEnvelope, _iris, [
        {"contamination": 0.3}, {"assume_centered": True}, {"store_precision": False}, {"support_fraction": 0.9},
    ]),
    *((kind, _iris, [{"n_clusters": 1}, {"n_clusters": 8}, {"n_clusters": 5, "init": "random"}])
      for kind in (cluster.KMeans, cluster.MiniBatchKMeans, cluster.BisectingKMeans)),
    (cluster.KMeans, _digits, [{"n_clusters": 10, "algorithm": "elkan"}]),
    (cluster.BisectingKMeans, _digits, [{"n_clusters": 10, "bisecting_strategy": "largest_cluster"}]),
    (cluster.Birch, _iris, [
        {"n_clusters": None}, {"n_clusters": 4, "threshold": 0.2}, {"threshold": 1.5, "branching_factor": 4},
        {"n_clusters": cluster.AgglomerativeClustering(2)},
    ]),
    (cluster.AffinityPropagation, _iris, [{"damping": 0.9}, {"preference": -20}, {"max_iter": 2}]),
    (cluster.MeanShift, _iris, [
        {"bandwidth": 0.8, "bin_seeding": True}, {"bandwidth": 2, "bin_seeding": True},
        {"bandwidth": 1.5, "bin_seeding": True, "cluster_all": False},
    ]),
    (cluster.FeatureAgglomeration, _digits, [
        *({"n_clusters": 9, "pooling_func": one}
          for one in (np.mean, np.max, np.min, np.sum, np.prod, np.median, np.var, np.std, np.ptp)),
        {"n_clusters": None, "distance_threshold": 60.0, "linkage": "average"},
    ]),
    *((kind, _several, [{"n_components": 2}, {"n_components": 1, "scale": False}])
      for kind in (cross_decomposition.PLSRegression, cross_decomposition.PLSCanonical, cross_decomposition.CCA,
                   cross_decomposition.PLSSVD)),
    (cross_decomposition.PLSRegression, _single, [{"n_components": 2}, {"n_components": 3, "scale": False}]),
    (cross_decomposition.PLSCanonical, _several, [{"n_components": 2, "algorithm": "svd"}]),
    (random_projection.GaussianRandomProjection, _digits, [{"n_components": 7}]),
    (random_projection.SparseRandomProjection, _digits, [
        {"n_components": 7}, {"n_components": 7, "density": 0.5}, {"n_components": 7, "dense_output": True},
    ]),
]  # fmt: skip

VARIANTS: list[Case] = [
    _case(kind, data, options) for kind, data, several in [*_DECOMPOSITIONS, *_OTHERS] for options in several
]
SPECIAL = {
    "SparseCoder": _case(decomposition.SparseCoder, _signals, {"dictionary": _ATOMS}),
    "BernoulliRBM": _case(neural_network.BernoulliRBM, _bits, {"n_iter": 5}),
}
"""The default SparseCoder codes rows of another width; the default machine draws at random without a seed."""
