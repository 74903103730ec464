"""Padding in each of its modes, and cropping to a size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_graph.padding import PERIODIC, source
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, Unsupported, op
from modelport_converters.onnx_to_tensorflow.shapes import LARGEST_INDEX, integers, size, sizes, vector


@op("Pad", layout=LayoutRule.PAD)
def pad(
    data: tf.Tensor, pads: tf.Tensor, constant_value: tf.Tensor | None = None, axes: tf.Tensor | None = None,
    *, mode: str = "constant",
) -> tf.Tensor:  # fmt: skip
    """Pad by `mode`; negative pads crop first."""
    rank = data.shape.rank
    pairs = _pairs(pads, axes, rank)
    known = integers(pairs)
    if known is None:
        return _pad_unknown(data, pairs, constant_value, mode)
    amounts = np.reshape(known, [rank, 2])
    if (amounts < 0).any():
        data = _cropped(data, np.maximum(-amounts, 0))
        amounts = np.maximum(amounts, 0)
    if not amounts.any():
        return data
    if mode == "constant":
        return tf.pad(data, amounts, constant_values=_padding(data, constant_value))
    return _pad_known(data, amounts, mode)


def _pairs(pads: tf.Tensor, axes: tf.Tensor | None, rank: int) -> np.ndarray | tf.Tensor:
    """Return the paddings [rank, 2]: an array where they are static, else a tensor."""
    known, places = integers(pads), list(range(rank)) if axes is None else integers(axes)
    if known is not None and places is not None:
        result = np.zeros([rank, 2], np.int64)
        result[[axis % rank for axis in places]] = np.reshape(known, [2, -1]).T
        return result
    columns = tf.transpose(tf.reshape(tf.cast(pads, tf.int64), [2, -1]))
    if axes is None:
        return tf.ensure_shape(columns, [rank, 2])
    return tf.tensor_scatter_nd_update(tf.zeros([rank, 2], tf.int64), tf.cast(axes, tf.int64)[:, None] % rank, columns)


def _padding(data: tf.Tensor, value: tf.Tensor | None) -> int | tf.Tensor:
    if value is None:
        return "" if data.dtype == tf.string else 0
    known = tf.get_static_value(value) if data.dtype != tf.string else None
    if known is not None and not np.ravel(known).any():
        return 0
    return tf.cast(tf.reshape(value, []), data.dtype) if data.dtype != tf.string else tf.reshape(value, [])


def _cropped(data: tf.Tensor, amounts: np.ndarray) -> tf.Tensor:
    ends = [LARGEST_INDEX if after == 0 else -int(after) for after in amounts[:, 1]]
    return tf.strided_slice(data, amounts[:, 0].astype(np.int32), np.array(ends, np.int32))


def _pad_known(data: tf.Tensor, amounts: np.ndarray, mode: str) -> tf.Tensor:
    known = [1 if size is None else size for size in data.shape]
    reach = amounts.max(1)
    if mode == "reflect" and all(reach < known):
        return tf.pad(data, amounts, "REFLECT")
    if mode == "edge" and all(reach <= np.minimum(known, 1)):  # one more of the last element is its mirror image
        return tf.pad(data, amounts, "SYMMETRIC")
    for axis in np.flatnonzero(reach):
        data = _pad_axis(data, int(axis), int(amounts[axis, 0]), int(amounts[axis, 1]), mode)
    return data


def _pad_axis(data: tf.Tensor, axis: int, before: int | tf.Tensor, after: int | tf.Tensor, mode: str) -> tf.Tensor:
    count = size(data, axis)
    if mode not in PERIODIC:
        raise Unsupported(f"mode={mode}")
    if all(isinstance(item, int) for item in (count, before, after)):
        return tf.gather(data, source(np.arange(-before, count + after), count, mode), axis=axis)
    return tf.gather(data, source(tf.range(-before, count + after, dtype=tf.int64), count, mode), axis=axis)


def _pad_unknown(data: tf.Tensor, pairs: tf.Tensor, value: tf.Tensor | None, mode: str) -> tf.Tensor:
    rank = data.shape.rank
    if mode == "constant":
        taken = tf.maximum(-pairs, 0)
        data = tf.strided_slice(
            data, taken[:, 0], tf.shape(data, out_type=tf.int64) - taken[:, 1], tf.ones([rank], tf.int64)
        )
        return tf.pad(data, tf.maximum(pairs, 0), constant_values=_padding(data, value))
    for axis in range(rank):  # a negative amount begins the range of indices later, or ends it sooner
        data = _pad_axis(data, axis, pairs[axis, 0], pairs[axis, 1], mode)
    return data


@op("CenterCropPad")
def center_crop_pad(data: tf.Tensor, shape: tf.Tensor, *, axes: Sequence[int] | None = None) -> tf.Tensor:
    """Center crop or zero-pad the dimensions at axes to the sizes of shape."""
    rank, known = data.shape.rank, integers(shape)
    own, begin, length, amounts = sizes(data), [0] * rank, sizes(data), [[0, 0]] * rank
    for at, axis in enumerate(range(rank) if axes is None else axes):
        have, want = own[axis], tf.cast(shape[at], tf.int64) if known is None else known[at]
        exact = isinstance(have, int) and isinstance(want, int)
        most = max if exact else tf.maximum
        more, fewer = most(want - have, 0), most(have - want, 0)
        begin[axis], length[axis], amounts[axis] = fewer // 2, have - fewer, [more // 2, more - more // 2]
    result = tf.slice(data, vector(begin), vector(length))
    return tf.pad(result, tf.reshape(vector([item for pair in amounts for item in pair]), [rank, 2]))
