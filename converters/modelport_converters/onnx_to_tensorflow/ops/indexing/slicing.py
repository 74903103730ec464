"""Slice, with static or dynamic starts, ends and steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, Unsupported, op
from modelport_converters.onnx_to_tensorflow.shapes import LARGEST_INDEX, integers, limited, vector


@op("Slice", layout=LayoutRule.SLICE)
def slice_(
    data: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor, axes: tf.Tensor | None = None, steps: tf.Tensor | None = None
) -> tf.Tensor:
    """Slice data[start:end:step] along each of axes; numbers beyond a dimension mean its end."""
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
            for given, otherwise in ((begin, 0), (end, LARGEST_INDEX), (stride, 1))
        )
        return tf.strided_slice(data, begin, end, stride)
    places = [axis % rank for axis in places]
    untouched = sum(1 << axis for axis in range(rank) if axis not in places)
    begin, end, stride = (_spread(given, places, rank, fill) for given, fill in ((begin, 0), (end, 0), (stride, 1)))
    return tf.strided_slice(data, begin, end, stride, begin_mask=untouched, end_mask=untouched)


def _cut(data: tf.Tensor, numbers: Mapping[int, tuple[int, int, int]]) -> tf.Tensor:
    """Slice by static starts, ends and steps of some axes."""
    spans = [_span(*numbers[axis], size) if axis in numbers else slice(None) for axis, size in enumerate(data.shape)]
    if data.shape.rank == 1 and spans[0].stop is None and (spans[0].step or 1) < 0 and data.shape[0] is not None:
        return tf.gather(data, range(data.shape[0])[spans[0]])  # TensorFlow's shape inference fails on a reversed shape
    return data[tuple(spans)]


def _span(start: int, end: int, step: int, size: int | None) -> slice:
    """Clamp a static span as ONNX defines it; TensorFlow's converter reads memory outside of a static size."""
    step, back = _limit(step), int(step < 0)
    if size is None:
        before, behind = (
            (start >= LARGEST_INDEX, end <= -LARGEST_INDEX) if back else (start <= -LARGEST_INDEX, end >= LARGEST_INDEX)
        )
        return slice(None if before else _limit(start), None if behind else _limit(end), step)
    start, end = (item + size if item < 0 else item for item in (start, end))
    start, end = min(max(start, 0), size - back), min(max(end, -back), size - back)
    if size == 0 or (end >= start if back else end <= start):
        return slice(0, 0, step)
    return slice(start, None if end < 0 else end, step)


def _limit(number: int) -> int:
    return min(max(number, -LARGEST_INDEX), LARGEST_INDEX)


def _spread(given: tf.Tensor, places: Sequence[int], rank: int, otherwise: int) -> tf.Tensor:
    """Return a vector of one element per dimension: the given ones at their axes."""
    known = integers(given)
    items = {axis: given[at] if known is None else known[at] for at, axis in enumerate(places)}
    return vector([items.get(axis, otherwise) for axis in range(rank)], tf.int32)
