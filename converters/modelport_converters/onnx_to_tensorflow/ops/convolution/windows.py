"""Sliding windows over channels-last tensors, shared by convolution and pooling."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from modelport_converters.onnx_graph.windows import Window, positive, sliding
from modelport_converters.onnx_to_tensorflow import shapes
from modelport_converters.onnx_to_tensorflow.shapes import Size


def spatial_sizes(x: tf.Tensor) -> list[Size]:
    """Return the sizes of the spatial dimensions, static or dynamic (int32)."""
    return shapes.sizes(x, tf.int32)[1:-1]


def window_over(
    x: tf.Tensor, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Sequence[int],
    auto_pad: str, ceil_mode: int = 0,
) -> Window:  # fmt: skip
    """Return the window that a node's attributes describe on a channels-last tensor."""
    return sliding(spatial_sizes(x), kernel, strides, dilations, pads, auto_pad, ceil_mode)


def paddings(pads: Sequence[tuple[Size, Size]]) -> list[list[Size]]:
    """Return the paddings of every dimension of an NHWC tensor, as tf.pad takes them."""
    return [[0, 0], *map(list, pads), [0, 0]]


def padded(x: tf.Tensor, window: Window, value: float | tf.Tensor = 0) -> tf.Tensor:
    """Pad the spatial dimensions as a window needs."""
    if not window.padded:
        return x
    if isinstance(value, int) and value == 0:
        return tf.pad(x, paddings(window.pads))  # the form that oneDNN takes into a convolution
    return tf.pad(x, paddings(window.pads), constant_values=tf.cast(value, x.dtype))


def strided(x: tf.Tensor, strides: Sequence[int]) -> tf.Tensor:
    """Subsample each spatial dimension by its stride."""
    return x if max(strides) == 1 else x[(slice(None), *(slice(None, None, stride) for stride in strides))]


def cropped(x: tf.Tensor, crops: Sequence[tuple[Size, Size]]) -> tf.Tensor:
    """Crop each spatial dimension at both sides; negative crops pad with zeros."""
    if any(not isinstance(item, int) or item < 0 for pair in crops for item in pair):
        x = tf.pad(x, paddings([(positive(-before), positive(-after)) for before, after in crops]))
    for axis, pair in enumerate(crops, 1):
        before, after = map(positive, pair)
        if not isinstance(before, int) or not isinstance(after, int) or before or after:
            x = x[(*[slice(None)] * axis, slice(before, shapes.size(x, axis, tf.int32) - after))]
    return x


def slices(x: tf.Tensor, window: Window, axis: int) -> list[tf.Tensor]:
    """Return, for each kernel tap along a spatial dimension, its elements in all windows; x is padded."""
    taps, stride, dilation = window.kernel[axis], window.strides[axis], window.dilations[axis]
    reach = shapes.size(x, axis + 1, tf.int32) - (taps - 1) * dilation
    before = [slice(None)] * (axis + 1)
    return [x[(*before, slice(tap * dilation, tap * dilation + reach, stride))] for tap in range(taps)]


def fold(x: tf.Tensor, window: Window, combine: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Reduce the elements of each window by a binary function, one dimension after the other; x is padded."""
    for axis in range(len(window.kernel)):
        x = functools.reduce(combine, slices(x, window, axis))
    return x
