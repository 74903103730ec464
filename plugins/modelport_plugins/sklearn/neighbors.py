"""Reproducible predictions of neighbor-based estimators, where ties between equally distant rows decide.

Which of equally distant neighbors scikit-learn takes often is an accident: of the number of threads, or of the processor
(np.argpartition). Of those the first are taken here; votes, weights and means are scikit-learn's own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from modelport_plugins.sklearn.traversal import held

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_CELLS = 1 << 24
"""So many distances are held at a time."""

_patching = threading.RLock()


def asked(model: Any, method: str, features: Any) -> Any:
    """Return what a method of an estimator answers, its neighbors found as `_neighbors` has them."""
    with _first_of_equal() if _looks_up(model) else nullcontext():
        return getattr(model, method)(features)


def _looks_up(model: Any) -> bool:
    from sklearn.impute import KNNImputer
    from sklearn.neighbors._base import KNeighborsMixin

    return any(isinstance(item, KNeighborsMixin | KNNImputer) for item in held(model))


@contextmanager
def _first_of_equal() -> Iterator[None]:
    """Let every step of a model find neighbors by `_neighbors`, also classifiers, which have a shorter way of their own."""
    from unittest import mock

    from sklearn.impute import KNNImputer
    from sklearn.metrics._pairwise_distances_reduction import ArgKminClassMode
    from sklearn.neighbors._base import KNeighborsMixin

    with _patching:
        neighbors, imputed = KNeighborsMixin.kneighbors, KNNImputer._calc_impute

        def kneighbors(self: Any, X: Any = None, n_neighbors: Any = None, return_distance: bool = True) -> Any:  # noqa: N803
            return _neighbors(neighbors, self, X, n_neighbors, return_distance)

        def calc_impute(self: Any, away: Array, count: int, values: Array, mask: Array) -> Any:
            return imputed(self, _only_nearest(away, count), count, values, mask)

        own = mock.patch.object(KNeighborsMixin, "kneighbors", kneighbors)
        no_shorter = mock.patch.object(ArgKminClassMode, "is_usable_for", return_value=False)
        with own, no_shorter, mock.patch.object(KNNImputer, "_calc_impute", calc_impute):
            yield


def _neighbors(own: Callable[..., Any], model: Any, features: Any, count: Any, with_distances: bool) -> Any:
    """Return what scikit-learn's `own` kneighbors does: brute force in one thread, and in float64 where rows are floats.

    Where its order is none of its own, it is asked for all rows, and these are cut.
    """
    import numpy as np
    from sklearn.utils import _safe_indexing, gen_batches
    from sklearn.utils.validation import _num_samples
    from threadpoolctl import threadpool_limits

    from modelport_converters.sklearn_to_onnx.formulas.neighbors.search import sees_in_order

    count, fitted = model.n_neighbors if count is None else count, model.n_samples_fit_
    if features is None or model._fit_method != "brute":
        return own(model, features, count, with_distances)
    model, features = _alike(model, features)
    if count >= fitted or sees_in_order(model):
        with threadpool_limits(1, user_api="openmp"):
            return own(model, features, count, with_distances)
    found = []
    for rows in gen_batches(_num_samples(features), max(_CELLS // fitted, 1)):
        some = _safe_indexing(features, np.arange(rows.start, rows.stop))
        away, places = own(model, some, fitted, True)
        taken = _first(model, some, away, places, count)
        found.append((np.take_along_axis(away, taken, 1), np.take_along_axis(places, taken, 1)))
    away, places = (np.concatenate(part) for part in zip(*found, strict=True))
    return (away, places) if with_distances else places


def _first(model: Any, features: Any, away: Array, places: Array, count: int) -> Array:
    """Return where the nearest stand, from near to far, among all rows in the order of their distances."""
    import numpy as np

    from modelport_converters.sklearn_to_onnx.formulas.metrics import pairwise_distances

    metric = model.effective_metric_
    reduced = np.square(away) if metric == "euclidean" else away
    snapped = _snapped(reduced, count, pairwise_distances.noise(metric, features))
    return np.lexsort((places, snapped), axis=1)[:, :count]


def _snapped(reduced: Array, count: int, noise: Any = 0.0) -> Array:
    """Return the distances, those that differ by rounding from the farthest that is taken as far as it."""
    import numpy as np

    from modelport_converters.sklearn_to_onnx.formulas.neighbors.tie_breaking import SAME

    last = np.sort(reduced, axis=1)[:, count - 1 : count]
    slack = np.maximum(last * SAME, noise)
    tied = (reduced >= last - slack) & (reduced <= last + slack)
    return np.where(tied, last, reduced)


def _only_nearest(away: Array, count: int) -> Array:
    """Return the distances to donors, NaN but for the nearest ones: NaN has no weight."""
    import numpy as np

    taken = np.argsort(_snapped(away, count), axis=1, kind="stable")[:, :count]
    kept = np.full_like(away, np.nan)
    np.put_along_axis(kept, taken, np.take_along_axis(away, taken, 1), 1)
    return kept


def _alike(model: Any, features: Any) -> tuple[Any, Any]:
    """Return the estimator and the features in float64, where the features are floats."""
    import copy

    import numpy as np

    found = set(features.dtypes) if hasattr(features, "columns") else {features.dtype}
    if any(dtype.kind != "f" for dtype in found) or found | {model._fit_X.dtype} == {np.dtype(np.float64)}:
        return model, features
    alike = copy.copy(model)
    alike._fit_X = model._fit_X.astype(np.float64)
    return alike, features.astype(np.float64)
