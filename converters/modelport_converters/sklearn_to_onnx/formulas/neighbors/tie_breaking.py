"""Tie-breaking among equally distant neighbors: scikit-learn's heap, followed push by push, batched over the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.formulas.metrics import pairwise_distances

TREES = ("ball_tree", "kd_tree")

SAME = 1e-9
"""Up to this share of it, another distance is the same but for rounding."""


def first_of_equal(reduced: Value, count: int, noise: Any = 0.0) -> tuple[Value, Value]:
    """Return the smallest of each row and where they are, from near to far; of those as far as the last one, the first.

    Arguments:
        reduced: distances, nowhere negative [N, n].
        count: of how many, fewer than n.
        noise: what rounding may have added to or taken from each, a number or [N, 1].
    """
    last = fn.topk(reduced, count, smallest_first=True)[0][:, -1:]
    slack = fn.maximum(last * SAME, noise)  # ONNX Runtime drops an addition of next to nothing
    tied = (reduced >= last - slack) & (reduced <= last + slack)
    _, positions = fn.topk(fn.where(tied, last, reduced), count, smallest_first=True)
    return fn.take_along_axis(reduced, positions, 1), positions


def decided(model: Any, x: Value, reduced: Value, smallest: Value, positions: Value, count: int) -> Value:
    """Return the positions of the neighbors as the heap has them; where nothing is tied, as they are.

    A Loop of one round, or of none: it costs nothing on rows without ties.

    Arguments:
        reduced: distances to all fitted rows [N, n].
        smallest: the `count` smallest of them.
        positions: where these are, int64 [N, count].
    """
    tied = fn.sum(reduced <= smallest[:, -1:], 1) > count

    def decide(_: Value, taken: Value) -> tuple[None, list[Value]]:
        graph = taken.graph
        visits = _visits(model, graph.value(x))
        return None, [_kept(graph.value(reduced), visits, taken, count)]

    return fn.loop(x.graph, fn.any(tied).cast("int64"), [positions], decide)[0]


def _kept(reduced: Value, visits: Value, taken: Value, count: int) -> Value:
    """Push every row that is nearer than the farthest of the heap, in the order of the visits (sklearn.utils._heap)."""
    places = taken * 0
    values, last = places.cast("float64") + np.inf, places[:, :1].cast("float64") - 1.0

    def push(_: Value, values: Value, places: Value, last: Value) -> tuple[Value, list[Value]]:
        nearer = (reduced < values[:, :1]) & (visits > last)
        when = fn.where(nearer, visits, np.inf)
        place = fn.expand_dims(fn.argmin(when, 1), 1)
        found = fn.any(nearer, 1, keepdims=True)
        value = fn.take_along_axis(reduced, place, 1)
        last = fn.where(found, fn.min(when, 1, keepdims=True), last)
        return fn.any(found), [*_sifted(values, places, value, place, found, count), last]

    values, places, _ = fn.loop(taken.graph, np.iinfo(np.int64).max, [values, places, last], push)
    _, order = fn.topk(values, count, smallest_first=True)
    return fn.take_along_axis(places, order, 1)


def _sifted(values: Value, places: Value, value: Value, place: Value, found: Value, count: int) -> tuple[Value, Value]:
    """Replace the root of each row's heap, where one is found, and let the new one descend below larger children."""
    beyond = np.full(count + 1, -np.inf)
    all_values = fn.concatenate([values, fn.repeated(beyond, values)], 1)
    all_places = fn.concatenate([places, fn.repeated(np.zeros(count + 1, np.int64), places)], 1)
    here, moving = place * 0, found
    for _ in range(count.bit_length()):
        left = here * 2 + 1
        left_value, right_value = (fn.take_along_axis(all_values, one, 1) for one in (left, left + 1))
        child = fn.where(left_value >= right_value, left, left + 1)
        larger = fn.maximum(left_value, right_value)
        descends = moving & (value < larger)
        slot = fn.equal(here, np.arange(count)) & moving
        values = fn.where(slot, fn.where(descends, larger, value), values)
        places = fn.where(slot, fn.where(descends, fn.take_along_axis(all_places, child, 1), place), places)
        here, moving = fn.where(descends, child, here), descends
    return values, places


def _visits(model: Any, x: Value) -> Value:
    """Return when each fitted row is seen: in their order, or as a tree is descended, the nearer half of a node first."""
    if model._fit_method not in TREES:
        return x.graph.constant(np.arange(model.n_samples_fit_, dtype=np.float64)[None])
    _, order, nodes, bounds = (np.asarray(one) for one in model._tree.get_arrays())
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    leaves = np.flatnonzero(nodes["is_leaf"])
    leaf_of, within = np.empty(len(order), np.int64), np.empty(len(order))
    for number, leaf in enumerate(leaves):
        rows = order[nodes["idx_start"][leaf] : nodes["idx_end"][leaf]]
        leaf_of[rows], within[rows] = number, np.arange(len(rows))
    if not len(inner):
        return x.graph.constant(within[None])
    lower = _lower_bounds(model, x, nodes, bounds)
    swapped = (lower[:, 2 * inner + 1] > lower[:, 2 * inner + 2]).cast("float64")
    signs, start = _ranks(inner, leaves)
    ranks = swapped @ signs + start
    return fn.take(ranks, x.graph.constant(leaf_of), axis=1) * float(len(order)) + within


def _ranks(inner: Any, leaves: Any) -> tuple[Any, Any]:
    """Return how the rank of each leaf changes when the halves of a node are exchanged, and its rank when none are."""
    signs, start = np.zeros((len(inner), len(leaves))), np.zeros(len(leaves))
    row_of = {node: row for row, node in enumerate(inner)}
    for column, leaf in enumerate(leaves):
        node, weight = int(leaf), 1.0
        while node:
            second = node % 2 == 0  # the children of i are 2 i + 1 and 2 i + 2
            node = (node - 1) // 2
            signs[row_of[node], column] = -weight if second else weight
            start[column] += weight * second
            weight *= 2.0
    return signs, start


def _lower_bounds(model: Any, x: Value, nodes: Any, bounds: Any) -> Value:
    """Return the least reduced distance that a row of each node can have (min_rdist of sklearn.neighbors' trees)."""
    metric, params = model.effective_metric_, dict(model.effective_metric_params_ or {})
    if model._fit_method == "ball_tree":
        centres = pairwise_distances.pairwise(metric, x, bounds[0], params)
        return fn.maximum(centres - nodes["radius"], 0.0)
    power = {"manhattan": 1.0, "cityblock": 1.0, "l1": 1.0, "chebyshev": np.inf, "infinity": np.inf}.get(
        metric, float(params.get("p", 2))
    )

    def outside(a: Value, low: Any, high: Any) -> Value:
        below, above = low - a, a - high
        off: Value = 0.5 * ((below + fn.absolute(below)) + (above + fn.absolute(above)))
        return off if power in (1.0, np.inf) else off**power

    return pairwise_distances.over_features(x, list(bounds), outside, join=fn.maximum if power == np.inf else None)[0]
