"""Bins, counts and indicators of categories."""

from __future__ import annotations

from typing import Any

import numpy as np
from tf2onnx.handler import tf_op

from modelport_converters.tensorflow_to_onnx.handlers.writing import Writer


@tf_op("Bucketize")
class Bucketize:
    """The number of boundaries that a value is not below; NaN is below none."""

    @classmethod
    def version_13(cls, ctx: Any, node: Any, **_: Any) -> None:
        """ReduceSum takes its axes as an input from opset 13."""
        write = Writer(ctx, node)
        bounds = np.asarray(node.get_attr_value("boundaries") or [], np.float32)
        (values,) = write.inputs
        kind = np.float64 if write.dtype_of(values) == np.float64 else np.float32
        column = write("Unsqueeze", write.cast(values, kind), write.const([-1]))
        below = write("Less", column, write.const(bounds, kind))
        reached = write.cast(write("Not", below), np.int64)
        counted = write("ReduceSum", reached, write.const([-1]), keepdims=0)
        write.finish(write.cast(counted, np.int32))


@tf_op("OneHot")
class OneHot:
    """The on value where an index is met; an index out of range is met nowhere, where ONNX counts negative ones from the end."""

    @classmethod
    def version_13(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Unsqueeze takes its axes as an input from opset 13."""
        write = Writer(ctx, node)
        indices, depth, on, off = write.inputs
        axis = node.get_attr_value("axis", -1)
        rank = ctx.get_rank(indices)
        count = write("Range", write.const(0), write.cast(depth, np.int64), write.const(1))
        if axis != -1:  # as many trailing axes as the indices have from there on
            count = write("Unsqueeze", count, write.const(list(range(1, rank - axis + 1))))
        raised = write("Unsqueeze", write.cast(indices, np.int64), write.const([axis]))
        met = write("Equal", raised, count)
        if write.dtype == np.bool_:  # ONNX Runtime selects no booleans
            chosen = write("Where", met, write.cast(on, np.uint8), write.cast(off, np.uint8))
            write.finish(write.cast(chosen, np.bool_))
        else:
            write.finish(write("Where", met, on, off))


def _bins(write: Writer, values: str, size: str) -> tuple[str, str]:
    """Return values with those beyond the last bin moved into one bin more, and the number of bins with it, as [1]."""
    last = write("Reshape", write.cast(size, np.int64), write.const([1]))
    return write("Min", write.cast(values, np.int64), last), write("Add", last, write.const([1]))


def _counted(write: Writer, bins: str, weights: str | None, zeros: str, *, binary: bool) -> str:
    """Add ones, or weights, to the bins along the last axis."""
    ones = write("Expand", write.like(1), write("Shape", bins))
    if binary:  # a bin that is met twice is written twice
        return write("ScatterElements", zeros, bins, ones, axis=-1)
    return write("ScatterElements", zeros, bins, weights or ones, axis=-1, reduction="add")


def _given_weights(ctx: Any, weights: str) -> str | None:
    """Return the weights, None for an empty tensor, which stands for ones."""
    return None if 0 in (ctx.get_shape(weights) or ()) else weights


@tf_op(["Bincount", "DenseBincount"])
class Bincount:
    """Counts, or sums of weights, of each category in a row; TensorFlow leaves out what is beyond the last bin."""

    @classmethod
    def version_16(cls, ctx: Any, node: Any, **_: Any) -> None:
        """ScatterElements adds from opset 16."""
        write = Writer(ctx, node)
        values, size, weights = write.inputs
        bins, width = _bins(write, values, size)
        leading = write("Shape", values, end=-1)
        zeros = write("Expand", write.like(0), write("Concat", leading, width, axis=0))
        binary = bool(node.get_attr_value("binary_output", False))
        counts = _counted(write, bins, _given_weights(ctx, weights), zeros, binary=binary)
        write.finish(write("Slice", counts, write.const([0]), write.const([-1]), write.const([-1])))


@tf_op("RaggedBincount")
class RaggedBincount:
    """The same for rows of different lengths, which row splits delimit."""

    @classmethod
    def version_16(cls, ctx: Any, node: Any, **_: Any) -> None:
        """ScatterElements adds from opset 16."""
        write = Writer(ctx, node)
        splits, values, size, weights = write.inputs
        bins, width = _bins(write, values, size)
        rows = write("Sub", write("Shape", splits), write.const([1]))
        flat = write("Add", bins, write("Mul", row_ids(write, splits, values), width))
        zeros = write("Expand", write.like(0), write("Mul", rows, width))
        binary = bool(node.get_attr_value("binary_output", False))
        counts = _counted(write, flat, _given_weights(ctx, weights), zeros, binary=binary)
        table = write("Reshape", counts, write("Concat", rows, width, axis=0))
        write.finish(write("Slice", table, write.const([0]), write.const([-1]), write.const([1])))


def row_ids(write: Writer, splits: str, values: str) -> str:
    """Return the row of each value of a ragged tensor: how many splits beyond the first are not above its position."""
    splits = write.cast(splits, np.int64)
    inner = write("Slice", splits, write.const([1]), write.const([np.iinfo(np.int64).max]))
    length = write("Shape", values, end=1)
    zeros = write("Expand", write.const([0]), write("Add", length, write.const([1])))
    ones = write("Expand", write.const([1]), write("Shape", inner))
    ends = write("ScatterElements", zeros, inner, ones, axis=0, reduction="add")
    ids = write("CumSum", ends, write.const(0))
    return write("Slice", ids, write.const([0]), write.const([-1]))
