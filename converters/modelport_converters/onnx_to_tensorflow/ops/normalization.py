"""Normalization: batch, instance, group, layer, RMS, local response and Lp."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.layout import nhwc_axis
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, op
from modelport_converters.onnx_to_tensorflow.weights import to_dtype

_FLOAT = 1
"""ONNX's number of the element type float32."""

_MVN_EPSILON = 1e-9
"""Added to the standard deviation in the schema's body of MeanVarianceNormalization."""


def standardized(x: tf.Tensor, axes: Sequence[int], epsilon: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return (x - mean) / sqrt(variance + epsilon), the mean and the reciprocal of the root; reduced dimensions are kept."""
    mean = tf.reduce_mean(x, axes, keepdims=True)
    centred = x - mean
    inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), axes, keepdims=True) + epsilon)
    return centred * inverse, mean, inverse


def root_mean_square(x: tf.Tensor, axes: Sequence[int], epsilon: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Return x / sqrt(mean(x^2) + epsilon) and the reciprocal of the root."""
    inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(x), axes, keepdims=True) + epsilon)
    return x * inverse, inverse


def layer_norm(
    x: tf.Tensor, scale: tf.Tensor, b: tf.Tensor | None = None, *, axis: int = -1, epsilon: float = 1e-5
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Layer normalisation of the dimensions from axis on in float32 or wider: the result, the mean and 1 / sqrt(variance)."""
    y, mean, inverse = standardized(wide(x), trailing(x, axis), epsilon)
    y = tf.cast(y, x.dtype) * scale
    return y if b is None else y + b, mean, inverse


def wide(x: tf.Tensor, stash_type: int = _FLOAT) -> tf.Tensor:
    """Return x in the type in which its statistics are computed: that of stash_type, but never narrower than x."""
    stash = to_dtype(ir.DataType(stash_type))
    return tf.cast(x, stash) if stash.size > x.dtype.size else x


def trailing(x: tf.Tensor, axis: int) -> list[int]:
    """Return the dimensions from axis on."""
    return list(range(axis % x.shape.rank, x.shape.rank))


@op("LayerNormalization")
def layer_normalization(
    x: tf.Tensor, scale: tf.Tensor, b: tf.Tensor | None = None,
    *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = _FLOAT,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:  # fmt: skip
    """Layer normalization over the dimensions from axis on; also the mean and the inverse standard deviation."""
    y, mean, inverse = standardized(wide(x, stash_type), trailing(x, axis), epsilon)
    y = tf.cast(y, x.dtype) * scale
    stash = to_dtype(ir.DataType(stash_type))
    return y if b is None else y + b, tf.cast(mean, stash), tf.cast(inverse, stash)


@op("RMSNormalization")
def rms_normalization(
    x: tf.Tensor, scale: tf.Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = _FLOAT
) -> tf.Tensor:
    """RMS normalization over the dimensions from axis on."""
    y, _ = root_mean_square(wide(x, stash_type), trailing(x, axis), epsilon)
    return tf.cast(y, scale.dtype) * scale


@op("BatchNormalization", layout=LayoutRule.SPATIAL)
def batch_normalization(
    x: tf.Tensor, scale: tf.Tensor, b: tf.Tensor, input_mean: tf.Tensor, input_var: tf.Tensor,
    *, epsilon: float = 1e-5, momentum: float = 0.9, training_mode: int = 0,
) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor, tf.Tensor]:  # fmt: skip
    """Batch normalization of a channels-last tensor, by the running statistics or, in training mode, by those of the batch."""
    held = wide(x)
    scale, b, mean, variance = (tf.cast(value, held.dtype) for value in (scale, b, input_mean, input_var))
    if not training_mode:
        return tf.cast(tf.nn.batch_normalization(held, mean, variance, b, scale, epsilon), x.dtype)
    own_mean, own_variance = tf.nn.moments(held, list(range(held.shape.rank - 1)))
    y = tf.nn.batch_normalization(held, own_mean, own_variance, b, scale, epsilon)
    running = (momentum * mean + (1 - momentum) * own_mean, momentum * variance + (1 - momentum) * own_variance)
    return tf.cast(y, x.dtype), *(tf.cast(value, input_mean.dtype) for value in running)


@op("InstanceNormalization", layout=LayoutRule.SPATIAL)
def instance_normalization(x: tf.Tensor, scale: tf.Tensor, b: tf.Tensor, *, epsilon: float = 1e-5) -> tf.Tensor:
    """Instance normalization: each channel of each instance over the spatial dimensions; channels-last."""
    y, _, _ = standardized(wide(x), list(range(1, x.shape.rank - 1)), epsilon)
    return tf.cast(y, x.dtype) * scale + b


@op("GroupNormalization", layout=LayoutRule.SPATIAL)
def group_normalization(
    x: tf.Tensor, scale: tf.Tensor, bias: tf.Tensor, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = _FLOAT
) -> tf.Tensor:
    """Group normalization: each group of channels of each instance; scale and shift per channel; channels-last."""
    shape = tf.shape(x)
    channels = x.shape[-1] or shape[-1]
    grouped = tf.reshape(wide(x, stash_type), [shape[0], -1, num_groups, channels // num_groups])
    y, _, _ = standardized(grouped, [1, 3], epsilon)
    y = tf.ensure_shape(tf.reshape(y, shape), x.shape)
    return tf.cast(y, x.dtype) * scale + bias


@op("LRN", layout=LayoutRule.SPATIAL)
def lrn(x: tf.Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> tf.Tensor:
    """Local response normalization: x / (bias + alpha / size * sum of squares of `size` channels) ^ beta; channels-last."""
    if size % 2 and x.shape.rank == 4 and x.dtype == tf.float32:
        return tf.nn.local_response_normalization(x, size // 2, bias, alpha / size, beta)
    square = tf.square(wide(x))
    channels = x.shape[-1] or tf.shape(x)[-1]
    padded = tf.pad(square, [*[[0, 0]] * (x.shape.rank - 1), [(size - 1) // 2, size // 2]])
    total = tf.add_n([padded[..., start : start + channels] for start in range(size)])
    return tf.cast(wide(x) / (bias + alpha / size * total) ** beta, x.dtype)


@op("LpNormalization", layout=LayoutRule.AXIS)
def lp_normalization(x: tf.Tensor, *, axis: int = -1, p: int = 2) -> tf.Tensor:
    """Lp normalization: x divided by its norm of order 1 or 2 along axis; zero where the norm is."""
    held = wide(x)
    if p == 1:
        norm = tf.reduce_sum(tf.abs(held), axis, keepdims=True)
    else:
        norm = tf.sqrt(tf.reduce_sum(tf.square(held), axis, keepdims=True))
    return tf.cast(tf.math.divide_no_nan(held, norm), x.dtype)


@op("MeanVarianceNormalization", layout=LayoutRule.SPATIAL)
def mean_variance_normalization(x: tf.Tensor, *, axes: Sequence[int] = (0, 2, 3)) -> tf.Tensor:
    """Mean-variance normalization: (x - mean) / standard deviation over axes; channels-last from three dimensions on."""
    rank = x.shape.rank
    moved = [nhwc_axis(axis, rank) if rank > 2 else axis for axis in axes]
    held = wide(x)
    centred = held - tf.reduce_mean(held, moved, keepdims=True)
    deviation = tf.sqrt(tf.reduce_mean(tf.square(centred), moved, keepdims=True))
    return tf.cast(centred / (deviation + _MVN_EPSILON), x.dtype)
