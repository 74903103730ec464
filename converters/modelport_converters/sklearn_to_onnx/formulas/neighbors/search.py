"""k-nearest-neighbor search among the fitted rows, with ties broken as scikit-learn breaks them.

scikit-learn keeps the k nearest rows seen so far in a heap, and which of several equally distant ones stays depends on the order
in which it sees them: that of the rows (ArgKmin), or that in which a tree is descended. Where such ties decide, the heap is
followed step by step. Where NumPy's argpartition chooses, which does so by accident, the first of equally distant rows are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics._pairwise_distances_reduction import ArgKmin

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.formulas.metrics import pairwise_distances
from modelport_converters.sklearn_to_onnx.formulas.metrics.pairwise_distances import Array
from modelport_converters.sklearn_to_onnx.formulas.neighbors.tie_breaking import TREES, decided, first_of_equal
from modelport_converters.sklearn_to_onnx.registry import refuse


@dataclass(frozen=True)
class Neighbors:
    """Of each row the nearest of the fitted rows, from near to far.

    Args:
        reduced: their reduced distances [N, k].
        positions: which they are, int64 [N, k].
        distances: as the metric measures them [N, k].
    """

    reduced: Value
    positions: Value
    distances: Value


def to_all(model: Any, x: Value) -> tuple[Value, Value]:
    """Return the reduced distances, and the distances, of each row to every fitted one: [N, n]."""
    reduced = _reduced(model, x)
    return reduced, pairwise_distances.distance(model.effective_metric_, reduced, _params(model))


def radius_of(model: Any, radius: float) -> float:
    """Return the reduced distance up to which a fitted row is a neighbor."""
    return pairwise_distances.reduced_radius(model.effective_metric_, radius, _params(model))


def nearest(model: Any, x: Value, count: int) -> Neighbors:
    """Return `count` neighbors of each row; `model` is a NeighborsBase of scikit-learn.

    The same search in one graph is made once.
    """
    return x.graph.memoized(("nearest", id(model), x.name, count), lambda: _found(model, x, count))


def _found(model: Any, x: Value, count: int) -> Neighbors:
    reduced = _reduced(model, x)
    incomparable = model.effective_metric_ == "nan_euclidean"
    if incomparable:  # NaN: after all others
        reduced = fn.where(fn.isnan(reduced), np.inf, reduced)
    smallest, positions = _chosen(model, x, reduced, count)
    measured = pairwise_distances.distance(model.effective_metric_, smallest, _params(model))
    if incomparable:
        measured = fn.where(smallest < np.inf, measured, np.nan)
    return Neighbors(smallest, positions, measured)


def _chosen(model: Any, x: Value, reduced: Value, count: int) -> tuple[Value, Value]:
    """Return the smallest reduced distances, and where they are: [N, count]."""
    fitted = model.n_samples_fit_
    if count < fitted and not sees_in_order(model):
        return first_of_equal(reduced, count, pairwise_distances.noise(model.effective_metric_, x))
    beyond = min(count + 1, fitted)
    smallest, positions = fn.topk(reduced, beyond, smallest_first=True)
    smallest, positions = smallest[:, :count], positions[:, :count]
    return smallest, decided(model, x, reduced, smallest, positions, count) if count < fitted else positions


def _params(model: Any) -> dict[str, Any]:
    return dict(model.effective_metric_params_ or {})


def _reduced(model: Any, x: Value) -> Value:
    metric = model.effective_metric_
    if not pairwise_distances.known(metric):
        name = metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)
        refuse(model, f"metric={name} is a function of your own", "choose one of scikit-learn's metrics by its name")
    rows = fitted_rows(model)
    if metric == "euclidean" and model._fit_method == "brute":
        return pairwise_distances.expanded_euclidean(x, rows)
    return pairwise_distances.reduced(metric, x, rows, _params(model))


def fitted_rows(model: Any) -> Array:
    """Return the rows among which neighbors are sought."""
    rows = model._fit_X
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows)


def sees_in_order(model: Any) -> bool:
    """Whether the order is known in which scikit-learn sees the fitted rows.

    It is not where ArgKmin does not serve: there NumPy's argpartition chooses, whose choice differs from processor to processor.
    So it does where the features have another dtype than the fitted rows; ArgKmin's choice is one of its.
    """
    if model._fit_method in TREES:
        return True
    sparse_euclidean = model.effective_metric_ == "euclidean" and hasattr(model._fit_X, "toarray")
    return model.effective_metric_ in ArgKmin.valid_metrics() and not sparse_euclidean
