"""Bins, counts and indicators of categories."""

from __future__ import annotations

import numpy as np

from modelport_converters.tensorflow_to_onnx.handler import Form, handler


@handler("Bucketize")
def bucketize(write: Form, values: str) -> str:
    """The number of boundaries that a value is not below; NaN is below none."""
    bounds = np.asarray(write.attr("boundaries") or [], np.float32)
    kind = np.float64 if write.dtype_of(values) == np.float64 else np.float32
    below = write("Less", write.unsqueeze(write.cast(values, kind), -1), write.const(bounds, kind))
    reached = write.cast(write("Not", below), np.int64)
    return write.cast(write.reduce("Sum", reached, [-1]), np.int32)


def _bins(write: Form, values: str, size: str) -> tuple[str, str]:
    """Return values with those beyond the last bin moved into one bin more, and the number of bins with it, as [1]."""
    last = write.reshape(write.cast(size, np.int64), [1])
    return write("Min", write.cast(values, np.int64), last), write("Add", last, write.const([1]))


def _counted(write: Form, bins: str, weights: str, zeros: str) -> str:
    """Add ones, or weights, to the bins along the last axis; an empty tensor of weights stands for ones."""
    ones = write("Expand", write.like(1), write("Shape", bins))
    if write.attr("binary_output", 0):  # a bin that is met twice is written twice
        return write("ScatterElements", zeros, bins, ones, axis=-1)
    added = ones if 0 in (write.shape(weights) or []) else weights
    return write("ScatterElements", zeros, bins, added, axis=-1, reduction="add")


@handler("Bincount", "DenseBincount", since=16)
def bincount(write: Form, values: str, size: str, weights: str) -> str:
    """Counts, or sums of weights, of each category in a row; TensorFlow leaves out what is beyond the last bin."""
    bins, width = _bins(write, values, size)
    leading = write("Shape", values, end=-1)
    zeros = write("Expand", write.like(0), write.join(leading, width))
    return write.slice(_counted(write, bins, weights, zeros), 0, -1, axis=-1)


@handler("RaggedBincount", since=16)
def ragged_bincount(write: Form, splits: str, values: str, size: str, weights: str) -> str:
    """The same for rows of different lengths, which row splits delimit."""
    bins, width = _bins(write, values, size)
    rows = write("Sub", write("Shape", splits), write.const([1]))
    flat = write("Add", bins, write("Mul", row_ids(write, splits, values), width))
    zeros = write("Expand", write.like(0), write("Mul", rows, width))
    table = write.reshape(_counted(write, flat, weights, zeros), write.join(rows, width))
    return write.slice(table, 0, -1, axis=1)


def row_ids(write: Form, splits: str, values: str) -> str:
    """Return the row of each value of a ragged tensor: how many splits beyond the first are not above its position."""
    inner = write.slice(write.cast(splits, np.int64), 1, None)
    length = write("Shape", values, end=1)
    zeros = write("Expand", write.const([0]), write("Add", length, write.const([1])))
    ones = write("Expand", write.const([1]), write("Shape", inner))
    ends = write("ScatterElements", zeros, inner, ones, axis=0, reduction="add")
    return write.slice(write("CumSum", ends, write.const(0)), 0, -1)
