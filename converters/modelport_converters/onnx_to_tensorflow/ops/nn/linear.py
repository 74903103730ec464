"""Linear algebra: matrix products, Gemm, Einsum and determinants."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from modelport_converters.onnx_graph.fuse import OWN_DOMAIN
from modelport_converters.onnx_to_tensorflow.registry import op
from modelport_converters.onnx_to_tensorflow.weights import Weight, arrange
from modelport_converters.onnx_to_tensorflow.widening import HALVES, SMALL_INTEGERS, UNSIGNED, widened


@op("Linear", domain=OWN_DOMAIN)
def linear(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Dense layer: x W + b over the last dimension of x; W is [in, out], b [out]."""
    return over_rows(x, w, lambda rows: tf.nn.bias_add(tf.matmul(rows, w), b))


def over_rows(x: tf.Tensor, w: tf.Tensor, function: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Apply a matrix product with w, [in, out], to x flattened to a matrix of rows.

    TensorFlow's batched product takes up to 1.3 times as long on a CPU, and fuses no bias.
    """
    rank = x.shape.rank
    if rank is None or rank <= 2:
        return function(x)
    rows = tf.reshape(x, [-1, w.shape[0] if w.shape[0] is not None else tf.shape(w)[0]])
    sizes = x.shape.as_list()[:-1]
    known = [size if size is not None else tf.shape(x)[axis] for axis, size in enumerate(sizes)]
    if sizes.count(None) == 1:  # one size may be left to the reshape
        known[sizes.index(None)] = -1
    columns = w.shape[1] if w.shape[1] is not None else tf.shape(w)[1]
    return tf.ensure_shape(tf.reshape(function(rows), [*known, columns]), [*sizes, w.shape[1]])


@op("MatMul")
def mat_mul(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Matrix product, as numpy.matmul."""
    return widened(_mat_mul, {**SMALL_INTEGERS, **UNSIGNED})(a, b)


def _mat_mul(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    if a.shape.rank == 1 and b.shape.rank == 1:
        return tf.reduce_sum(a * b)
    if a.shape.rank == 1:
        return tf.squeeze(tf.matmul(a[None], b), -2)
    if b.shape.rank == 1:
        return tf.squeeze(tf.matmul(a, b[:, None]), -1)
    return over_rows(a, b, lambda rows: tf.matmul(rows, b)) if b.shape.rank == 2 else tf.matmul(a, b)


@op("MatMulInteger")
def mat_mul_integer(
    a: tf.Tensor, b: tf.Tensor, a_zero_point: tf.Tensor | None = None, b_zero_point: tf.Tensor | None = None
) -> tf.Tensor:
    """Integer matrix product of a and b minus their zero points, int32; per tensor, per row of a or per column of b."""
    if a_zero_point is not None and a_zero_point.shape.rank == 1 and a_zero_point.shape[0] != 1:
        a_zero_point = a_zero_point[:, None]
    return _mat_mul(shifted(a, a_zero_point), shifted(b, b_zero_point))


def shifted(x: tf.Tensor, zero_point: tf.Tensor | None = None) -> tf.Tensor:
    """Subtract the zero point in int32."""
    wide = tf.cast(x, tf.int32)
    return wide if zero_point is None else wide - tf.cast(zero_point, tf.int32)


@op("Det")
def det(x: tf.Tensor) -> tf.Tensor:
    """The determinant of each matrix."""
    return widened(tf.linalg.det, HALVES)(x)


@op("Einsum")
def einsum(*operands: tf.Tensor, equation: str) -> tf.Tensor:
    """Einsum, in integer types too."""
    found = widened(tf.einsum, {**SMALL_INTEGERS, **UNSIGNED})
    return found(equation.replace(" ", ""), *operands)


@op("Gemm", lazy=("b",))
def gemm(
    a: tf.Tensor, b: Weight | tf.Tensor, c: tf.Tensor | None = None,
    *, alpha: float = 1.0, beta: float = 1.0, trans_a: int = 0, trans_b: int = 0,
) -> tf.Tensor:  # fmt: skip
    """General matrix product: alpha * A' @ B' + beta * C."""
    # A weight is transposed now: TensorFlow's product with a transposed matrix takes up to eight times as long on a CPU.
    b = arrange(b, perm=(1, 0)) if trans_b else arrange(b)
    product = widened(tf.matmul, UNSIGNED)(tf.transpose(a) if trans_a else a, b)
    return _scaled_sum(product, c, alpha, beta)


def _scaled_sum(y: tf.Tensor, c: tf.Tensor | None, alpha: float, beta: float) -> tf.Tensor:
    y = y if alpha == 1.0 else tf.cast(alpha, y.dtype) * y
    if c is None:
        return y
    c = c if beta == 1.0 else tf.cast(beta, c.dtype) * c
    columns, sizes = y.shape[-1], None if c.shape.rank is None else c.shape.as_list()
    if columns not in (1, None) and sizes in ([columns], [1, columns]):
        return tf.nn.bias_add(
            y, tf.reshape(c, [-1])
        )  # oneDNN fuses a sum with [1, n] behind a transposed matrix, and fails
    return y + c
