"""Products, determinants and diagonals of matrices."""

from __future__ import annotations

from onnx import TensorProto
from tf2onnx.onnx_opset import math as tf2onnx_math

from modelport_converters.tensorflow_to_onnx.handler import Form, handler


def _places(write: Form, matrix: str) -> tuple[str, str]:
    """Return the numbers of a matrix's rows, [m, 1], and of its columns, [1, n]."""
    rows, columns = (write.arange(write.size(matrix, axis)) for axis in (-2, -1))
    return write.unsqueeze(rows, 1), write.unsqueeze(columns, 0)


@handler("MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3")
def matrix_set_diag(write: Form, matrix: str, diagonal: str, *rest: str) -> str:
    """A matrix with the k-th diagonal replaced."""
    offsets = {int(item) for item in write.known(2).ravel()} if rest else {0}
    if len(offsets) > 1:
        raise ValueError("several diagonals are set at once: set them one after the other")
    (offset,) = offsets
    rows, columns = _places(write, matrix)
    along = write("Equal", write("Sub", columns, rows), write.const(offset))
    first = write("Sub", write.squeeze(rows, 1), write.const(max(0, -offset)))
    last = write("Sub", write.size(diagonal, -1), write.const([1]))
    element = write("Max", write("Min", first, last), write.const(0))
    values = write.unsqueeze(write("Gather", diagonal, element, axis=-1), -1)
    return write("Where", along, values, matrix)


@handler("Diag")
def diag(write: Form, x: str) -> str:
    """A tensor of twice the rank with x on its diagonal."""
    count = write("Size", x)
    numbers = write.arange(count)
    along = write("Equal", write.unsqueeze(numbers, 0), write.unsqueeze(numbers, 1))
    matrix = write("Where", along, write.reshape(x, [-1, 1]), write.like(0))
    shape = write("Shape", x)
    return write.reshape(matrix, write.join(shape, shape))


@handler("DiagPart")
def diag_part(write: Form, x: str) -> str:
    """The diagonal of a tensor whose shape is one shape twice."""
    half = write.slice(write("Shape", x), 0, write.rank // 2)
    numbers = write.arange(write("ReduceProd", half, keepdims=1))
    flat = write.reshape(x, [-1])
    steps = write("Mul", numbers, write("Add", write("ReduceProd", half, keepdims=1), write.const([1])))
    return write.reshape(write("Gather", flat, steps, axis=0), half)


@handler("TridiagonalMatMul")
def tridiagonal_mat_mul(write: Form, above: str, main: str, below: str, right: str) -> str:
    """A tridiagonal matrix, given as three rows, times a matrix."""
    rank = write.rank_of(right)
    zeros = [0] * rank
    before, after = zeros.copy(), zeros.copy()
    before[-2], after[-2] = 1, 1
    previous = write("Pad", write.slice(right, 0, -1, axis=rank - 2), write.const(before + zeros))
    following = write("Pad", write.slice(right, 1, None, axis=rank - 2), write.const(zeros + after))
    columns = [write("Transpose", row, perm=[*range(rank - 2), rank - 1, rank - 2]) for row in (above, main, below)]
    terms = [write("Mul", column, side) for column, side in zip(columns, (following, right, previous), strict=True)]
    return write("Sum", *terms)


_NARROW = (TensorProto.INT8, TensorProto.UINT8)


@handler("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", since=10)
def mat_mul(write: Form, x: str, y: str, *_: str) -> None:
    """A product; that of 8-bit integers is MatMulInteger.

    tf2onnx gives it zero points of 0, one constant for all of them, which ONNX Runtime cannot load on some settings
    ("Attempt to replace the existing tensor"); left out, they mean the same.
    """
    if all(write.ctx.get_dtype(name) in _NARROW for name in (x, y)):
        write.node.type = "MatMulInteger"
    write.upstream(tf2onnx_math.MatMul.version_1)


@handler("Cross")
def cross(write: Form, a: str, b: str) -> str:
    """The cross product along the last axis, of size 3."""

    def rolled(x: str, first: int) -> str:
        return write("Gather", x, write.const([first, (first + 1) % 3, (first + 2) % 3]), axis=-1)

    left = write("Mul", rolled(a, 1), rolled(b, 2))
    return write("Sub", left, write("Mul", rolled(a, 2), rolled(b, 1)))


@handler("LogMatrixDeterminant")
def log_matrix_determinant(write: Form, x: str) -> tuple[str, str]:
    """The sign of the determinant and the logarithm of its size."""
    found = write("Det", x)
    return write("Sign", found), write("Log", write("Abs", found))


@handler("SparseMatMul")
def sparse_mat_mul(write: Form, a: str, b: str) -> str:
    """A product of matrices that hold many zeros."""
    sides = [
        write("Transpose", side, perm=[1, 0]) if write.attr(f"transpose_{name}", 0) else side
        for name, side in (("a", a), ("b", b))
    ]
    return write("MatMul", *sides)
