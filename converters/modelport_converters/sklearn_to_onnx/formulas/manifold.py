"""Formulas of sklearn.manifold: out-of-sample embeddings by Isomap and locally linear embedding."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import manifold

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.formulas.neighbors.search import fitted_rows, nearest, radius_of, to_all
from modelport_converters.sklearn_to_onnx.registry import transform


@transform(manifold.Isomap)
def geodesic(model: Any, x: Value) -> Value:
    """Kernel components of -1/2 the squared shortest paths, each by way of one neighbor."""
    paths = _through_nearest(model, x) if model.n_neighbors is not None else _through_radius(model, x)
    paths = paths.cast("float32" if x.dtype == np.float32 else "float64")
    return call(model.kernel_pca_, "transform", (paths * paths) * -0.5)


def _through_nearest(model: Any, x: Value) -> Value:
    found = nearest(model.nbrs_, x, model.n_neighbors)
    shortest = None
    for place in range(model.n_neighbors):
        through = fn.take(model.dist_matrix_, found.positions[:, place]) + found.distances[:, [place]]
        shortest = through if shortest is None else fn.minimum(shortest, through)
    assert shortest is not None
    return shortest


def _through_radius(model: Any, x: Value) -> Value:
    reduced, distances = to_all(model.nbrs_, x)
    steps = fn.where(reduced <= radius_of(model.nbrs_, model.radius), distances, np.inf)

    def through(one: Value, shortest: Value) -> tuple[None, list[Value]]:
        step = fn.expand_dims(fn.take(steps, one, axis=1), 1)
        return None, [fn.minimum(shortest, fn.take(model.dist_matrix_, one) + step)]

    start = fn.repeated(np.full(len(model.dist_matrix_), np.inf), x)
    return fn.loop(x.graph, len(model.dist_matrix_), [start], through)[0]


@transform(manifold.LocallyLinearEmbedding)
def locally_linear(model: Any, x: Value) -> Value:
    """The neighbors' places, weighted so that the neighbors themselves come nearest to the row."""
    found = nearest(model.nbrs_, x, model.n_neighbors)
    edges = fn.take(fitted_rows(model.nbrs_), found.positions) - fn.expand_dims(x, 1)
    gram = edges @ fn.transpose(edges, [0, 2, 1])
    unit = np.eye(model.n_neighbors)
    trace = fn.sum(gram * unit, (1, 2), keepdims=True)
    gram = gram + fn.where(trace > 0.0, trace, 1.0) * float(model.reg) * unit
    solved = _solved(gram, model.n_neighbors)
    weights = (solved / fn.sum(solved, 1, keepdims=True)).cast(x.dtype)
    return fn.sum(fn.take(model.embedding_, found.positions) * fn.expand_dims(weights, 2), 1)


def _solved(matrices: Value, size: int) -> Value:
    """Solve for a right side of ones by Gauss and Jordan's elimination; positive definite matrices need no pivoting."""
    ones = fn.sum(matrices * 0.0, 2, keepdims=True) + 1.0
    units = np.eye(size)[:, :, None]

    def eliminate(step: Value, system: Value) -> tuple[None, list[Value]]:
        row = fn.take(system, step, axis=1)
        pivot = fn.take(row, step, axis=1)
        scaled = fn.expand_dims(row / fn.expand_dims(pivot, 1), 1)
        column = fn.expand_dims(fn.take(system, step, axis=2), 2)
        own = fn.take(units, step) > 0.0
        return None, [fn.where(own, scaled, system - column * scaled)]

    (done,) = fn.loop(matrices.graph, size, [fn.concatenate([matrices, ones], 2)], eliminate)
    return done[:, :, size]
