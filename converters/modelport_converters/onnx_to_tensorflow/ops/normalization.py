"""Normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.layout import nhwc_axis
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, op
from modelport_converters.onnx_to_tensorflow.weights import to_dtype

_FLOAT = 1
"""ONNX's number of the element type float32."""

_MVN_EPSILON = 1e-9
"""Added to the standard deviation in the schema's body of MeanVarianceNormalization."""


def standardized(x: Any, axes: Sequence[int], epsilon: float) -> tuple[Any, Any, Any]:
    """Return (x - mean) / sqrt(variance + epsilon), the mean and the reciprocal of the root; reduced dimensions are kept."""
    mean = tf.reduce_mean(x, axes, keepdims=True)
    centred = x - mean
    inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), axes, keepdims=True) + epsilon)
    return centred * inverse, mean, inverse


def root_mean_square(x: Any, axes: Sequence[int], epsilon: float) -> tuple[Any, Any]:
    """Return x / sqrt(mean(x^2) + epsilon) and the reciprocal of the root."""
    inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(x), axes, keepdims=True) + epsilon)
    return x * inverse, inverse


def layer_norm(x: Any, scale: Any, b: Any = None, *, axis: int = -1, epsilon: float = 1e-5) -> tuple[Any, Any, Any]:
    """Layer normalisation of the dimensions from axis on in float32 or wider: the result, the mean and 1 / sqrt(variance)."""
    y, mean, inverse = standardized(wide(x), trailing(x, axis), epsilon)
    y = tf.cast(y, x.dtype) * scale
    return y if b is None else y + b, mean, inverse


def wide(x: Any, stash_type: int = _FLOAT) -> Any:
    """Return x in the type in which its statistics are computed: that of stash_type, but never narrower than x."""
    stash = to_dtype(ir.DataType(stash_type))
    return tf.cast(x, stash) if stash.size > x.dtype.size else x


def trailing(x: Any, axis: int) -> list[int]:
    """Return the dimensions from axis on."""
    return list(range(axis % x.shape.rank, x.shape.rank))


@op("LayerNormalization")
def layer_normalization(
    x: Any, scale: Any, b: Any = None, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = _FLOAT
) -> Any:
    """Zero mean and unit variance over the dimensions from axis on, then scale and shift; also the mean and 1 / deviation."""
    y, mean, inverse = standardized(wide(x, stash_type), trailing(x, axis), epsilon)
    y = tf.cast(y, x.dtype) * scale
    stash = to_dtype(ir.DataType(stash_type))
    return y if b is None else y + b, tf.cast(mean, stash), tf.cast(inverse, stash)


@op("RMSNormalization")
def rms_normalization(x: Any, scale: Any, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = _FLOAT) -> Any:
    """Divide by the root mean square over the dimensions from axis on, then scale."""
    y, _ = root_mean_square(wide(x, stash_type), trailing(x, axis), epsilon)
    return tf.cast(y, scale.dtype) * scale


@op("BatchNormalization", layout=LayoutRule.SPATIAL)
def batch_normalization(
    x: Any, scale: Any, b: Any, input_mean: Any, input_var: Any,
    *, epsilon: float = 1e-5, momentum: float = 0.9, training_mode: int = 0,
) -> Any:  # fmt: skip
    """Normalise each channel, which is the last dimension, by given statistics or, in training mode, by those of the batch."""
    held = wide(x)
    scale, b, mean, variance = (tf.cast(value, held.dtype) for value in (scale, b, input_mean, input_var))
    if not training_mode:
        return tf.cast(tf.nn.batch_normalization(held, mean, variance, b, scale, epsilon), x.dtype)
    own_mean, own_variance = tf.nn.moments(held, list(range(held.shape.rank - 1)))
    y = tf.nn.batch_normalization(held, own_mean, own_variance, b, scale, epsilon)
    running = (momentum * mean + (1 - momentum) * own_mean, momentum * variance + (1 - momentum) * own_variance)
    return tf.cast(y, x.dtype), *(tf.cast(value, input_mean.dtype) for value in running)


@op("InstanceNormalization", layout=LayoutRule.SPATIAL)
def instance_normalization(x: Any, scale: Any, b: Any, *, epsilon: float = 1e-5) -> Any:
    """Normalise each channel of each instance over the spatial dimensions, then scale and shift; channels-last."""
    y, _, _ = standardized(wide(x), list(range(1, x.shape.rank - 1)), epsilon)
    return tf.cast(y, x.dtype) * scale + b


@op("GroupNormalization", layout=LayoutRule.SPATIAL)
def group_normalization(
    x: Any, scale: Any, bias: Any, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = _FLOAT
) -> Any:
    """Normalise each group of channels of each instance, then scale and shift each channel; channels-last."""
    shape = tf.shape(x)
    channels = x.shape[-1] or shape[-1]
    grouped = tf.reshape(wide(x, stash_type), [shape[0], -1, num_groups, channels // num_groups])
    y, _, _ = standardized(grouped, [1, 3], epsilon)
    y = tf.ensure_shape(tf.reshape(y, shape), x.shape)
    return tf.cast(y, x.dtype) * scale + bias


@op("LRN", layout=LayoutRule.SPATIAL)
def lrn(x: Any, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Any:
    """Divide x by (bias + alpha / size * sum of squares of `size` neighbouring channels) ^ beta; channels-last."""
    if size % 2 and x.shape.rank == 4 and x.dtype == tf.float32:
        return tf.nn.local_response_normalization(x, size // 2, bias, alpha / size, beta)
    square = tf.square(wide(x))
    channels = x.shape[-1] or tf.shape(x)[-1]
    padded = tf.pad(square, [*[[0, 0]] * (x.shape.rank - 1), [(size - 1) // 2, size // 2]])
    total = tf.add_n([padded[..., start : start + channels] for start in range(size)])
    return tf.cast(wide(x) / (bias + alpha / size * total) ** beta, x.dtype)


@op("LpNormalization", layout=LayoutRule.AXIS)
def lp_normalization(x: Any, *, axis: int = -1, p: int = 2) -> Any:
    """Divide x by its norm of order 1 or 2 along axis; zero where the norm is."""
    held = wide(x)
    if p == 1:
        norm = tf.reduce_sum(tf.abs(held), axis, keepdims=True)
    else:
        norm = tf.sqrt(tf.reduce_sum(tf.square(held), axis, keepdims=True))
    return tf.cast(tf.math.divide_no_nan(held, norm), x.dtype)


@op("MeanVarianceNormalization", layout=LayoutRule.SPATIAL)
def mean_variance_normalization(x: Any, *, axes: Sequence[int] = (0, 2, 3)) -> Any:
    """(x - mean) / standard deviation over axes; channels-last from three dimensions on."""
    rank = x.shape.rank
    moved = [nhwc_axis(axis, rank) if rank > 2 else axis for axis in axes]
    held = wide(x)
    centred = held - tf.reduce_mean(held, moved, keepdims=True)
    deviation = tf.sqrt(tf.reduce_mean(tf.square(centred), moved, keepdims=True))
    return tf.cast(centred / (deviation + _MVN_EPSILON), x.dtype)
