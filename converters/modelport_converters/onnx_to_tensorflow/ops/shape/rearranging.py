"""Rearranging elements: transposing, joining, splitting, repeating, and blocks of channels and space."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, op
from modelport_converters.onnx_to_tensorflow.shapes import integers, reshaped, size, sizes, vector
from modelport_converters.onnx_to_tensorflow.widening import widened

_tile = widened(tf.tile, {"uint16": "int32"})


@op("Transpose", layout=LayoutRule.TRANSPOSE)
def transpose(data: tf.Tensor, *, perm: Sequence[int] | None = None) -> tf.Tensor:
    """Transpose; the dimensions are reversed by default."""
    if perm is not None and list(perm) == list(range(len(perm))):
        return data
    return tf.transpose(data, perm)


@op("Concat", layout=LayoutRule.AXIS)
def concat(*values: tf.Tensor, axis: int) -> tf.Tensor:
    """Concatenate along axis."""
    return values[0] if len(values) == 1 else tf.concat(values, axis)


@op("Split", layout=LayoutRule.AXIS)
def split(
    data: tf.Tensor, sizes: tf.Tensor | None = None, *, axis: int = 0, num_outputs: int | None = None, wanted: int = 1
) -> tuple[tf.Tensor, ...]:
    """Split along axis into the given sizes, or into equal ones of which the last may be smaller."""
    if sizes is not None:
        known = integers(sizes)
        return tuple(tf.split(data, sizes if known is None else known, axis, num=sizes.shape[0] or wanted))
    count, whole = num_outputs or wanted, size(data, axis)
    if isinstance(whole, int) and whole % count == 0:
        return tuple(tf.split(data, count, axis))
    each = (whole + count - 1) // count
    smaller = max if isinstance(whole, int) else tf.maximum
    pieces = [smaller(each + 0 * whole if at < count - 1 else whole - each * (count - 1), 0) for at in range(count)]
    return tuple(tf.split(data, vector(pieces), axis, num=count))


@op("Tile")
def tile(data: tf.Tensor, repeats: tf.Tensor) -> tf.Tensor:
    """Tile: repeat along each dimension."""
    known = integers(repeats)
    if known is not None and set(known) <= {1}:
        return data
    return _tile(data, multiples=repeats if known is None else tf.constant(known, tf.int64))


@op("Trilu")
def trilu(data: tf.Tensor, k: tf.Tensor | None = None, *, upper: int = 1) -> tf.Tensor:
    """Upper or lower triangle from the k-th diagonal; 0 elsewhere."""
    known = [0] if k is None else integers(k)
    if known is not None and data.dtype != tf.string and (known[0] <= 0 if upper else known[0] >= 0):
        return tf.linalg.band_part(data, *((-known[0], -1) if upper else (-1, known[0])))
    place = tf.reshape(tf.cast(k, tf.int64), []) if known is None else known[0]
    rows, columns = tf.range(size(data, -2), dtype=tf.int64), tf.range(size(data, -1), dtype=tf.int64)
    distance = columns - rows[:, None]
    return tf.where(distance >= place if upper else distance <= place, data, tf.zeros([], data.dtype))


@op("DepthToSpace", layout=LayoutRule.SPATIAL)
def depth_to_space(data: tf.Tensor, *, blocksize: int, mode: str = "DCR") -> tf.Tensor:
    """Depth to space (pixel shuffle); channels-last."""
    if mode == "DCR":
        return tf.nn.depth_to_space(data, blocksize)
    batch, height, width, channels = sizes(data)
    depth = channels // blocksize**2
    parts = reshaped(data, [batch, height, width, depth, blocksize, blocksize])
    moved = tf.transpose(parts, [0, 1, 4, 2, 5, 3])
    return reshaped(moved, [batch, height * blocksize, width * blocksize, depth])


@op("SpaceToDepth", layout=LayoutRule.SPATIAL)
def space_to_depth(data: tf.Tensor, *, blocksize: int, mode: str = "DCR") -> tf.Tensor:
    """Space to depth (pixel unshuffle); channels-last."""
    if mode == "DCR":
        return tf.nn.space_to_depth(data, blocksize)
    batch, height, width, channels = sizes(data)
    down, across = height // blocksize, width // blocksize
    parts = reshaped(data, [batch, down, blocksize, across, blocksize, channels])
    return reshaped(tf.transpose(parts, [0, 1, 3, 5, 2, 4]), [batch, down, across, channels * blocksize**2])


@op("ReverseSequence")
def reverse_sequence(
    data: tf.Tensor, sequence_lens: tf.Tensor, *, batch_axis: int = 1, time_axis: int = 0
) -> tf.Tensor:
    """Reverse each sequence up to its length."""
    rank = data.shape.rank
    return tf.reverse_sequence(data, sequence_lens, time_axis % rank, batch_axis % rank)
