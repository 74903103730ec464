"""Sparse tensors: indices [n, rank], values [n] and a shape [rank]."""

from __future__ import annotations

import numpy as np

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler


@handler("SparseTensorDenseMatMul", since=16)
def sparse_tensor_dense_mat_mul(op: Operation, indices: Value, values: Value, shape: Value, matrix: Value) -> Value:
    """A product of matrices."""
    left = _dense(indices, values, shape)
    return (left.T if op.attr("adjoint_a", 0) else left) @ (matrix.T if op.attr("adjoint_b", 0) else matrix)


@handler("SparseTensorDenseAdd", since=16)
def sparse_tensor_dense_add(op: Operation, indices: Value, values: Value, _: Value, other: Value) -> Value:
    """The sum of a sparse and a dense tensor."""
    return op.graph.op("ScatterND", other, indices.cast("int64"), values, reduction="add")


@handler("SparseReduceSum", since=16)
def sparse_reduce_sum(op: Operation, indices: Value, values: Value, shape: Value, axes: Value) -> Value:
    """Sums over axes, dense."""
    return fn.sum(_dense(indices, values, shape), _axes(op, axes), keepdims=bool(op.attr("keep_dims", 0)))


@handler("SparseReduceMax", since=18)
def sparse_reduce_max(op: Operation, indices: Value, values: Value, shape: Value, axes: Value) -> Value:
    """The greatest value over axes, dense; 0 where there is none."""
    keep, along = bool(op.attr("keep_dims", 0)), _axes(op, axes)
    greatest = fn.max(_dense(indices, values, shape, np.finfo(values.dtype).min, "max"), along, keepdims=keep)
    ones = fn.broadcast_to(values.dtype.type(1), fn.shape(values))
    return fn.where(fn.sum(_dense(indices, ones, shape), along, keepdims=keep) > 0, greatest, 0)


@handler("SparseReorder")
def sparse_reorder(op: Operation, indices: Value, values: Value, shape: Value) -> tuple[Value, Value]:
    """The same tensor in row-major order."""
    return _ordered(op, indices, values, shape)


@handler("SparseDenseCwiseAdd", "SparseDenseCwiseDiv", "SparseDenseCwiseMul")
def sparse_dense_cwise(op: Operation, indices: Value, values: Value, shape: Value, other: Value) -> Value:
    """New values from a dense tensor at the places of a sparse one."""
    return op.graph.op(op.type.removeprefix("SparseDenseCwise"), values, _gathered(other, shape.cast("int64"), indices))


@handler("SparseConcat")
def sparse_concat(op: Operation, *inputs: Value) -> tuple[Value, Value, Value]:
    """Sparse tensors one after the other along an axis, in row-major order."""
    count = len(inputs) // 3
    indices, values, shapes = inputs[:count], inputs[count : 2 * count], inputs[2 * count :]
    (rank,) = op.sizes(shapes[0], [0])
    along = (np.arange(rank) == op.attr("concat_dim") % rank).astype(np.int64)
    offset, moved = op.graph.constant([0] * rank), []
    for index, shape in zip(indices, shapes, strict=True):
        moved.append(index + offset)
        offset = offset + shape * along
    whole = offset + shapes[0] * (1 - along)
    return (*_ordered(op, fn.concatenate(moved, 0), fn.concatenate(values, 0), whole), whole)


@handler("SparseSlice")
def sparse_slice(
    _: Operation, indices: Value, values: Value, shape: Value, start: Value, size: Value
) -> tuple[Value, Value, Value]:
    """The values within a box, with indices from its corner."""
    end = fn.minimum(start + size, shape)
    inside = (indices >= start) & (indices < end)
    rows = fn.equal(fn.min(inside.cast("int64"), 1), 1)
    return fn.compress(rows, indices) - start, fn.compress(rows, values), fn.maximum(end - start, 0)


@handler("SparseSoftmax", since=18)
def sparse_softmax(_: Operation, indices: Value, values: Value, shape: Value) -> Value:
    """The softmax of each row's values."""
    whole = _dense(indices, values, shape, np.finfo(values.dtype).min, "max")
    power = fn.exp(values - _gathered(fn.max(whole, -1, keepdims=True), shape, indices))
    return power / _gathered(fn.sum(_dense(indices, power, shape), -1, keepdims=True), shape, indices)


def _axes(op: Operation, axes: Value) -> list[int] | Value:
    """Return axes, which may be one number."""
    return op.constant(3).ravel().tolist() if op.is_constant(3) else fn.ravel(axes.cast("int64"))


def _dense(indices: Value, values: Value, shape: Value, empty: float = 0, reduction: str = "add") -> Value:
    """Return the dense form; several values at one place add up."""
    base = fn.broadcast_to(values.dtype.type(empty), shape.cast("int64"))
    return values.graph.op("ScatterND", base, indices.cast("int64"), values, reduction=reduction)


def _gathered(x: Value, shape: Value, indices: Value) -> Value:
    """Return the elements at indices of a dense tensor that is broadcast to a shape."""
    return x.graph.op("GatherND", fn.broadcast_to(x, shape), indices)


def _ordered(op: Operation, indices: Value, values: Value, shape: Value) -> tuple[Value, Value]:
    """Return indices and values in row-major order."""
    sizes = shape.cast("int64")
    # strides are the products of the sizes that follow: exp(cumsum(log)) would round, so they are taken in turn
    (rank,) = op.sizes(shape, [0])
    strides = [op.graph.constant([1])]
    for axis in reversed(range(1, rank)):
        strides.insert(0, strides[0] * sizes[axis : axis + 1])
    flat = fn.sum(indices * fn.concatenate(strides, 0), 1)
    _, order = fn.topk(flat, fn.shape(flat), axis=0, smallest_first=True)
    return fn.take(indices, order), fn.take(values, order)
