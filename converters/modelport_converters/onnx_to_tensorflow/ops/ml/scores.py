"""Labels and post-transforms of scores, shared by the models of ai.onnx.ml, as ONNX Runtime reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

_ERF = 0.147
"""Constant of Winitzki's approximation of the inverse error function, by which onnx and ONNX Runtime define PROBIT."""


def label_names(integers: Sequence[int] | None, strings: Sequence[str] | None) -> tf.Tensor:
    """Return the class labels as a constant of strings or integers."""
    return tf.constant(list(strings)) if strings else tf.constant(list(integers or ()), tf.int64)


def transformed(scores: tf.Tensor, name: str) -> tf.Tensor:
    """Apply a post_transform to scores [rows, classes]; a single score is changed by PROBIT only."""
    if name == "PROBIT":
        return _probit(scores)
    if scores.shape[-1] == 1:
        return scores
    if name == "SOFTMAX":
        return tf.nn.softmax(scores)
    if name == "LOGISTIC":
        return tf.sigmoid(scores)
    if name == "SOFTMAX_ZERO":
        largest = tf.reduce_max(scores, -1, keepdims=True)
        powers = tf.where(tf.abs(scores) <= 1e-7, tf.zeros_like(scores), tf.exp(scores - largest))
        return powers / tf.reduce_sum(powers, -1, keepdims=True)
    return scores


def both(score: tf.Tensor, name: str, positive: bool) -> tf.Tensor:
    """Expand the single score [rows, 1] of a binary classifier to the scores of both classes.

    Args:
        score: of the second class.
        name: the post_transform.
        positive: whether the score is a probability, whose complement belongs to the first class.
    """
    if name == "LOGISTIC":
        return tf.sigmoid(tf.concat([-score, score], 1))
    if name == "PROBIT":
        return _probit(tf.concat([1 - score, score], 1))
    return tf.concat([1 - score if positive else -score, score], 1)


def rows(x: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Return the input [rows, features] as floats; one dimension is one row."""
    x = tf.cast(x, dtype)
    return x[None] if x.shape.rank == 1 else x


def _probit(p: tf.Tensor) -> tf.Tensor:
    z = 2 * p - 1
    log = tf.math.log((1 - z) * (1 + z))
    half = 2 / (math.pi * _ERF) + log / 2
    return (
        math.sqrt(2)
        * tf.where(z < 0, -tf.ones_like(z), tf.ones_like(z))
        * tf.sqrt(tf.sqrt(half * half - log / _ERF) - half)
    )
