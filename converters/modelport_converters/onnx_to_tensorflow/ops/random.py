"""Random number generators, stateless: a node with a seed draws the same numbers at each call. Dropout too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ops.elementwise.casting import to_type
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, op
from modelport_converters.onnx_to_tensorflow.weights import to_dtype


def _seed(seed: float | None) -> list[int] | tf.Tensor:
    if seed is None:
        return tf.random.uniform([2], minval=0, maxval=2**31 - 1, dtype=tf.int32)
    return [int(np.float32(seed).view(np.int32)), 0]


def _type(dtype: int | None, like: tf.Tensor) -> tf.DType:
    return like.dtype if dtype is None else to_dtype(ir.DataType(dtype))


def _uniform(shape: tf.Tensor, low: float, high: float, seed: float | None, dtype: tf.DType) -> tf.Tensor:
    drawn = tf.random.stateless_uniform(
        shape, _seed(seed), low, high, tf.float64 if dtype == tf.float64 else tf.float32
    )
    return to_type(drawn, dtype)


def _normal(shape: tf.Tensor, mean: float, scale: float, seed: float | None, dtype: tf.DType) -> tf.Tensor:
    drawn = tf.random.stateless_normal(
        shape, _seed(seed), mean, scale, tf.float64 if dtype == tf.float64 else tf.float32
    )
    return to_type(drawn, dtype)


@op("RandomUniform")
def random_uniform(
    *, shape: Sequence[int], dtype: int = 1, high: float = 1.0, low: float = 0.0, seed: float | None = None
) -> tf.Tensor:
    """Random numbers, uniform in [low, high)."""
    return _uniform(list(shape), low, high, seed, _type(dtype, None))


@op("RandomNormal")
def random_normal(
    *, shape: Sequence[int], dtype: int = 1, mean: float = 0.0, scale: float = 1.0, seed: float | None = None
) -> tf.Tensor:
    """Random numbers, normal with a mean and a standard deviation."""
    return _normal(list(shape), mean, scale, seed, _type(dtype, None))


@op("RandomUniformLike")
def random_uniform_like(
    x: tf.Tensor, *, dtype: int | None = None, high: float = 1.0, low: float = 0.0, seed: float | None = None
) -> tf.Tensor:
    """Random numbers of the shape of x, uniform in [low, high)."""
    return _uniform(tf.shape(x), low, high, seed, _type(dtype, x))


@op("RandomNormalLike")
def random_normal_like(
    x: tf.Tensor, *, dtype: int | None = None, mean: float = 0.0, scale: float = 1.0, seed: float | None = None
) -> tf.Tensor:
    """Random numbers of the shape of x, normal with a mean and a standard deviation."""
    return _normal(tf.shape(x), mean, scale, seed, _type(dtype, x))


@op("Bernoulli")
def bernoulli(x: tf.Tensor, *, dtype: int | None = None, seed: float | None = None) -> tf.Tensor:
    """Bernoulli samples: 1 with probability x, else 0."""
    wide = tf.float64 if x.dtype == tf.float64 else tf.float32
    return to_type(_uniform(tf.shape(x), 0.0, 1.0, seed, wide) < tf.cast(x, wide), _type(dtype, x))


@op("Multinomial")
def multinomial(x: tf.Tensor, *, dtype: int = 6, sample_size: int = 1, seed: float | None = None) -> tf.Tensor:
    """Samples of the classes of each row of unnormalized log-probabilities."""
    logits = tf.cast(x, tf.float32)
    return tf.random.stateless_categorical(logits, sample_size, _seed(seed), _type(dtype, None))


@op("Dropout", layout=LayoutRule.ELEMENTWISE)
def dropout(
    data: tf.Tensor, ratio: tf.Tensor | None = None, training: tf.Tensor | None = None,
    *, seed: float | None = None, wanted: int = 1,
) -> tuple[tf.Tensor, ...]:  # fmt: skip
    """Dropout: the identity in inference; in training elements are zeroed with probability ratio and the rest scaled up."""
    known = False if training is None else tf.get_static_value(training)
    if known is not None and not np.any(known):
        return (data, tf.ones_like(data, tf.bool))[:wanted]
    rate = tf.cast(0.5 if ratio is None else tf.reshape(ratio, []), tf.float32)
    kept = (_uniform(tf.shape(data), 0.0, 1.0, seed, tf.float32) >= rate) | ~tf.reshape(training, [])
    scale = tf.cast(tf.where(tf.reshape(training, []) & (rate < 1), 1 / (1 - rate), 1.0), data.dtype)
    return (tf.where(kept, data * scale, tf.zeros([], data.dtype)), kept)[:wanted]
