"""Convolution, grouped and depthwise, of floats and of integers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_graph.windows import Window
from modelport_converters.onnx_to_tensorflow.ops.convolution.windows import padded, strided, window_over
from modelport_converters.onnx_to_tensorflow.ops.nn.linear import shifted
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, op
from modelport_converters.onnx_to_tensorflow.weights import Weight, arrange, static_array
from modelport_converters.onnx_to_tensorflow.widening import HALVES, widened

_BLOCK = 16
"""Groups are convolved together up to this many channels, with zeros in the filters between them: measured on a CPU from 2
channels a group (5 times as fast) to 8 (1.1 times); from 16 on, the work with zeros costs more than the calls saved."""

_EXACT_TAPS = 2**24 // 255**2
"""The sum of so many products of two differences of bytes is exact in float32."""


@op("Conv", layout=LayoutRule.SPATIAL, lazy=("w",))
def conv(
    x: tf.Tensor, w: Weight | tf.Tensor, b: tf.Tensor | None = None,
    *, auto_pad: str = "NOTSET", dilations: Sequence[int] = (), group: int = 1, kernel_shape: Sequence[int] = (),
    pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> tf.Tensor:  # fmt: skip
    """Convolution; x is channels-last, w as in ONNX: [M, C/group, *kernel]."""
    window = window_over(x, [int(size) for size in w.shape[2:]], strides, dilations, pads, auto_pad)
    return convolved(x, w, b, group, window)


@op("ConvInteger", layout=LayoutRule.SPATIAL, lazy=("w",))
def conv_integer(
    x: tf.Tensor, w: Weight | tf.Tensor, x_zero_point: tf.Tensor | None = None, w_zero_point: tf.Tensor | None = None,
    *, auto_pad: str = "NOTSET", dilations: Sequence[int] = (), group: int = 1, kernel_shape: Sequence[int] = (),
    pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> tf.Tensor:  # fmt: skip
    """Integer convolution of x and w minus their zero points, int32; the zero point of w is per tensor or per filter."""
    window = window_over(x, [int(size) for size in w.shape[2:]], strides, dilations, pads, auto_pad)
    dtype = tf.float32 if math.prod([int(size) for size in w.shape[1:]]) <= _EXACT_TAPS else tf.float64
    filters = _distance(w, w_zero_point, dtype)
    return tf.cast(convolved(tf.cast(shifted(x, x_zero_point), dtype), filters, None, group, window), tf.int32)


def _distance(w: Weight | tf.Tensor, zero_point: tf.Tensor | None, dtype: tf.DType) -> np.ndarray | tf.Tensor:
    """Return the filters minus their zero points: an array where both are static."""
    array, zero = static_array(w), np.zeros(1, np.int32) if zero_point is None else static_array(zero_point)
    if array is not None and zero is not None:
        return (array.astype(np.int32) - zero.astype(np.int32).reshape([-1] + [1] * (array.ndim - 1))).astype(
            dtype.name
        )
    if zero_point is not None:
        zero_point = tf.reshape(zero_point, [-1] + [1] * (len(w.shape) - 1))
    return tf.cast(shifted(arrange(w), zero_point), dtype)


def convolved(
    x: tf.Tensor, w: Weight | np.ndarray | tf.Tensor, b: tf.Tensor | None, group: int, window: Window
) -> tf.Tensor:
    """Convolve a channels-last tensor with filters in ONNX's order, [M, C/group, *kernel]: a weight, an array or a tensor."""
    if x.dtype.name in HALVES:  # a kernel of its own would add up in this type
        return widened(lambda x, b: convolved(x, w, b, group, window), HALVES)(x, b)
    if len(window.kernel) == 1:
        return tf.squeeze(convolved(tf.expand_dims(x, 1), w, b, group, window.lifted()), 1)
    rank, filters, depth = len(window.kernel), int(w.shape[0]), int(w.shape[1])
    if group > 1 and depth == 1 and rank == 2:
        channels = arrange(w, shape=(group, filters // group, *window.kernel), perm=(2, 3, 0, 1))
        y = _depthwise(x, _typed(channels, x.dtype), window)
    else:
        dense = arrange(w, shape=(filters, depth, *window.kernel), perm=(*range(2, 2 + rank), 1, 0))
        y = _grouped(x, _typed(dense, x.dtype), group, window)
    return y if b is None else tf.nn.bias_add(y, b)


def _typed(w: np.ndarray | tf.Tensor, dtype: tf.DType) -> np.ndarray | tf.Tensor:
    return w if isinstance(w, np.ndarray) or w.dtype == dtype else tf.cast(w, dtype)


def _grouped(x: tf.Tensor, w: np.ndarray | tf.Tensor, group: int, window: Window) -> tf.Tensor:
    """Grouped convolution, one for each group: faster on a CPU than the grouped kernel, and its gradient exists."""
    native = len(window.kernel) == 2 or 1 in (max(window.strides), max(window.dilations))
    if native and window.same and not window.fixed:
        padding = "SAME"
    else:  # padding beforehand is up to 1.6 times as fast as in the convolution's kernel
        x, padding = padded(x, window), "VALID"
    blocks = _blocks(w, group)
    parts = tf.split(x, len(blocks), -1) if len(blocks) > 1 else [x]
    steps = window.strides if native else [1] * len(window.kernel)
    found = [
        _convolution(part, block, steps, padding, window.dilations) for part, block in zip(parts, blocks, strict=True)
    ]
    y = tf.concat(found, -1) if len(found) > 1 else found[0]
    return y if native else strided(y, window.strides)


def _convolution(
    x: tf.Tensor, w: np.ndarray | tf.Tensor, strides: Sequence[int], padding: str, dilations: Sequence[int]
) -> tf.Tensor:
    if len(strides) == 2:
        return tf.nn.conv2d(x, w, list(strides), padding, dilations=list(dilations))
    return tf.nn.convolution(x, w, list(strides), padding, "NDHWC", list(dilations))


def _blocks(w: np.ndarray | tf.Tensor, group: int) -> Sequence[np.ndarray | tf.Tensor]:
    """Split filters [*kernel, depth, filters] by group; small groups are merged into block-diagonal filters where w is static."""
    if group == 1:
        return [w]
    array, depth, filters = static_array(w), int(w.shape[-2]), int(w.shape[-1]) // group
    count = max((n for n in range(1, group + 1) if group % n == 0 and n * max(depth, filters) <= _BLOCK), default=1)
    if array is None or count == 1:
        parts: Sequence[tf.Tensor] = tf.split(w, group, -1)
        return parts
    kernel = array.shape[:-2]
    blocks = np.zeros((group // count, *kernel, count, depth, count, filters), array.dtype)
    for index, own in enumerate(np.split(array, group, -1)):
        blocks[index // count, ..., index % count, :, index % count, :] = own
    return list(blocks.reshape(group // count, *kernel, count * depth, count * filters))


def _depthwise(x: tf.Tensor, w: np.ndarray | tf.Tensor, window: Window) -> tf.Tensor:
    """Depthwise convolution; never with explicit padding in the kernel, which oneDNN's fused form cannot read."""
    native = len(set(window.strides)) == 1 and 1 in (max(window.strides), max(window.dilations))
    padding = "SAME" if native and window.same else "VALID"
    x = x if padding == "SAME" else padded(x, window)
    steps = [1, *window.strides, 1] if native else [1] * 4
    y = tf.nn.depthwise_conv2d(x, w, steps, padding, dilations=list(window.dilations))
    return y if native else strided(y, window.strides)
