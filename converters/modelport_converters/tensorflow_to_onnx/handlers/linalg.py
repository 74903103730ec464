"""Diagonals of matrices."""

from __future__ import annotations

from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form


def _places(write: Form, matrix: str) -> tuple[str, str]:
    """Return the numbers of a matrix's rows, [m, 1], and of its columns, [1, n]."""
    rows, columns = (write.arange(write.size(matrix, axis)) for axis in (-2, -1))
    return write.unsqueeze(rows, 1), write.unsqueeze(columns, 0)


@form("MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3")
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


@form("Diag")
def diag(write: Form, x: str) -> str:
    """A tensor of twice the rank with x on its diagonal."""
    count = write("Size", x)
    numbers = write.arange(count)
    along = write("Equal", write.unsqueeze(numbers, 0), write.unsqueeze(numbers, 1))
    matrix = write("Where", along, write.reshape(x, [-1, 1]), write.like(0))
    shape = write("Shape", x)
    return write.reshape(matrix, write.join(shape, shape))


@form("DiagPart")
def diag_part(write: Form, x: str) -> str:
    """The diagonal of a tensor whose shape is one shape twice."""
    half = write.slice(write("Shape", x), 0, write.rank // 2)
    numbers = write.arange(write("ReduceProd", half, keepdims=1))
    flat = write.reshape(x, [-1])
    steps = write("Mul", numbers, write("Add", write("ReduceProd", half, keepdims=1), write.const([1])))
    return write.reshape(write("Gather", flat, steps, axis=0), half)


@form("TridiagonalMatMul")
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
