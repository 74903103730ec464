"""Deformable convolution: the kernel's sampling positions are moved by offsets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow import shapes
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, op
from modelport_converters.onnx_to_tensorflow.shapes import Size
from modelport_converters.onnx_to_tensorflow.widening import HALVES, widened


@op("DeformConv", layout=LayoutRule.SPATIAL)
def deform_conv(
    x: tf.Tensor, w: tf.Tensor, offset: tf.Tensor, b: tf.Tensor | None = None, mask: tf.Tensor | None = None,
    *, dilations: Sequence[int] = (), group: int = 1, kernel_shape: Sequence[int] = (), offset_group: int = 1,
    pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> tf.Tensor:  # fmt: skip
    """Deformable convolution with offsets and a modulation mask; x is channels-last, the others as in ONNX."""
    starts = _tap_places(w.shape.as_list()[2:], tuple(dilations), tuple(pads))

    def compute(
        x: tf.Tensor, w: tf.Tensor, offset: tf.Tensor, b: tf.Tensor | None, mask: tf.Tensor | None
    ) -> tf.Tensor:
        moves = _grouped(offset, offset_group, len(starts), w.shape.rank - 2)
        places = moves + _window_places(offset, strides, w.shape.rank - 2) + tf.constant(starts, x.dtype)
        samples = _sampled(x, places)
        if mask is not None:
            samples *= _grouped(mask, offset_group, len(starts), 1)
        y = _products(samples, w, group)
        y = shapes.reshaped(y, [shapes.size(x, 0), *shapes.sizes(offset)[2:], int(w.shape[0])])
        return y if b is None else tf.nn.bias_add(y, b)

    return widened(compute, HALVES)(x, w, offset, b, mask)


def _tap_places(kernel: Sequence[int], dilations: Sequence[int], pads: Sequence[int]) -> np.ndarray:
    """Return the position of each kernel tap in the first window: [taps, dimensions]."""
    grid = np.stack(np.meshgrid(*map(np.arange, kernel), indexing="ij"), -1).reshape(-1, len(kernel))
    return grid * (dilations or (1,) * len(kernel)) - (pads[: len(kernel)] or (0,) * len(kernel))


def _window_places(offset: tf.Tensor, strides: Sequence[int], rank: int) -> tf.Tensor:
    """Return the offset of each window from the first: [windows, 1, dimensions]."""
    steps = strides or [1] * rank
    sizes = shapes.sizes(offset, tf.int32)[2:]
    lines = [tf.range(size) * step for size, step in zip(sizes, steps, strict=True)]
    grid = tf.reshape(tf.stack(tf.meshgrid(*lines, indexing="ij"), -1), [-1, 1, rank])
    return tf.cast(grid, offset.dtype)


def _grouped(values: tf.Tensor, offset_group: int, taps: int, items: int) -> tf.Tensor:
    """Reshape [N, groups * taps * items, *windows] to [N, groups, windows, taps, items]."""
    sizes = shapes.sizes(values)
    split = shapes.reshaped(values, [sizes[0], offset_group, taps, items, shapes.product(sizes[2:])])
    return tf.transpose(split, [0, 1, 4, 2, 3])


def _sampled(x: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Interpolate a channels-last tensor linearly at places [N, groups, windows, taps, dimensions]; it is zero outside.

    Returns:
        [N, groups, windows, taps, channels of one group].
    """
    sizes, groups = shapes.sizes(x, tf.int32), int(places.shape[1])
    spatial, depth = sizes[1:-1], int(x.shape[-1]) // groups
    flat = shapes.reshaped(x, [sizes[0], shapes.product(spatial), groups, depth])
    flat = tf.transpose(flat, [0, 2, 1, 3])
    floors = tf.floor(places)
    total: float | tf.Tensor = 0.0
    for corner in itertools.product((0, 1), repeat=len(spatial)):
        index, weight = _corner(places, floors, corner, spatial)
        total += tf.gather(flat, index, batch_dims=2) * weight[..., None]
    return total


def _corner(
    places: tf.Tensor, floors: tf.Tensor, corner: Sequence[int], spatial: Sequence[Size]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the index of one neighbour of each place, and its weight, which is zero outside."""
    index: Size = 0
    weight: float | tf.Tensor = 1.0
    for axis, (step, size) in enumerate(zip(corner, spatial, strict=True)):
        at, last = floors[..., axis] + step, tf.cast(size - 1, floors.dtype)
        inside = tf.cast((at >= 0) & (at <= last), floors.dtype)
        weight *= (1 - tf.abs(places[..., axis] - at)) * inside
        index = index * size + tf.cast(tf.clip_by_value(at, 0, last), tf.int32)
    return index, weight


def _products(samples: tf.Tensor, w: tf.Tensor, group: int) -> tf.Tensor:
    """Multiply the sampled values, [N, offset groups, windows, taps, depth], with w; return [N * windows, filters]."""
    taps, filters = math.prod(w.shape.as_list()[2:]), int(w.shape[0]) // group
    channels = int(samples.shape[1]) * int(samples.shape[-1])
    columns = tf.reshape(tf.transpose(samples, [0, 2, 3, 1, 4]), [-1, taps, group, channels // group])
    columns = tf.reshape(tf.transpose(columns, [2, 0, 1, 3]), [group, -1, taps * channels // group])
    weights = tf.transpose(tf.reshape(w, [group, filters, channels // group, taps]), [0, 3, 2, 1])
    y = tf.matmul(columns, tf.reshape(weights, [group, taps * channels // group, filters]))
    return tf.reshape(tf.transpose(y, [1, 0, 2]), [-1, group * filters])
