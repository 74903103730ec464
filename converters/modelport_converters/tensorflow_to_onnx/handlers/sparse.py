"""Sparse tensors: indices [n, rank], values [n] and a shape [rank]."""

from __future__ import annotations

import numpy as np

from modelport_converters.tensorflow_to_onnx.handler import Form, handler


def dense(write: Form, indices: str, values: str, shape: str, empty: float = 0, reduction: str = "add") -> str:
    """Return the dense form; several values at one place add up."""
    base = write("Expand", write.number(empty, values), write.cast(shape, np.int64))
    return write("ScatterND", base, write.cast(indices, np.int64), values, reduction=reduction)


def ordered(write: Form, indices: str, values: str, shape: str) -> tuple[str, str]:
    """Return indices and values in row-major order."""
    sizes = write.cast(shape, np.int64)
    # strides are the products of the sizes that follow: exp(cumsum(log)) would round, so they are taken in turn
    (rank,) = write.sizes(shape, [0])
    strides = [write.const([1])]
    for axis in reversed(range(1, rank)):
        strides.insert(0, write("Mul", strides[0], write.slice(sizes, axis, axis + 1)))
    flat = write.reduce("Sum", write("Mul", indices, write.join(*strides)), [1])
    order = write.several("TopK", [flat, write("Shape", flat)], 2, largest=0, axis=0)[1]
    return write("Gather", indices, order, axis=0), write("Gather", values, order, axis=0)


@handler("SparseTensorDenseMatMul", since=16)
def sparse_tensor_dense_mat_mul(write: Form, indices: str, values: str, shape: str, matrix: str) -> str:
    """A product of matrices."""
    left = dense(write, indices, values, shape)
    left = write("Transpose", left, perm=[1, 0]) if write.attr("adjoint_a", 0) else left
    return write("MatMul", left, write("Transpose", matrix, perm=[1, 0]) if write.attr("adjoint_b", 0) else matrix)


@handler("SparseTensorDenseAdd", since=16)
def sparse_tensor_dense_add(write: Form, indices: str, values: str, _: str, other: str) -> str:
    """The sum of a sparse and a dense tensor."""
    return write("ScatterND", other, write.cast(indices, np.int64), values, reduction="add")


@handler("SparseReduceSum", since=16)
def sparse_reduce_sum(write: Form, indices: str, values: str, shape: str, axes: str) -> str:
    """Sums over axes, dense."""
    whole = dense(write, indices, values, shape)
    return write("ReduceSum", whole, write.cast(axes, np.int64), keepdims=int(write.attr("keep_dims", 0)))


@handler("SparseReduceMax", since=18)
def sparse_reduce_max(write: Form, indices: str, values: str, shape: str, axes: str) -> str:
    """The greatest value over axes, dense; 0 where there is none."""
    keep = int(write.attr("keep_dims", 0))
    whole = dense(write, indices, values, shape, np.finfo(write.dtype_of(values)).min, "max")
    ones = dense(write, indices, write("Expand", write.number(1, values), write("Shape", values)), shape)
    greatest, count = (
        write(op, name, write.cast(axes, np.int64), keepdims=keep)
        for op, name in (("ReduceMax", whole), ("ReduceSum", ones))
    )
    return write("Where", write("Greater", count, write.like(0)), greatest, write.like(0))


@handler("SparseReorder")
def sparse_reorder(write: Form, indices: str, values: str, shape: str) -> tuple[str, str]:
    """The same tensor in row-major order."""
    return ordered(write, indices, values, shape)


@handler("SparseDenseCwiseAdd", "SparseDenseCwiseDiv", "SparseDenseCwiseMul")
def sparse_dense_cwise(write: Form, indices: str, values: str, shape: str, other: str) -> str:
    """New values from a dense tensor at the places of a sparse one."""
    spread = write("Expand", other, write.cast(shape, np.int64))
    return write(write.kind.removeprefix("SparseDenseCwise"), values, write("GatherND", spread, indices))


@handler("SparseConcat")
def sparse_concat(write: Form, *inputs: str) -> tuple[str, str, str]:
    """Sparse tensors one after the other along an axis, in row-major order."""
    count = len(inputs) // 3
    indices, values, shapes = inputs[:count], inputs[count : 2 * count], inputs[2 * count :]
    (rank,) = write.sizes(shapes[0], [0])
    axis = int(write.attr("concat_dim")) % rank
    along = write.const(np.arange(rank) == axis, np.int64)
    offset, moved = write.const([0] * rank), []
    for index, shape in zip(indices, shapes, strict=True):
        moved.append(write("Add", index, offset))
        offset = write("Add", offset, write("Mul", shape, along))
    whole = write("Add", offset, write("Mul", shapes[0], write.const(np.arange(rank) != axis, np.int64)))
    return (*ordered(write, write.join(*moved), write.join(*values), whole), whole)


@handler("SparseSlice")
def sparse_slice(write: Form, indices: str, values: str, shape: str, start: str, size: str) -> tuple[str, str, str]:
    """The values within a box, with indices from its corner."""
    end = write("Min", write("Add", start, size), shape)
    inside = write("And", write("GreaterOrEqual", indices, start), write("Less", indices, end))
    rows = write("Equal", write.reduce("Min", write.cast(inside, np.int64), [1]), write.const(1))
    kept = write("Compress", indices, rows, axis=0)
    sizes = write("Max", write("Sub", end, start), write.const(0))
    return write("Sub", kept, start), write("Compress", values, rows, axis=0), sizes


@handler("SparseSoftmax", since=18)
def sparse_softmax(write: Form, indices: str, values: str, shape: str) -> str:
    """The softmax of each row's values."""
    whole = dense(write, indices, values, shape, np.finfo(write.dtype).min, "max")
    greatest = write.reduce("Max", whole, [-1], keep=True)
    power = write("Exp", write("Sub", values, write("GatherND", write("Expand", greatest, shape), indices)))
    total = write.reduce("Sum", dense(write, indices, power, shape), [-1], keep=True)
    return write("Div", power, write("GatherND", write("Expand", total, shape), indices))
