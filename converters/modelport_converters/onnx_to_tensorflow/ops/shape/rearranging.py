"""Operators that rearrange, cut out, pad or repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_graph.padding import PERIODIC, source
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op
from modelport_converters.onnx_to_tensorflow.shapes import integers, limited, product, reshaped, size, sizes, vector
from modelport_converters.onnx_to_tensorflow.widening import widened

_MOST = 2**31 - 1
_tile = widened(tf.tile, {"uint16": "int32"})
_segment_sum = widened(tf.math.unsorted_segment_sum, {"bool": "int32"})


@op("Transpose", layout="transpose")
def transpose(data: Any, *, perm: Any = None) -> Any:
    """Permute the dimensions; reversed by default."""
    if perm is not None and list(perm) == list(range(len(perm))):
        return data
    return tf.transpose(data, perm)


@op("Concat", layout="axis")
def concat(*values: Any, axis: int) -> Any:
    """Join along axis."""
    return values[0] if len(values) == 1 else tf.concat(values, axis)


@op("Split", layout="axis")
def split(data: Any, sizes: Any = None, *, axis: int = 0, num_outputs: int | None = None, wanted: int = 1) -> Any:
    """Pieces along axis: of the given sizes, or equal ones of which the last may be smaller."""
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


@op("Slice", layout="slice")
def slice_(data: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    """data[start:end:step] along each of axes; numbers beyond a dimension mean its end."""
    rank, count = data.shape.rank, starts.shape[0]
    if axes is None and count is None:
        raise Unsupported("the number of its starts must be known when the model is converted")
    places = list(range(count)) if axes is None else integers(axes)
    first, last, by = integers(starts), integers(ends), [1] * (count or 0) if steps is None else integers(steps)
    if places is not None and first is not None and last is not None and by is not None:
        numbers = zip(first, last, by, strict=True)
        return _cut(data, {axis % rank: item for axis, item in zip(places, numbers, strict=True)})
    begin, end = limited(starts), limited(ends)
    stride = tf.ones_like(begin) if steps is None else limited(steps)
    if places is None:
        where = tf.cast(axes, tf.int32)[:, None] % rank
        begin, end, stride = (
            tf.tensor_scatter_nd_update(tf.fill([rank], otherwise), where, given)
            for given, otherwise in ((begin, 0), (end, _MOST), (stride, 1))
        )
        return tf.strided_slice(data, begin, end, stride)
    places = [axis % rank for axis in places]
    untouched = sum(1 << axis for axis in range(rank) if axis not in places)
    begin, end, stride = (_spread(given, places, rank, fill) for given, fill in ((begin, 0), (end, 0), (stride, 1)))
    return tf.strided_slice(data, begin, end, stride, begin_mask=untouched, end_mask=untouched)


def _cut(data: Any, numbers: Mapping[int, tuple[int, int, int]]) -> Any:
    """Cut out by known numbers: a start, an end and a step for some axes."""
    spans = [_span(*numbers[axis], size) if axis in numbers else slice(None) for axis, size in enumerate(data.shape)]
    if data.shape.rank == 1 and spans[0].stop is None and (spans[0].step or 1) < 0 and data.shape[0] is not None:
        return tf.gather(data, range(data.shape[0])[spans[0]])  # TensorFlow's shape inference fails on a reversed shape
    return data[tuple(spans)]


def _span(start: int, end: int, step: int, size: int | None) -> slice:
    """Return what ONNX says that a slice takes; TensorFlow's converter reads memory at numbers outside of a known size."""
    step, back = _limit(step), int(step < 0)
    if size is None:
        before, behind = (start >= _MOST, end <= -_MOST) if back else (start <= -_MOST, end >= _MOST)
        return slice(None if before else _limit(start), None if behind else _limit(end), step)
    start, end = (item + size if item < 0 else item for item in (start, end))
    start, end = min(max(start, 0), size - back), min(max(end, -back), size - back)
    if size == 0 or (end >= start if back else end <= start):
        return slice(0, 0, step)
    return slice(start, None if end < 0 else end, step)


def _limit(number: int) -> int:
    return min(max(number, -_MOST), _MOST)


def _spread(given: Any, places: Sequence[int], rank: int, otherwise: int) -> Any:
    """Return a vector with one element for each dimension: the given ones at their places."""
    known = integers(given)
    items = {axis: given[at] if known is None else known[at] for at, axis in enumerate(places)}
    return vector([items.get(axis, otherwise) for axis in range(rank)], tf.int32)


@op("Pad", layout="pad")
def pad(data: Any, pads: Any, constant_value: Any = None, axes: Any = None, *, mode: str = "constant") -> Any:
    """Add elements before and after, as `mode` says; negative pads take elements away first."""
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


def _pairs(pads: Any, axes: Any, rank: int) -> Any:
    """Return the amounts before and after each dimension: an array [rank, 2], or a tensor when they are not known."""
    known, places = integers(pads), list(range(rank)) if axes is None else integers(axes)
    if known is not None and places is not None:
        result = np.zeros([rank, 2], np.int64)
        result[[axis % rank for axis in places]] = np.reshape(known, [2, -1]).T
        return result
    columns = tf.transpose(tf.reshape(tf.cast(pads, tf.int64), [2, -1]))
    if axes is None:
        return tf.ensure_shape(columns, [rank, 2])
    return tf.tensor_scatter_nd_update(tf.zeros([rank, 2], tf.int64), tf.cast(axes, tf.int64)[:, None] % rank, columns)


def _padding(data: Any, value: Any) -> Any:
    if value is None:
        return "" if data.dtype == tf.string else 0
    known = tf.get_static_value(value) if data.dtype != tf.string else None
    if known is not None and not np.ravel(known).any():
        return 0
    return tf.cast(tf.reshape(value, []), data.dtype) if data.dtype != tf.string else tf.reshape(value, [])


def _cropped(data: Any, amounts: Any) -> Any:
    ends = [_MOST if after == 0 else -int(after) for after in amounts[:, 1]]
    return tf.strided_slice(data, amounts[:, 0].astype(np.int32), np.array(ends, np.int32))


def _pad_known(data: Any, amounts: Any, mode: str) -> Any:
    known = [1 if size is None else size for size in data.shape]
    reach = amounts.max(1)
    if mode == "reflect" and all(reach < known):
        return tf.pad(data, amounts, "REFLECT")
    if mode == "edge" and all(reach <= np.minimum(known, 1)):  # one more of the last element is its mirror image
        return tf.pad(data, amounts, "SYMMETRIC")
    for axis in np.flatnonzero(reach):
        data = _pad_axis(data, int(axis), int(amounts[axis, 0]), int(amounts[axis, 1]), mode)
    return data


def _pad_axis(data: Any, axis: int, before: Any, after: Any, mode: str) -> Any:
    count = size(data, axis)
    if mode not in PERIODIC:
        raise Unsupported(f"mode={mode}")
    if all(isinstance(item, int) for item in (count, before, after)):
        return tf.gather(data, source(np.arange(-before, count + after), count, mode), axis=axis)
    return tf.gather(data, source(tf.range(-before, count + after, dtype=tf.int64), count, mode), axis=axis)


def _pad_unknown(data: Any, pairs: Any, value: Any, mode: str) -> Any:
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


@op("Tile")
def tile(data: Any, repeats: Any) -> Any:
    """Repeat along each dimension."""
    known = integers(repeats)
    if known is not None and set(known) <= {1}:
        return data
    return _tile(data, multiples=repeats if known is None else tf.constant(known, tf.int64))


@op("Trilu")
def trilu(data: Any, k: Any = None, *, upper: int = 1) -> Any:
    """The triangle above, or below, the k-th diagonal; 0 elsewhere."""
    known = [0] if k is None else integers(k)
    if known is not None and data.dtype != tf.string and (known[0] <= 0 if upper else known[0] >= 0):
        return tf.linalg.band_part(data, *((-known[0], -1) if upper else (-1, known[0])))
    place = tf.reshape(tf.cast(k, tf.int64), []) if known is None else known[0]
    rows, columns = tf.range(size(data, -2), dtype=tf.int64), tf.range(size(data, -1), dtype=tf.int64)
    distance = columns - rows[:, None]
    return tf.where(distance >= place if upper else distance <= place, data, tf.zeros([], data.dtype))


@op("DepthToSpace", layout="spatial")
def depth_to_space(data: Any, *, blocksize: int, mode: str = "DCR") -> Any:
    """Move blocks of channels into space; channels-last."""
    if mode == "DCR":
        return tf.nn.depth_to_space(data, blocksize)
    batch, height, width, channels = sizes(data)
    depth = channels // blocksize**2
    parts = reshaped(data, [batch, height, width, depth, blocksize, blocksize])
    moved = tf.transpose(parts, [0, 1, 4, 2, 5, 3])
    return reshaped(moved, [batch, height * blocksize, width * blocksize, depth])


@op("SpaceToDepth", layout="spatial")
def space_to_depth(data: Any, *, blocksize: int, mode: str = "DCR") -> Any:
    """Move blocks of space into channels; channels-last."""
    if mode == "DCR":
        return tf.nn.space_to_depth(data, blocksize)
    batch, height, width, channels = sizes(data)
    down, across = height // blocksize, width // blocksize
    parts = reshaped(data, [batch, down, blocksize, across, blocksize, channels])
    return reshaped(tf.transpose(parts, [0, 1, 3, 5, 2, 4]), [batch, down, across, channels * blocksize**2])


@op("CenterCropPad")
def center_crop_pad(data: Any, shape: Any, *, axes: Sequence[int] | None = None) -> Any:
    """Cut out the middle, or pad around it with zeros, so that the dimensions at axes get the sizes of shape."""
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


@op("ReverseSequence")
def reverse_sequence(data: Any, sequence_lens: Any, *, batch_axis: int = 1, time_axis: int = 0) -> Any:
    """Reverse the first steps of each sequence, as many as its length says."""
    rank = data.shape.rank
    return tf.reverse_sequence(data, sequence_lens, time_axis % rank, batch_axis % rank)


@op("Col2Im")
def col2im(
    data: Any, image_shape: Any, block_shape: Any, *,
    dilations: Sequence[int] = (), pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> Any:  # fmt: skip
    """Sum the columns, each a flattened block, into the image that they were cut from."""
    rank = image_shape.shape[0]
    image, block = (_items(item, rank) for item in (image_shape, block_shape))
    dilations, strides, pads = dilations or [1] * rank, strides or [1] * rank, pads or [0] * 2 * rank
    ids: Any = 0
    inside: Any = True
    for axis in range(rank):
        reach = image[axis] + pads[axis] + pads[axis + rank] - dilations[axis] * (block[axis] - 1)
        starts = tf.range((reach - 1) // strides[axis] + 1, dtype=tf.int64) * strides[axis] - pads[axis]
        place = tf.range(block[axis], dtype=tf.int64)[:, None] * dilations[axis] + starts
        ones = [1] * (rank - 1)
        size_of_both = [*ones[:axis], tf.shape(place)[0], *ones, tf.shape(place)[1], *ones[axis:]]
        place = tf.reshape(place, size_of_both)
        inside &= (place >= 0) & (place < image[axis])
        ids = ids * image[axis] + place
    batch, depth, _ = sizes(data)
    depth = depth // product(block)
    columns = tf.transpose(reshaped(data, [product([batch, depth]), tf.size(ids, tf.int64)]))
    flat = tf.reshape(tf.where(inside, ids, -1), [-1])  # what has a negative number is left out of the sum
    pixels = _segment_sum(columns, flat, product(image))
    return reshaped(tf.transpose(pixels), [batch, depth, *image])


def _items(value: Any, count: int) -> list[Any]:
    known = integers(value)
    return [tf.cast(value[at], tf.int64) for at in range(count)] if known is None else list(known)
