"""Bins and counts of categories."""

from __future__ import annotations

import numpy as np

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler


@handler("Bucketize")
def bucketize(op: Operation, values: Value) -> Value:
    """How many boundaries a value is not below (numpy.digitize); NaN is below none."""
    dtype = np.float64 if values.dtype == np.float64 else np.float32
    bounds = np.asarray(op.attr("boundaries") or [], np.float32).astype(dtype)
    return fn.sum(~(fn.expand_dims(values.cast(dtype), -1) < bounds), -1).cast("int32")


@handler("Bincount", "DenseBincount", since=16)
def bincount(op: Operation, values: Value, size: Value, weights: Value) -> Value:
    """Counts, or sums of weights, of each category in a row; values beyond the last bin are left out."""
    bins, width = _bins(values, size)
    leading = op.graph.op("Shape", values, end=-1, dtype="int64")
    counts = _counted(op, bins, weights, [leading, width])
    return op.graph.op("Slice", counts, [0], [-1], [-1])


@handler("RaggedBincount", since=16)
def ragged_bincount(op: Operation, splits: Value, values: Value, size: Value, weights: Value) -> Value:
    """The same for the rows of a ragged tensor."""
    bins, width = _bins(values, size)
    rows = fn.shape(splits) - 1
    counts = _counted(op, bins + row_ids(splits, values) * width, weights, rows * width)
    return fn.reshape(counts, [rows, width])[:, :-1]


def _bins(values: Value, size: Value) -> tuple[Value, Value]:
    """Return values, those beyond the last bin moved into an extra one, and the number of bins with that, int64[1]."""
    last = fn.reshape(size.cast("int64"), [1])
    return fn.minimum(values.cast("int64"), last), last + 1


def _counted(op: Operation, bins: Value, weights: Value, shape: fn.Shape) -> Value:
    """Add ones, or weights, to zeros at the bins along the last axis; an empty tensor of weights stands for ones."""
    zeros = fn.broadcast_to(op.dtype.type(0), shape)
    ones = fn.broadcast_to(op.dtype.type(1), fn.shape(bins))
    if op.attr("binary_output", 0):  # a bin that is met twice is written twice
        return op.graph.op("ScatterElements", zeros, bins, ones, axis=-1)
    added = ones if 0 in (op.shape(weights) or []) else weights
    return op.graph.op("ScatterElements", zeros, bins, added, axis=-1, reduction="add")


def row_ids(splits: Value, values: Value) -> Value:
    """Return the row of each value of a ragged tensor: how many splits beyond the first are not above its position."""
    graph, inner = values.graph, splits.cast("int64")[1:]
    zeros = fn.broadcast_to(np.int64(0), graph.op("Shape", values, end=1, dtype="int64") + 1)
    ones = fn.broadcast_to(np.int64(1), fn.shape(inner))
    return fn.cumsum(graph.op("ScatterElements", zeros, inner, ones, axis=0, reduction="add"), 0)[:-1]
