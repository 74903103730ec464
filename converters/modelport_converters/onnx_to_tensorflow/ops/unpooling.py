"""Where the largest elements of the windows of a pooling stand, and putting them back there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from modelport_converters.onnx_graph.windows import Window
from modelport_converters.onnx_to_tensorflow import shapes
from modelport_converters.onnx_to_tensorflow.ops.convolution.windows import padded, slices
from modelport_converters.onnx_to_tensorflow.registry import op


def max_pool_with_indices(x: Any, window: Window, column_major: bool) -> tuple[Any, Any]:
    """Return the largest element of each window and its place in x, flattened in ONNX's order; x is channels-last.

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


def _places(spatial: Sequence[Any], column_major: bool) -> Any:
    """Return the place of each element of a channel: [1, *spatial, 1]."""
    order = list(spatial)[::-1] if column_major else list(spatial)
    plane = shapes.reshaped(tf.range(tf.cast(shapes.product(order), tf.int64), dtype=tf.int64), order)
    return (tf.transpose(plane) if column_major else plane)[None, ..., None]


@op("MaxUnpool")
def max_unpool(
    x: Any, indices: Any, output_shape: Any = None, *, kernel_shape: Sequence[int], pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> Any:  # fmt: skip
    """Zeros with x at the indices, which count in the shape that kernel, strides and pads imply, and zeros up to output_shape."""
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
