"""Sliding windows over channels-last tensors: what convolution and pooling share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from modelport_converters.onnx_graph.windows import Size, Window, positive, sliding
from modelport_converters.onnx_to_tensorflow import shapes


def spatial_sizes(x: Any) -> list[Size]:
    """Return the sizes of the spatial dimensions: numbers, or scalar tensors where they are not known."""
    return shapes.sizes(x, tf.int32)[1:-1]


def window_over(
    x: Any, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Sequence[int], auto_pad: str,
    ceil_mode: int = 0,
) -> Window:  # fmt: skip
    """Return the window that a node's attributes describe on a channels-last tensor."""
    return sliding(spatial_sizes(x), kernel, strides, dilations, pads, auto_pad, ceil_mode)


def paddings(pads: Sequence[tuple[Size, Size]]) -> list[list[Size]]:
    """Return the padding of every dimension, as TensorFlow takes it."""
    return [[0, 0], *map(list, pads), [0, 0]]


def padded(x: Any, window: Window, value: Any = 0) -> Any:
    """Put what a window needs around the spatial dimensions."""
    if not window.padded:
        return x
    if isinstance(value, int) and value == 0:
        return tf.pad(x, paddings(window.pads))  # the form that oneDNN takes into a convolution
    return tf.pad(x, paddings(window.pads), constant_values=tf.cast(value, x.dtype))


def strided(x: Any, strides: Sequence[int]) -> Any:
    """Take every so many-th element of each spatial dimension."""
    return x if max(strides) == 1 else x[(slice(None), *(slice(None, None, stride) for stride in strides))]


def cropped(x: Any, crops: Sequence[tuple[Size, Size]]) -> Any:
    """Cut off elements before and after each spatial dimension; a negative number adds zeros instead."""
    if any(not isinstance(item, int) or item < 0 for pair in crops for item in pair):
        x = tf.pad(x, paddings([(positive(-before), positive(-after)) for before, after in crops]))
    for axis, pair in enumerate(crops, 1):
        before, after = map(positive, pair)
        if not isinstance(before, int) or not isinstance(after, int) or before or after:
            x = x[(*[slice(None)] * axis, slice(before, shapes.size(x, axis, tf.int32) - after))]
    return x


def slices(x: Any, window: Window, axis: int) -> list[Any]:
    """Return, for each tap along a spatial dimension, what it meets in all windows; x is padded."""
    taps, stride, dilation = window.kernel[axis], window.strides[axis], window.dilations[axis]
    reach = shapes.size(x, axis + 1, tf.int32) - (taps - 1) * dilation
    before = [slice(None)] * (axis + 1)
    return [x[(*before, slice(tap * dilation, tap * dilation + reach, stride))] for tap in range(taps)]


def fold(x: Any, window: Window, combine: Callable[[Any, Any], Any]) -> Any:
    """Combine the elements of each window, one dimension after the other; x is padded."""
    for axis in range(len(window.kernel)):
        x = functools.reduce(combine, slices(x, window, axis))
    return x
