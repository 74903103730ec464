"""Ragged tensors: the items of all rows one after the other, and row partitions that say where each row begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tf2onnx.onnx_opset import tensor as tf2onnx_tensor

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler


@handler("RaggedTensorToTensor", since=16)
def to_tensor(op: Operation, shape: Value, values: Value, default: Value, *partitions: Value) -> Value | None:
    """Rows padded with a default to one length at each level; items beyond a given shape are left out."""
    kinds = [kind.decode() for kind in op.attr("row_partition_types")]
    if set(kinds) == {"ROW_SPLITS"}:
        levels = _lengths_of_splits(partitions)
    elif kinds[0] == "FIRST_DIM_SIZE" and set(kinds[1:]) == {"VALUE_ROWIDS"}:
        levels = _lengths_of_row_ids(partitions)
    else:  # which refuses them
        op.upstream(tf2onnx_tensor.RaggedTensorToTensor.version_11)
        return None
    indices, sizes = _indices(levels)
    uniform = len(op.shape(values) or []) != 1  # dense dimensions below the ragged ones, or an unknown rank
    if op.shape(shape) != []:
        given = shape.cast("int64")[: len(levels) + 1] if uniform else shape.cast("int64")
        sizes = fn.where(given < 0, sizes, given)
        inside = fn.min(sizes - indices, 1) > 0
        indices, values = fn.compress(inside, indices), fn.compress(inside, values)
    base = fn.broadcast_to(default, [sizes, fn.shape(values)[1:]] if uniform else sizes)
    return op.graph.op("ScatterND", base, indices, values)


@handler("RaggedTensorToSparse", since=16)
def to_sparse(op: Operation, *inputs: Value) -> tuple[Value, Value, Value]:
    """The same items with their indices."""
    *splits, values = inputs
    if len(op.shape(values) or [0]) != 1:
        raise ValueError("RaggedTensorToSparse conversion only supports tensors with no dense dimensions")
    indices, sizes = _indices(_lengths_of_splits(splits))
    return indices, values, sizes


def row_ids(splits: Value, count: Value) -> Value:
    """Return the row of each of `count` (int64[1]) items: how many splits beyond the first are not above its position."""
    graph, inner = splits.graph, splits.cast("int64")[1:]
    zeros = fn.broadcast_to(np.int64(0), count + 1)
    ones = fn.broadcast_to(np.int64(1), fn.shape(inner))
    return fn.cumsum(graph.op("ScatterElements", zeros, inner, ones, axis=0, reduction="add"), 0)[:-1]


def length(values: Value) -> Value:
    """Return the number of items, int64[1]."""
    return values.graph.op("Shape", values, end=1, dtype="int64")


def _lengths_of_splits(splits: Sequence[Value]) -> list[Value]:
    """Return the lengths of the rows of each level, the outermost first."""
    return [one[1:] - one[:-1] for one in (given.cast("int64") for given in splits)]


def _lengths_of_row_ids(given: Sequence[Value]) -> list[Value]:
    """Return the same from the number of rows, and the row of each item at each level."""
    count, lengths = fn.reshape(given[0].cast("int64"), [1]), []
    for rows in (ids.cast("int64") for ids in given[1:]):
        zeros, ones = (fn.broadcast_to(np.int64(n), size) for n, size in ((0, count), (1, fn.shape(rows))))
        lengths.append(rows.graph.op("ScatterElements", zeros, rows, ones, axis=0, reduction="add"))
        count = fn.shape(rows)
    return lengths


def _indices(levels: Sequence[Value]) -> tuple[Value, Value]:
    """Return the indices of the items [items, levels + 1], and the shape that holds them [levels + 1], of the rows' lengths."""
    indices, sizes = None, [fn.shape(levels[0])]
    for lengths in levels:
        graph = lengths.graph
        sizes.append(fn.max(fn.concatenate([lengths, graph.constant([0])], 0), 0, keepdims=True))  # 0 for no rows
        present = fn.arange(sizes[-1]) < fn.expand_dims(lengths, 1)
        own = graph.op("NonZero", present, dtype="int64").T
        indices = own if indices is None else fn.concatenate([fn.take(indices, own[:, 0]), own[:, 1:]], 1)
    assert indices is not None
    return indices, fn.concatenate(sizes, 0)
