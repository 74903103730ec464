"""Neighbors, kernels and support vectors: what is decided by equal distances, exact zeros and missing neighbors."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from sklearn import gaussian_process, impute, kernel_ridge, neighbors, svm
from sklearn.datasets import load_iris
from sklearn.metrics.pairwise import rbf_kernel
from threadpoolctl import threadpool_limits

from modelport.errors import CannotConvert
from modelport.signature import TensorSpec
from modelport_converters.sklearn_to_onnx import convert, usual

GRID = np.random.default_rng(0).integers(0, 4, (400, 3)).astype(float)
"""Rows of which many are equally distant, and many the same."""
ROWS = np.random.default_rng(1).integers(0, 4, (200, 3)).astype(float)
NUMBERS = np.arange(400.0)
CLASSES = np.random.default_rng(2).integers(0, 5, 400)


def answer(model: Any, method: str, rows: Any, dtype: str = "float64") -> Any:
    """Return what ONNX Runtime answers for a method of a fitted estimator."""
    given = [TensorSpec("X", rows.dtype.name, ("N", rows.shape[1]))]
    made = convert(model, given, {method: TensorSpec("y", dtype, None)}, 17)
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"X": rows})[0]


@pytest.mark.parametrize("count", [1, 4, 11])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree", "brute"])
def test_of_equally_distant_rows_the_neighbors_are_those_that_scikit_learn_takes(
    algorithm: str, metric: str, count: int
) -> None:
    model = neighbors.KNeighborsTransformer(
        mode="connectivity", n_neighbors=count, algorithm=algorithm, metric=metric, leaf_size=6
    ).fit(GRID)
    with threadpool_limits(1, user_api="openmp"):  # several threads see the rows in another order
        expected = model.transform(ROWS).toarray()
    assert np.array_equal(answer(model, "transform", ROWS), expected)


def test_the_first_of_equally_distant_rows_would_not_do() -> None:
    model = neighbors.KNeighborsTransformer(mode="connectivity", n_neighbors=4, algorithm="kd_tree").fit(GRID)
    distances = ((ROWS[:, None] - GRID[None]) ** 2).sum(axis=2)
    lowest = np.argsort(distances, axis=1, kind="stable")[:, :4]
    taken = model.transform(ROWS).toarray()
    assert (np.take_along_axis(taken, lowest, axis=1) == 0).any()


@pytest.mark.parametrize("kind", [neighbors.KNeighborsRegressor, neighbors.RadiusNeighborsRegressor])
def test_only_rows_at_the_distance_zero_count_where_there_are_any(kind: Any) -> None:
    model = kind(weights="distance").fit(GRID, NUMBERS)
    rows = np.vstack([GRID[:50], GRID[:50] + 0.25])
    np.testing.assert_allclose(answer(model, "predict", rows), model.predict(rows), rtol=1e-12)


@pytest.mark.filterwarnings("ignore:One or more samples have no neighbors")
def test_without_a_neighbor_a_mean_is_nan() -> None:
    model = neighbors.RadiusNeighborsRegressor(radius=0.5).fit(GRID, NUMBERS)
    rows = np.array([[9.0, 9.0, 9.0], [1.0, 1.0, 1.0]])
    np.testing.assert_allclose(answer(model, "predict", rows), model.predict(rows), rtol=1e-12)
    assert np.isnan(model.predict(rows)).tolist() == [True, False]


def test_without_a_neighbor_and_outlier_label_probabilities_are_nan_where_scikit_learn_raises() -> None:
    model = neighbors.RadiusNeighborsClassifier(radius=0.5).fit(GRID, CLASSES)
    rows = np.array([[9.0, 9.0, 9.0]])
    with pytest.raises(ValueError, match="No neighbors found"):
        model.predict_proba(rows)
    assert np.isnan(answer(model, "predict_proba", rows)).all()


@pytest.mark.parametrize(
    "model",
    [
        neighbors.KNeighborsClassifier(),
        neighbors.KNeighborsClassifier(algorithm="brute"),
        neighbors.RadiusNeighborsClassifier(),
        svm.SVC(),
        gaussian_process.GaussianProcessClassifier(optimizer=None),
    ],
    ids=repr,
)
def test_no_rows_have_no_answers(model: Any) -> None:
    model.fit(GRID, CLASSES)
    assert answer(model, "predict", ROWS[:0], "int64").shape == (0,)


def test_a_support_vector_machine_takes_scikit_learns_kernels_as_functions() -> None:
    features, target = load_iris(return_X_y=True)
    model = svm.SVC(kernel=rbf_kernel).fit(features, target)
    result = answer(model, "decision_function", features)
    np.testing.assert_allclose(result, model.decision_function(features), rtol=1e-9)


def test_a_gaussian_process_one_against_one_is_not_asked_for_probabilities() -> None:
    model = gaussian_process.GaussianProcessClassifier(multi_class="one_vs_one", optimizer=None).fit(GRID, CLASSES)
    assert usual(model) == ["predict"]
    assert np.array_equal(answer(model, "predict", ROWS, "int64"), model.predict(ROWS))


def own(x: Any, y: Any) -> Any:
    """Return a measure that nobody but this test knows."""
    return np.abs(x - y).sum() if np.ndim(x) == 1 else x @ y.T


def halved(distances: Any) -> Any:
    """Return weights that nobody but this test knows."""
    return 0.5 / (1.0 + distances)


@pytest.mark.filterwarnings("ignore:Singular matrix")
@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (neighbors.KNeighborsRegressor(metric=own), "metric=own is a function of your own"),
        (neighbors.KNeighborsRegressor(weights=halved), "weights is a function of your own"),
        (neighbors.RadiusNeighborsRegressor(weights=halved), "weights is a function of your own"),
        (kernel_ridge.KernelRidge(kernel=own), "kernel=own is a function of your own"),
        (svm.SVR(kernel=own), "kernel=own is a function of your own"),
        (impute.KNNImputer(metric=lambda x, y, missing_values: 1.0), "metric is a function of your own"),
    ],
    ids=["metric", "weights", "weights within", "kernel", "kernel of vectors", "imputer"],
)
def test_a_function_of_the_users_own_is_refused_by_name(model: Any, reason: str) -> None:
    model.fit(GRID[:30], NUMBERS[:30])
    method = "transform" if hasattr(model, "transform") else "predict"
    with pytest.raises(CannotConvert, match=reason):
        answer(model, method, ROWS)
