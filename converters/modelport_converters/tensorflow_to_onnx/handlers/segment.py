"""Sums, products, extremes and means of segments."""

from __future__ import annotations

import numpy as np

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler

_REDUCTION = {"Sum": "add", "Prod": "mul", "Max": "max", "Min": "min"}


@handler("SegmentSum", "SegmentProd", since=16)
def segment(op: Operation, data: Value, ids: Value) -> Value:
    """Rows with the same id reduced; ids are sorted, and a missing one has the neutral value."""
    return _reduced(op, op.type.removeprefix("Segment"), data, ids, _sorted_count(ids))


@handler("SegmentMax", "SegmentMin", since=18)
def segment_extreme(op: Operation, data: Value, ids: Value) -> Value:
    """The extremes of rows with the same id; a missing id has 0."""
    count = _sorted_count(ids)
    found = _reduced(op, op.type.removeprefix("Segment"), data, ids, count)
    ones = fn.broadcast_to(np.int64(1), fn.shape(ids))
    present = _along(_reduced(op, "Sum", ones, ids, count) > 0, op.rank(data) - 1)
    return fn.where(present, found, 0)


@handler("SegmentMean", since=16)
def segment_mean(op: Operation, data: Value, ids: Value) -> Value:
    """The mean of rows with the same id."""
    return _mean(op, data, ids, _sorted_count(ids))


@handler("UnsortedSegmentSum", "UnsortedSegmentProd", since=16)
def unsorted_segment(op: Operation, data: Value, ids: Value, count: Value) -> Value:
    """Rows with the same id reduced, in as many segments as are asked for."""
    return _reduced(op, op.type.removeprefix("UnsortedSegment"), data, ids, _given(count))


@handler("UnsortedSegmentMax", "UnsortedSegmentMin", since=18)
def unsorted_segment_extreme(op: Operation, data: Value, ids: Value, count: Value) -> Value:
    """The extremes of rows with the same id; of none, the lowest or the highest number."""
    return _reduced(op, op.type.removeprefix("UnsortedSegment"), data, ids, _given(count))


@handler(
    *(f"SparseSegment{kind}{suffix}" for kind in ("Sum", "Mean", "SqrtN") for suffix in ("", "WithNumSegments")),
    since=16,
)
def sparse_segment(op: Operation, data: Value, rows: Value, ids: Value, count: Value | None = None) -> Value:
    """Chosen rows, those with the same id reduced: embeddings of sparse features."""
    chosen = fn.take(data, rows)
    segments = _sorted_count(ids) if count is None else _given(count)
    kind = op.type.removeprefix("SparseSegment").removesuffix("WithNumSegments")
    if kind == "Sum":
        return _reduced(op, kind, chosen, ids, segments)
    return _mean(op, chosen, ids, segments, root=kind == "SqrtN")


def _reduced(op: Operation, kind: str, data: Value, ids: Value, count: Value) -> Value:
    """Return the rows of each segment reduced to one; negative ids are left out.

    Args:
        op: knows the ranks.
        kind: Sum, Prod, Max or Min.
        data: the ids' shape, then that of a row.
        ids: of any static rank.
        count: the number of segments, int64[1].
    """
    limits = np.iinfo(data.dtype) if np.issubdtype(data.dtype, np.integer) else np.finfo(data.dtype)
    neutral = {"Sum": 0, "Prod": 1, "Max": limits.min, "Min": limits.max}[kind]
    row, flat = fn.shape(data)[op.rank(ids) :], fn.reshape(ids.cast("int64"), [-1, 1])
    base = fn.broadcast_to(data.dtype.type(neutral), [count + 1, row])  # one row more, for what is left out
    places, rows = fn.where(flat < 0, count, flat), fn.reshape(data, [-1, row])
    return op.graph.op("ScatterND", base, places, rows, reduction=_REDUCTION[kind])[:count]


def _mean(op: Operation, data: Value, ids: Value, count: Value, *, root: bool = False) -> Value:
    """Return the mean of each segment, or its sum over the root of its length; 0 for one without rows."""
    ones = fn.broadcast_to(data.dtype.type(1), fn.shape(ids))
    lengths = fn.maximum(_reduced(op, "Sum", ones, ids, count), 1.0)
    lengths = fn.sqrt(lengths) if root else lengths
    return _reduced(op, "Sum", data, ids, count) / _along(lengths, op.rank(data) - op.rank(ids))


def _along(segments: Value, rank: int) -> Value:
    """Give a vector of segments the axes of their rows, of size 1."""
    return fn.expand_dims(segments, range(1, rank + 1)) if rank else segments


def _sorted_count(ids: Value) -> Value:
    """Return one more than the greatest id, int64[1]."""
    given = fn.concatenate([ids.cast("int64"), ids.graph.constant([-1])], 0)
    return fn.max(given, 0, keepdims=True) + 1


def _given(count: Value) -> Value:
    return fn.reshape(count.cast("int64"), [1])
