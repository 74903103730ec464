"""Sums, products, extremes and means of segments."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelport_converters.tensorflow_to_onnx.handler import Form, handler

_REDUCTION = {"Sum": "add", "Prod": "mul", "Max": "max", "Min": "min"}


def reduced(write: Form, kind: str, data: str, ids: str, count: str, empty: Any = None) -> str:
    """Return the rows of each segment reduced to one; negative ids are left out.

    Args:
        kind: Sum, Prod, Max or Min.
        data: the ids' shape, then the rows' own.
        ids: of any rank, which must be known.
        count: the number of segments, of shape [1].
        empty: the value of a segment without rows; None for the operation's neutral one.
    """
    dtype = write.dtype_of(data)
    limits = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else np.finfo(dtype)
    neutral = {"Sum": 0, "Prod": 1, "Max": limits.min, "Min": limits.max}[kind] if empty is None else empty
    rest = write.slice(write("Shape", data), write.rank_of(ids), None)
    flat = write.reshape(write.cast(ids, np.int64), [-1, 1])
    rows = write.reshape(data, write.join(write.const([-1]), rest))
    place = write("Where", write("Less", flat, write.const(0)), count, flat)  # one row more, for what is left out
    base = write("Expand", write.const(neutral, dtype), write.join(write("Add", count, write.const([1])), rest))
    return write.slice(write("ScatterND", base, place, rows, reduction=_REDUCTION[kind]), 0, count)


def sorted_count(write: Form, ids: str) -> str:
    """Return one more than the greatest id, of shape [1]."""
    last = write.reduce("Max", write.join(write.cast(ids, np.int64), write.const([-1])), [0], keep=True)
    return write("Add", last, write.const([1]))


def mean(write: Form, data: str, ids: str, count: str, *, root: bool = False) -> str:
    """Return the mean of each segment, or its sum over the root of its length; 0 for one without rows."""
    total = reduced(write, "Sum", data, ids, count)
    ones = write("Expand", write.number(1, data), write("Shape", ids))
    lengths = write("Max", reduced(write, "Sum", ones, ids, count), write.number(1, data))
    lengths = write("Sqrt", lengths) if root else lengths
    rank = write.rank_of(data) - write.rank_of(ids)
    return write("Div", total, write.unsqueeze(lengths, *range(1, rank + 1)) if rank else lengths)


@handler("SegmentSum", "SegmentProd", since=16)
def segment(write: Form, data: str, ids: str) -> str:
    """Rows with the same id reduced; ids are sorted, and a missing one has the neutral value."""
    return reduced(write, write.kind.removeprefix("Segment"), data, ids, sorted_count(write, ids))


@handler("SegmentMax", "SegmentMin", since=18)
def segment_extreme(write: Form, data: str, ids: str) -> str:
    """The extremes of rows with the same id; a missing id has 0."""
    kind = write.kind.removeprefix("Segment")
    count = sorted_count(write, ids)
    found = reduced(write, kind, data, ids, count)
    ones = write("Expand", write.const(1), write("Shape", ids))
    present = write("Greater", reduced(write, "Sum", ones, ids, count), write.const(0))
    rank = write.rank
    present = write.unsqueeze(present, *range(1, rank)) if rank > 1 else present
    return write("Where", present, found, write.like(0))


@handler("SegmentMean", since=16)
def segment_mean(write: Form, data: str, ids: str) -> str:
    """The mean of rows with the same id."""
    return mean(write, data, ids, sorted_count(write, ids))


def _given(write: Form, count: str) -> str:
    return write.reshape(write.cast(count, np.int64), [1])


@handler("UnsortedSegmentSum", "UnsortedSegmentProd", since=16)
def unsorted_segment(write: Form, data: str, ids: str, count: str) -> str:
    """Rows with the same id reduced, in as many segments as are asked for."""
    return reduced(write, write.kind.removeprefix("UnsortedSegment"), data, ids, _given(write, count))


@handler("UnsortedSegmentMax", "UnsortedSegmentMin", since=18)
def unsorted_segment_extreme(write: Form, data: str, ids: str, count: str) -> str:
    """The extremes of rows with the same id; of none, the lowest or the highest number."""
    return reduced(write, write.kind.removeprefix("UnsortedSegment"), data, ids, _given(write, count))


@handler(
    *(f"SparseSegment{kind}{suffix}" for kind in ("Sum", "Mean", "SqrtN") for suffix in ("", "WithNumSegments")),
    since=16,
)
def sparse_segment(write: Form, data: str, rows: str, ids: str, count: str = "") -> str:
    """Chosen rows, those with the same id reduced: what embeddings of sparse features are made of."""
    chosen = write("Gather", data, rows, axis=0)
    segments = _given(write, count) if count else sorted_count(write, ids)
    kind = write.kind.removeprefix("SparseSegment").removesuffix("WithNumSegments")
    if kind == "Sum":
        return reduced(write, kind, chosen, ids, segments)
    return mean(write, chosen, ids, segments, root=kind == "SqrtN")
