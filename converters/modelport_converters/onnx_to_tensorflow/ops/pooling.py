"""Pooling and unpooling; pooling takes its input channels-last."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_graph.windows import Window, outputs, taps_within
from modelport_converters.onnx_to_tensorflow import shapes
from modelport_converters.onnx_to_tensorflow.ops.convolution.windows import (
    fold,
    padded,
    paddings,
    slices,
    spatial_sizes,
    window_over,
)
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, op
from modelport_converters.onnx_to_tensorflow.shapes import Size
from modelport_converters.onnx_to_tensorflow.widening import HALVES, widened


@op("MaxPool", layout=LayoutRule.SPATIAL)
def max_pool(
    x: tf.Tensor,
    *, auto_pad: str = "NOTSET", ceil_mode: int = 0, dilations: Sequence[int] = (), kernel_shape: Sequence[int],
    pads: Sequence[int] = (), storage_order: int = 0, strides: Sequence[int] = (), wanted: int = 1,
) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
    """Max pooling; on request also the index of each maximum in x flattened in NCHW."""
    window = window_over(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    if wanted > 1:
        return max_pool_with_indices(x, window, bool(storage_order))
    return widened(lambda x: _largest(x, window), {"float16": "float32"} if len(kernel_shape) == 3 else {})(x)


def _largest(x: tf.Tensor, window: Window) -> tf.Tensor:
    if len(window.kernel) == 1:
        return tf.squeeze(_largest(tf.expand_dims(x, 1), window.lifted()), 1)
    if not _native(x, window, planes={tf.float32, tf.bfloat16}):
        return fold(padded(x, window, _lowest(x)), window, tf.maximum)
    pool = tf.nn.max_pool2d if len(window.kernel) == 2 else tf.nn.max_pool3d
    padding: str | list[list[Size]] = "SAME"
    if not window.same and len(window.kernel) == 2 and _shorter(window):
        padding = paddings(window.pads) if window.padded else "VALID"
    elif not window.same:
        x, padding = padded(x, window, _lowest(x)), "VALID"
    return pool(x, list(window.kernel), list(window.strides), padding)


def _lowest(x: tf.Tensor) -> float:
    return -np.inf if x.dtype.is_floating else x.dtype.min


def _shorter(window: Window) -> bool:
    """Tell whether the padding is known and shorter than the window, as TensorFlow's kernel wants it."""
    return window.fixed and all(max(pair) < taps for pair, taps in zip(window.pads, window.kernel, strict=True))


def _native(x: tf.Tensor, window: Window, planes: set[tf.DType]) -> bool:
    """Tell whether TensorFlow pools by itself; `planes` are the types for which it does in three dimensions."""
    rank = len(window.kernel)
    return max(window.dilations) == 1 and (rank == 2 or (rank == 3 and x.dtype in planes))


@op("AveragePool", layout=LayoutRule.SPATIAL)
def average_pool(
    x: tf.Tensor,
    *, auto_pad: str = "NOTSET", ceil_mode: int = 0, count_include_pad: int = 0, dilations: Sequence[int] = (),
    kernel_shape: Sequence[int], pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> tf.Tensor:  # fmt: skip
    """Average pooling; `count_include_pad` counts the padding of `pads` in the mean."""
    window = window_over(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    counted = window_over(x, kernel_shape, strides, dilations, pads, auto_pad) if count_include_pad else None
    if counted is not None and counted.fixed and not counted.padded:
        counted = None  # there is no padding to count
    if counted is not None and (not ceil_mode or (window.fixed and window.pads == counted.pads)):
        counted = window
    return widened(lambda x: _average(x, window, counted), HALVES)(x)


def _average(x: tf.Tensor, window: Window, counted: Window | None) -> tf.Tensor:
    """Average over the elements, and over the padding of the window `counted`."""
    if len(window.kernel) == 1:
        wide = window.lifted()
        own = wide if counted is window else None if counted is None else counted.lifted()
        return tf.squeeze(_average(tf.expand_dims(x, 1), wide, own), 1)
    if counted is None and _covers(x, window):  # some models give a window far longer than the image, with ceil_mode
        return tf.reduce_mean(x, list(range(1, x.shape.rank - 1)), keepdims=True)
    if counted is None and window.same and _native(x, window, planes={tf.float32}):
        return _mean_pool(x, window, "SAME")
    means = _mean_pool(padded(x, window), window, "VALID")
    return means if counted is window or not window.padded else means * _correction(x, window, counted)


def _covers(x: tf.Tensor, window: Window) -> bool:
    """Tell whether there is a single window, which holds all of x."""
    steps = zip(spatial_sizes(x), window.kernel, window.strides, window.pads, strict=True)
    return max(window.dilations) == 1 and all(
        isinstance(size, int) and pads[0] + size <= taps and outputs(size, taps, stride, 1, pads) == 1
        for size, taps, stride, pads in steps
    )


def _mean_pool(x: tf.Tensor, window: Window, padding: str) -> tf.Tensor:
    if not _native(x, window, planes={tf.float32}):
        return fold(x, window, tf.add) / math.prod(window.kernel)
    pool = tf.nn.avg_pool2d if len(window.kernel) == 2 else tf.nn.avg_pool3d
    return pool(x, list(window.kernel), list(window.strides), padding)


def _correction(x: tf.Tensor, window: Window, counted: Window | None) -> tf.Tensor:
    """Return what the mean over all taps is to be multiplied by, so that it is one over those that count."""
    sizes: list[Size] = spatial_sizes(x)
    factor: float | np.ndarray | tf.Tensor = 1.0
    for axis, (size, taps, stride, dilation, pads) in enumerate(
        zip(sizes, window.kernel, window.strides, window.dilations, window.pads, strict=True)
    ):
        before, after = counted.pads[axis] if counted is not None else (0, 0)
        number = outputs(size, taps, stride, dilation, pads)
        places = np.arange(number) if isinstance(number, int) else tf.range(number)
        count = taps_within(places * stride - pads[0], -before, size + after, taps, dilation)
        share = taps / count if isinstance(count, np.ndarray) else taps / tf.cast(count, x.dtype)
        shape = [-1 if at == axis else 1 for at in range(len(sizes))]
        factor = factor * (tf.reshape if tf.is_tensor(share) else np.reshape)(share, [1, *shape, 1])
    return tf.cast(factor, x.dtype)


@op("LpPool", layout=LayoutRule.SPATIAL)
def lp_pool(
    x: tf.Tensor,
    *, auto_pad: str = "NOTSET", ceil_mode: int = 0, dilations: Sequence[int] = (), kernel_shape: Sequence[int],
    p: int = 2, pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> tf.Tensor:  # fmt: skip
    """Lp pooling: the p-norm of each window."""
    window = window_over(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    powers = widened(lambda x: _average(x**p, window, window) * math.prod(window.kernel), HALVES)
    return powers(tf.abs(x)) ** (1 / p)


@op("GlobalAveragePool", layout=LayoutRule.SPATIAL)
def global_average_pool(x: tf.Tensor) -> tf.Tensor:
    """The mean over the spatial dimensions."""
    return tf.reduce_mean(x, list(range(1, x.shape.rank - 1)), keepdims=True)


@op("GlobalMaxPool", layout=LayoutRule.SPATIAL)
def global_max_pool(x: tf.Tensor) -> tf.Tensor:
    """The largest element over the spatial dimensions."""
    return tf.reduce_max(x, list(range(1, x.shape.rank - 1)), keepdims=True)


@op("GlobalLpPool", layout=LayoutRule.SPATIAL)
def global_lp_pool(x: tf.Tensor, *, p: int = 2) -> tf.Tensor:
    """The p-norm over the spatial dimensions."""
    return tf.reduce_sum(tf.abs(x) ** p, list(range(1, x.shape.rank - 1)), keepdims=True) ** (1 / p)


def max_pool_with_indices(x: tf.Tensor, window: Window, column_major: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Max pooling of an NHWC tensor with the index of each maximum in x flattened in NCHW.

    Args:
        x: the tensor.
        window: the window.
        column_major: count along the first spatial dimension first.
    """
    sizes = shapes.sizes(x)
    spatial = sizes[1:-1]
    places = _places(spatial, column_major)
    lowest = x.dtype.min
    values, places = padded(x, window, lowest), padded(places, window)
    for axis in reversed(range(len(spatial))):  # the first of equal elements, in the order of the rows
        taps = zip(slices(values, window, axis), slices(places, window, axis), strict=True)
        values, places = next(taps)
        for value, place in taps:
            larger = value > values
            values, places = tf.where(larger, value, values), tf.where(larger, place, places)
    channels = tf.range(tf.cast(sizes[0] * sizes[-1], tf.int64), dtype=tf.int64) * shapes.product(spatial)
    offsets = shapes.reshaped(channels, [sizes[0], *[1] * len(spatial), sizes[-1]])
    return values, places + offsets


def _places(spatial: Sequence[Size], column_major: bool) -> tf.Tensor:
    """Return the place of each element of a channel: [1, *spatial, 1]."""
    order = list(spatial)[::-1] if column_major else list(spatial)
    plane = shapes.reshaped(tf.range(tf.cast(shapes.product(order), tf.int64), dtype=tf.int64), order)
    return (tf.transpose(plane) if column_major else plane)[None, ..., None]


@op("MaxUnpool")
def max_unpool(
    x: tf.Tensor, indices: tf.Tensor, output_shape: tf.Tensor | None = None,
    *, kernel_shape: Sequence[int], pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> tf.Tensor:  # fmt: skip
    """Max unpooling: x scattered to the indices, which count in the shape that kernel, strides and pads imply, zero-padded."""
    rank, strides, pads = len(kernel_shape), strides or [1] * len(kernel_shape), pads or [0] * 2 * len(kernel_shape)
    sizes = shapes.sizes(x)
    for axis, (taps, stride) in enumerate(zip(kernel_shape, strides, strict=True)):
        sizes[axis + 2] = (sizes[axis + 2] - 1) * stride + taps - pads[axis] - pads[axis + rank]
    flat = tf.zeros(tf.cast([shapes.product(sizes)], tf.int64), x.dtype)
    flat = tf.tensor_scatter_nd_update(flat, tf.reshape(indices, [-1, 1]), tf.reshape(x, [-1]))
    y = shapes.reshaped(flat, sizes)
    if output_shape is None:
        return y
    rest = tf.cast(output_shape, tf.int64) - tf.cast(shapes.vector(sizes), tf.int64)
    return tf.pad(y, tf.stack([tf.zeros_like(rest), rest], 1))
