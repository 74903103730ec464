"""Products, determinants and diagonals of matrices."""

from __future__ import annotations

import numpy as np
from tf2onnx.onnx_opset import math as tf2onnx_math

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler


@handler("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", since=10)
def mat_mul(op: Operation, x: Value, y: Value, *_: Value) -> None:
    """A product; that of 8-bit integers is MatMulInteger.

    tf2onnx gives it zero points of 0, one constant for all of them, which ONNX Runtime cannot load on some settings
    ("Attempt to replace the existing tensor"); left out, they mean the same.
    """
    if all(value.dtype in (np.int8, np.uint8) for value in (x, y)):
        op.node.type = "MatMulInteger"
    op.upstream(tf2onnx_math.MatMul.version_1)


@handler("SparseMatMul")
def sparse_mat_mul(op: Operation, a: Value, b: Value) -> Value:
    """A product of matrices that hold many zeros."""
    return (a.T if op.attr("transpose_a", 0) else a) @ (b.T if op.attr("transpose_b", 0) else b)


@handler("TridiagonalMatMul")
def tridiagonal_mat_mul(op: Operation, above: Value, main: Value, below: Value, right: Value) -> Value:
    """A tridiagonal matrix, given as three rows, times a matrix."""
    rank = op.rank(right)
    leading = [(0, 0)] * (rank - 2)
    every = (slice(None),) * (rank - 2)
    previous = fn.pad(right[*every, :-1], [*leading, (1, 0), (0, 0)])
    following = fn.pad(right[*every, 1:], [*leading, (0, 1), (0, 0)])
    columns = [fn.transpose(row, [*range(rank - 2), rank - 1, rank - 2]) for row in (above, main, below)]
    terms = [column * side for column, side in zip(columns, (following, right, previous), strict=True)]
    return op.graph.op("Sum", *terms)


@handler("Cross")
def cross(_: Operation, a: Value, b: Value) -> Value:
    """The cross product along the last axis, of size 3."""

    def rolled(x: Value, first: int) -> Value:
        return fn.take(x, [first, (first + 1) % 3, (first + 2) % 3], -1)

    return rolled(a, 1) * rolled(b, 2) - rolled(a, 2) * rolled(b, 1)


@handler("LogMatrixDeterminant")
def log_matrix_determinant(op: Operation, x: Value) -> tuple[Value, Value]:
    """The sign of the determinant and the logarithm of its size (numpy.linalg.slogdet)."""
    found = op.graph.op("Det", x)
    return fn.sign(found), fn.log(fn.absolute(found))


@handler("MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3")
def matrix_set_diag(op: Operation, matrix: Value, diagonal: Value, *rest: Value) -> Value:
    """A matrix with the k-th diagonal replaced."""
    offsets = {int(item) for item in op.constant(2).ravel()} if rest else {0}
    if len(offsets) > 1:
        raise ValueError("several diagonals are set at once: set them one after the other")
    (offset,) = offsets
    rows, columns = (fn.arange(fn.size(matrix, axis)) for axis in (-2, -1))
    along = fn.equal(fn.expand_dims(columns, 0) - fn.expand_dims(rows, 1), offset)
    places = fn.clip(rows - max(0, -offset), None, fn.size(diagonal, -1) - 1)
    values = fn.expand_dims(fn.take(diagonal, fn.maximum(places, 0), -1), -1)
    return fn.where(along, values, matrix)


@handler("Diag")
def diag(_: Operation, x: Value) -> Value:
    """A tensor of twice the rank with x on its diagonal."""
    numbers = fn.arange(x.graph.op("Size", x, dtype="int64"))
    along = fn.equal(fn.expand_dims(numbers, 0), fn.expand_dims(numbers, 1))
    return fn.reshape(fn.where(along, fn.reshape(x, [-1, 1]), 0), [fn.shape(x), fn.shape(x)])


@handler("DiagPart")
def diag_part(op: Operation, x: Value) -> Value:
    """The diagonal of a tensor whose shape is one shape twice."""
    half = fn.shape(x)[: op.rank(x) // 2]
    count = fn.prod(half, keepdims=True)
    return fn.reshape(fn.take(fn.ravel(x), fn.arange(count) * (count + 1)), half)
