"""NMF and latent Dirichlet allocation: transform by the solver's own iterations, as Loops."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import decomposition

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.registry import refuse, transform

_EPSILON = float(np.finfo(np.float32).eps)
"""Keeps quotients finite: sklearn.decomposition._nmf.EPSILON."""
_CHECKED_EVERY = 10
"""Rounds of multiplicative updates between looks at the error: sklearn.decomposition._nmf._fit_multiplicative_update."""
_LOSSES = {"frobenius": 2.0, "kullback-leibler": 1.0, "itakura-saito": 0.0}


@transform(decomposition.NMF)
def nonnegative_factors(model: Any, x: Value) -> Value:
    """The weights of the components that make up each row, by the solver that fitted them."""
    x = x.cast(model.components_.dtype)
    return _by_coordinates(model, x) if model.solver == "cd" else _by_multiplication(model, x)


def _penalties(model: Any) -> tuple[float, float]:
    """Return the weights of the sum of absolute values and of the squares."""
    whole = model.components_.shape[1] * model.alpha_W
    return whole * model.l1_ratio, whole * (1.0 - model.l1_ratio)


# --- coordinate descent -----------------------------------------------------------------------------------------------


def _by_coordinates(model: Any, x: Value) -> Value:
    """Coordinate descent on all rows together: sklearn.decomposition._nmf._fit_coordinate_descent."""
    parts = model.components_
    l1, l2 = _penalties(model)
    gram = (parts @ parts.T + l2 * np.eye(len(parts))).astype(parts.dtype)
    products = x @ parts.T - np.asarray(l1, parts.dtype)
    order = _orders(model, len(parts))

    def sweep(iteration: Value, weights: Value, first: Value) -> tuple[Value, list[Value]]:
        visited = fn.take(order, fn.minimum(iteration, len(order) - 1))

        def step(place: Value, weights: Value, violation: Value) -> tuple[None, list[Value]]:
            updated, change = _coordinate(weights, fn.take(visited, place), gram, products)
            return None, [updated, violation + change]

        nothing = weights.graph.constant(0.0, parts.dtype)
        weights, violation = fn.loop(weights.graph, len(parts), [weights, nothing], step)
        first = fn.where(fn.equal(iteration, 0), violation, first)
        goes_on = (first > 0.0) & (violation > first * model.tol)
        return goes_on, [weights, first]

    start = [fn.repeated(np.zeros(len(parts), parts.dtype), x), x.graph.constant(0.0, parts.dtype)]
    return fn.loop(x.graph, int(model.max_iter), start, sweep)[0]


def _coordinate(weights: Value, place: Value, gram: Any, products: Value) -> tuple[Value, Value]:
    """A Newton step along one coordinate, cut off at zero; returns the weights, and by how much the rows were off."""
    row = fn.take(gram, place)
    curvature = fn.take(row, place)
    old = fn.take(weights, place, axis=1)
    gradient = fn.sum(weights * row, 1) - fn.take(products, place, axis=1)
    off = fn.where(fn.equal(old, 0.0), fn.minimum(gradient, 0.0), gradient)
    curved = ~fn.equal(curvature, 0.0)
    new = fn.where(curved, fn.maximum(old - gradient / fn.where(curved, curvature, 1.0), 0.0), old)
    here = fn.equal(place, np.arange(len(gram)))
    return fn.where(here, fn.expand_dims(new, 1), weights), fn.sum(fn.absolute(off))


def _orders(model: Any, count: int) -> Any:
    """Return the order of the coordinates: one for all rounds, or a permutation for each when shuffled."""
    if not model.shuffle:
        return np.arange(count)[np.newaxis]
    if not isinstance(model.random_state, int | np.integer):
        refuse(model, "shuffle=True draws another order at every call", "give random_state a number, or shuffle=False")
    generator = np.random.RandomState(model.random_state)
    return np.stack([generator.permutation(count) for _ in range(model.max_iter)])


# --- multiplicative updates -------------------------------------------------------------------------------------------


def _loss(model: Any) -> float:
    return float(_LOSSES.get(model.beta_loss, model.beta_loss))


def _start(x: Value, parts: Any) -> Value:
    """The same weight everywhere: the root of the mean over the number of parts."""
    level = fn.sqrt(fn.mean(x) / float(len(parts))).cast(x.dtype)
    return fn.repeated(np.ones(len(parts), x.dtype), x) * level


def _by_multiplication(model: Any, x: Value) -> Value:
    """Multiplicative updates until the error hardly falls: sklearn.decomposition._nmf._fit_multiplicative_update."""
    parts, loss, graph = model.components_, _loss(model), x.graph
    start = _start(x, parts)
    sums = graph.constant(parts.sum(axis=1, keepdims=True).T)
    initial = _divergence(x, start, parts, loss)

    def update(_: Value, weights: Value, sums: Value) -> tuple[None, list[Value]]:
        weights, sums = _multiplied(model, x, weights, sums)
        if loss < 1.0:
            weights = fn.where(weights < float(np.finfo(np.float64).eps), 0.0, weights)
        return None, [weights, sums]

    def block(iteration: Value, weights: Value, sums: Value, previous: Value) -> tuple[Value | None, list[Value]]:
        left = int(model.max_iter) - iteration * _CHECKED_EVERY
        weights, sums = fn.loop(weights.graph, fn.minimum(left, _CHECKED_EVERY), [weights, sums], update)
        if not model.tol > 0.0:
            return None, [weights, sums, previous]
        error = _divergence(x, weights, parts, loss)
        return ~((previous - error) / initial < model.tol), [weights, sums, error]

    blocks = -(-int(model.max_iter) // _CHECKED_EVERY)
    return fn.loop(graph, blocks, [start, sums, initial], block)[0]


def _multiplied(model: Any, x: Value, weights: Value, sums: Value) -> tuple[Value, Value]:
    """One round: sklearn.decomposition._nmf._multiplicative_update_w.

    The sums of the parts are what is divided by under the Kullback-Leibler loss. scikit-learn adds the penalty to them in
    place, and NMF keeps them from round to round: they are given and given back.
    """
    parts, loss = model.components_, _loss(model)
    l1, l2 = _penalties(model)
    if loss == 2.0:
        numerator, denominator = x @ parts.T, weights @ (parts @ parts.T)
    else:
        made = weights @ parts
        kept = fn.maximum(made, _EPSILON) if loss < 2.0 else made
        numerator = (x / kept if loss == 1.0 else x * kept ** (loss - 2.0)) @ parts.T
        raised = fn.maximum(made, _EPSILON) if loss < 1.0 else made
        denominator = sums if loss == 1.0 else raised ** (loss - 1.0) @ parts.T
    if l1 > 0.0:
        denominator = denominator + l1
    sums = denominator if loss == 1.0 else sums
    if l2 > 0.0:
        denominator = denominator + l2 * weights
    factor = numerator / fn.where(fn.equal(denominator, 0.0), _EPSILON, denominator)
    exponent = 1.0 / (2.0 - loss) if loss < 1.0 else 1.0 / (loss - 1.0) if loss > 2.0 else 1.0
    return (weights * (factor if exponent == 1.0 else factor**exponent)).cast(weights.dtype), sums


def _divergence(x: Value, weights: Value, parts: Any, loss: float) -> Value:
    """The root of twice the beta-divergence: sklearn.decomposition._nmf._beta_divergence."""
    made = weights @ parts
    if loss == 2.0:
        off = x - made
        return fn.sqrt(fn.sum(off * off))
    counted = x > _EPSILON
    real = fn.where(counted, x, 1.0)
    kept = fn.maximum(made, _EPSILON)
    if loss == 1.0:
        terms = fn.where(counted, x * fn.log(real / kept) - x, 0.0)
        result = fn.sum(terms) + fn.sum(fn.sum(weights, 0) * parts.sum(axis=1))
    elif loss == 0.0:
        quotient = real / kept
        elements = fn.prod(x.graph.op("Shape", x, dtype="int64")).cast(x.dtype)
        result = fn.sum(fn.where(counted, quotient - fn.log(quotient), 0.0)) - elements
    else:
        terms = fn.where(counted, real**loss - loss * (real * kept ** (loss - 1.0)), 0.0)
        result = (fn.sum(terms) + (loss - 1.0) * fn.sum(made**loss)) / (loss * (loss - 1.0))
    return fn.sqrt(2.0 * fn.maximum(result, 0.0))


@transform(decomposition.MiniBatchNMF)
def batchwise_factors(model: Any, x: Value) -> Value:
    """Multiplicative updates until the weights hardly change: sklearn.decomposition.MiniBatchNMF._solve_W."""
    rounds = model.max_iter if model.transform_max_iter is None else model.transform_max_iter
    sums = model.components_.sum(axis=1, keepdims=True).T

    def update(_: Value, weights: Value) -> tuple[Value | None, list[Value]]:
        new, _unused = _multiplied(model, x, weights, weights.graph.constant(sums))
        change = _norm(new - weights) / _norm(new)
        return (~(change <= model.tol) if model.tol > 0.0 else None), [new]

    return fn.loop(x.graph, int(rounds), [_start(x, model.components_)], update)[0]


def _norm(x: Value) -> Value:
    return fn.sqrt(fn.sum(x * x))


# --- latent Dirichlet allocation --------------------------------------------------------------------------------------


@transform(decomposition.LatentDirichletAllocation)
def topics(model: Any, x: Value) -> Value:
    """The expected shares of the topics, by the E step of variational Bayes (Hoffman et al., 2010), each row to its end."""
    words = model.exp_dirichlet_component_
    x = x.cast(model.components_.dtype)
    smallest = float(np.finfo(x.dtype).eps)

    def update(_: Value, found: Value, spread: Value, active: Value) -> tuple[Value, list[Value]]:
        quotients = x / (spread @ words + smallest)
        new = spread * (quotients @ words.T) + np.asarray(model.doc_topic_prior_, x.dtype)
        change = fn.mean(fn.absolute(new - found), 1, keepdims=True)
        result = [fn.where(active, new, found), fn.where(active, _expected(new), spread)]
        still = active & ~(change < model.mean_change_tol)
        return fn.any(still), [*result, still]

    ones = fn.repeated(np.ones(len(words), x.dtype), x)
    start = [ones, _expected(ones), fn.repeated(np.array([True]), x)]
    found = fn.loop(x.graph, int(model.max_doc_update_iter), start, update)[0]
    return found / fn.sum(found, 1, keepdims=True)


def _expected(concentration: Value) -> Value:
    """exp(E[log share]) of a Dirichlet distribution, row by row."""
    return fn.exp(_digamma(concentration) - _digamma(fn.sum(concentration, 1, keepdims=True)))


def _digamma(x: Value) -> Value:
    """The digamma function with the precision of scikit-learn's own (Bernardo's algorithm AS 103, Applied Statistics 1976).

    Up to 6 by psi(x) = psi(x + 1) - 1 / x, from there on by the first terms of the asymptotic series.
    """
    shift = x * 0.0
    raised = x
    for _ in range(6):
        low = raised < 6.0
        shift = shift - fn.where(low, 1.0 / raised, 0.0)
        raised = fn.where(low, raised + 1.0, raised)
    inverse = 1.0 / raised
    square = inverse * inverse
    series = square * (1.0 / 12.0 - square * (1.0 / 120.0 - square * (1.0 / 252.0)))
    result = shift + fn.log(raised) - 0.5 * inverse - series
    return fn.where(x <= 1e-6, -np.euler_gamma - 1.0 / x, result)
