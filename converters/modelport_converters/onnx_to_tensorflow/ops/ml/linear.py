"""Linear models and support vector machines of ai.onnx.ml, as ONNX Runtime reads them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ops.ml import ML
from modelport_converters.onnx_to_tensorflow.ops.ml.scores import both, label_names, rows, transformed
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op

_ROUNDS = 100
_TOLERANCE = 0.005
"""Where libsvm ends the coupling of pairwise probabilities (Wu, Lin and Weng 2004, section 4, and libsvm's svm.cpp)."""


@op("LinearRegressor", domain=ML)
def linear_regressor(
    x: tf.Tensor,
    *, coefficients: Sequence[float], intercepts: Sequence[float] = (), post_transform: str = "NONE", targets: int = 1,
) -> tf.Tensor:  # fmt: skip
    """Linear regression: X @ coefficients' + intercepts."""
    return transformed(_affine(rows(x, tf.float32), coefficients, intercepts, targets), post_transform)


@op("LinearClassifier", domain=ML)
def linear_classifier(
    x: tf.Tensor,
    *, coefficients: Sequence[float], intercepts: Sequence[float] = (), multi_class: int = 0,
    classlabels_ints: Sequence[int] = (), classlabels_strings: Sequence[str] = (), post_transform: str = "NONE",
) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
    """Linear classifier: argmax of the scores X @ coefficients' + intercepts, and these; a single score is compared with 0."""
    x, labels = rows(x, tf.float32), label_names(classlabels_ints, classlabels_strings)
    count = len(intercepts) or (len(coefficients) // x.shape[1] if x.shape[1] else int(labels.shape[0]))
    scores = _affine(x, coefficients, intercepts, count)
    if count > 1:
        return tf.gather(labels, tf.argmax(scores, 1)), transformed(scores, post_transform)
    if int(labels.shape[0]) != 2:
        raise Unsupported("it has one score and not two labels")
    chosen = tf.gather(labels, tf.cast(scores[:, 0] > 0, tf.int32))
    return chosen, both(scores, post_transform, True)


def _affine(x: tf.Tensor, coefficients: Sequence[float], intercepts: Sequence[float], count: int) -> tf.Tensor:
    weights = np.reshape(np.array(coefficients, np.float32), [count, -1])
    y = tf.matmul(x, weights, transpose_b=True)
    return y + np.array(intercepts, np.float32) if len(intercepts) else y


@op("SVMRegressor", domain=ML)
def svm_regressor(
    x: tf.Tensor,
    *, coefficients: Sequence[float], kernel_params: Sequence[float] = (), kernel_type: str = "LINEAR",
    n_supports: int = 0, one_class: int = 0, post_transform: str = "NONE", rho: Sequence[float] = (0.0,),
    support_vectors: Sequence[float] = (),
) -> tf.Tensor:  # fmt: skip
    """Support vector regression: kernel(x, support vectors) @ coefficients + rho; the sign of it for one-class models."""
    x = rows(x, tf.float64)
    if n_supports:
        x = _kernel(x, np.reshape(_double(support_vectors), [n_supports, -1]), kernel_type, kernel_params)
    y = tf.matmul(x, _double(coefficients)[:, None]) + rho[0]
    return tf.cast(tf.where(y > 0, tf.ones_like(y), -tf.ones_like(y)) if one_class else y, tf.float32)


@op("SVMClassifier", domain=ML)
def svm_classifier(
    x: tf.Tensor,
    *, coefficients: Sequence[float], rho: Sequence[float], classlabels_ints: Sequence[int] = (),
    classlabels_strings: Sequence[str] = (), kernel_params: Sequence[float] = (), kernel_type: str = "LINEAR",
    post_transform: str = "NONE", prob_a: Sequence[float] = (), prob_b: Sequence[float] = (),
    support_vectors: Sequence[float] = (), vectors_per_class: Sequence[int] = (),
) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
    """Support vector classifier, one-vs-one: labels by votes, and the decision values or the classes' probabilities."""
    x, labels = rows(x, tf.float64), label_names(classlabels_ints, classlabels_strings)
    count = int(labels.shape[0])
    if count < 2:
        raise Unsupported("it has fewer than two classes")
    if not sum(vectors_per_class):
        return _linear_machine(x, _double(coefficients), rho[0], labels, post_transform)
    vectors = np.reshape(_double(support_vectors), [sum(vectors_per_class), -1])
    pairs = list(combinations(range(count), 2))
    kernel = _kernel(x, vectors, kernel_type, kernel_params)
    scores = tf.matmul(kernel, _pairwise(_double(coefficients), vectors_per_class, pairs)) + _double(rho)[: len(pairs)]
    first, second = (np.eye(count)[[pair[side] for pair in pairs]] for side in (0, 1))
    won = tf.cast(scores > 0, tf.float64)
    label = tf.gather(labels, tf.argmax(tf.matmul(won, first) + tf.matmul(1 - won, second), 1))
    if len(prob_a):
        scores = transformed(_coupled(scores * _double(prob_a) + _double(prob_b), pairs, count), post_transform)
    elif count == 2:
        scores = both(scores, post_transform, post_transform != "NONE")
    else:
        scores = transformed(scores, post_transform)
    return label, tf.cast(scores, tf.float32)


def _linear_machine(
    x: tf.Tensor, coefficients: np.ndarray, rho: float, labels: tf.Tensor, post_transform: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return labels and scores of a linear machine without support vectors, coefficients [classes, features]."""
    count = int(labels.shape[0])
    scores = tf.matmul(x, np.reshape(coefficients, [count, -1]), transpose_b=True) + rho
    best = tf.argmax(scores, 1)
    if count == 2:  # ONNX Runtime takes the second label wherever the larger score passes a threshold
        largest = tf.reduce_max(scores, 1)
        passes = largest >= 0.5 if (coefficients >= 0).all() else largest > 0
        best = tf.where(passes, tf.ones_like(best), best)
    return tf.gather(labels, best), tf.cast(transformed(scores, post_transform), tf.float32)


def _double(values: Sequence[float]) -> np.ndarray:
    return np.array(values, np.float64)


def _kernel(x: tf.Tensor, vectors: np.ndarray, kind: str, params: Sequence[float]) -> tf.Tensor:
    """Return the kernel matrix [rows, vectors]; params are gamma, coef0 and degree."""
    gamma, coef0, degree = (*params, 0.0, 0.0, 0.0)[:3]
    product = tf.matmul(x, vectors, transpose_b=True)
    if kind == "RBF":
        squares = tf.reduce_sum(x * x, 1, keepdims=True) + (vectors * vectors).sum(1)
        return tf.exp(-gamma * tf.maximum(squares - 2 * product, 0.0))
    if kind == "POLY":
        return tf.pow(gamma * product + coef0, np.float64(degree))
    return tf.tanh(gamma * product + coef0) if kind == "SIGMOID" else product


def _pairwise(coefficients: np.ndarray, per_class: Sequence[int], pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return libsvm's dual coefficients as a matrix [vectors, pairs of classes]."""
    ends = np.cumsum(per_class)
    own = [slice(end - size, end) for end, size in zip(ends, per_class, strict=True)]
    table = np.reshape(coefficients, [len(per_class) - 1, -1])
    weights = np.zeros((int(ends[-1]), len(pairs)))
    for column, (i, j) in enumerate(pairs):
        weights[own[i], column] = table[j - 1, own[i]]
        weights[own[j], column] = table[i, own[j]]
    return weights


def _coupled(decisions: tf.Tensor, pairs: Sequence[tuple[int, int]], count: int) -> tf.Tensor:
    """Return probabilities [rows, classes] by Platt scaling and pairwise coupling of the decisions.

    Minimises sum over pairs (r_ji p_i - r_ij p_j)^2 row by row, and ends each row where libsvm does.
    """
    chance = tf.clip_by_value(tf.sigmoid(-decisions), 1e-7, 1 - 1e-7)
    first, second = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    upper, lower = np.zeros((len(pairs), count * count)), np.zeros((len(pairs), count * count))
    upper[np.arange(len(pairs)), first * count + second] = 1
    lower[np.arange(len(pairs)), second * count + first] = 1
    r = tf.reshape(tf.matmul(chance, upper) + tf.matmul(1 - chance, lower), [-1, count, count])
    turned = tf.transpose(r, [0, 2, 1])
    q = tf.linalg.diag(tf.reduce_sum(turned * turned, 2)) - r * turned

    def step(rounds: tf.Tensor, p: tf.Tensor, open_rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        qp = tf.linalg.matvec(q, p)
        pqp = tf.reduce_sum(p * qp, 1, keepdims=True)
        open_rows = open_rows & (tf.reduce_max(tf.abs(qp - pqp), 1, keepdims=True) >= _TOLERANCE / count)
        return rounds + 1, tf.where(open_rows, _sweep(q, p, qp, pqp, count), p), open_rows

    start = tf.fill(tf.stack([tf.shape(r)[0], count]), tf.constant(1 / count, tf.float64))
    state = (tf.constant(0), start, tf.ones_like(start[:, :1], tf.bool))
    shapes = (tf.TensorShape([]), tf.TensorShape([None, count]), tf.TensorShape([None, 1]))
    return tf.while_loop(lambda n, p, left: (n < _ROUNDS) & tf.reduce_any(left), step, state, shapes)[1]


def _sweep(q: tf.Tensor, p: tf.Tensor, qp: tf.Tensor, pqp: tf.Tensor, count: int) -> tf.Tensor:
    """Return p after one iteration of pairwise coupling over its elements."""
    for i in range(count):
        change = (pqp - qp[:, i : i + 1]) / q[:, i, i, None]
        p = p + change * np.eye(count)[i]
        pqp = (pqp + change * (change * q[:, i, i, None] + 2 * qp[:, i : i + 1])) / (1 + change) ** 2
        qp = (qp + change * q[:, i]) / (1 + change)
        p = p / (1 + change)
    return p
