"""Convolution, matrix products and what stands beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from modelport_converters.onnx_graph.windows import explicit_pads
from modelport_converters.onnx_to_tensorflow.dtypes import HALVES, SMALL_INTEGERS, UNSIGNED, widened
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op
from modelport_converters.onnx_to_tensorflow.weights import arrange

_FORMATS = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


@op("Conv", layout="spatial", lazy=("w",))
def conv(
    x: Any, w: Any, b: Any = None, *, auto_pad: str = "NOTSET", dilations: Sequence[int] = (), group: int = 1,
    kernel_shape: Sequence[int] = (), pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> Any:  # fmt: skip
    """Convolution; x is channels-last, w as in ONNX: [M, C/group, *kernel]."""
    spatial = len(w.shape) - 2
    strides, dilations = list(strides or [1] * spatial), list(dilations or [1] * spatial)
    kernel = [int(size) for size in w.shape[2:]]
    pairs = window_pads(x, kernel, strides, dilations, pads, auto_pad)
    depth, filters = int(w.shape[1]), int(w.shape[0])
    if group > 1 and depth == 1 and spatial == 2 and len(set(strides)) == 1 and filters % group == 0:
        perm, shape = (2, 3, 0, 1), (group, filters // group, *kernel)
        y = _depthwise(x, arrange(w, shape=shape, perm=perm), strides, dilations, pairs)
    else:
        y = _grouped(x, arrange(w, perm=[*range(2, spatial + 2), 1, 0]), group, strides, dilations, pairs, spatial)
    return y if b is None else tf.nn.bias_add(y, b)


def window_pads(
    x: Any, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Sequence[int], auto_pad: str
) -> list[tuple[int, int]]:
    """The padding before and after each spatial dimension of a channels-last tensor."""
    pairs = explicit_pads(x.shape.as_list()[1:-1], kernel, strides, dilations, pads, auto_pad)
    if pairs is None:
        raise Unsupported(f"auto_pad={auto_pad} with strides, on dimensions of unknown size")
    return pairs


def _grouped(
    x: Any, w: Any, group: int, strides: list[int], dilations: list[int], pairs: list[tuple[int, int]], spatial: int
) -> Any:
    """Convolve each group of channels by itself: faster on a CPU than the grouped kernel, and its gradient exists."""
    if group == 1:
        return _convolution(x, w, strides, dilations, pairs, spatial)
    parts = zip(tf.split(x, group, -1), tf.split(w, group, -1), strict=True)
    return tf.concat([_convolution(part, own, strides, dilations, pairs, spatial) for part, own in parts], -1)


def _convolution(
    x: Any, w: Any, strides: list[int], dilations: list[int], pairs: list[tuple[int, int]], spatial: int
) -> Any:
    if spatial == 2 and min(min(pair) for pair in pairs) >= 0:
        padding: Any = "VALID" if not any(map(any, pairs)) else [[0, 0], *map(list, pairs), [0, 0]]
        return tf.nn.conv2d(x, w, strides, padding, dilations=dilations)
    if any(map(any, pairs)):
        x = tf.pad(x, [[0, 0], *map(list, pairs), [0, 0]])
    if max(strides) == 1 or max(dilations) == 1:
        return tf.nn.convolution(x, w, strides, "VALID", _FORMATS[spatial], dilations)
    y = tf.nn.convolution(x, w, [1] * spatial, "VALID", _FORMATS[spatial], dilations)
    return y[(slice(None), *(slice(None, None, stride) for stride in strides))]


def _depthwise(x: Any, w: Any, strides: list[int], dilations: list[int], pairs: list[tuple[int, int]]) -> Any:
    padding: Any = "VALID" if not any(map(any, pairs)) else [[0, 0], *map(list, pairs), [0, 0]]
    return tf.nn.depthwise_conv2d(x, w, [1, *strides, 1], padding, dilations=dilations)


@op("ConvTranspose", layout="spatial")
def conv_transpose(
    x: Any, w: Any, b: Any = None, *, auto_pad: str = "NOTSET", dilations: Sequence[int] = (), group: int = 1,
    kernel_shape: Sequence[int] = (), output_padding: Sequence[int] = (), output_shape: Sequence[int] = (),
    pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> Any:  # fmt: skip
    """Transposed convolution, as a convolution of x with zeros between its elements; w is [C, M/group, *kernel]."""
    spatial = w.shape.rank - 2
    ones, kernel = [1] * spatial, w.shape.as_list()[2:]
    strides, dilations, extra = list(strides or ones), list(dilations or ones), list(output_padding or [0] * spatial)
    pairs = []
    for axis in range(spatial):
        reach, total = (kernel[axis] - 1) * dilations[axis], None
        if output_shape:
            if x.shape[axis + 1] is None:
                raise Unsupported("output_shape on dimensions of unknown size")
            total = strides[axis] * (x.shape[axis + 1] - 1) + extra[axis] + reach + 1 - output_shape[axis - spatial]
        elif auto_pad.startswith("SAME"):
            total = max(extra[axis] + reach + 1 - strides[axis], 0)
        before, after = (pads[axis], pads[axis + spatial]) if pads else (0, 0)
        if total is not None:
            before = total // 2 if auto_pad == "SAME_UPPER" else total - total // 2
            after = total - before
        pairs.append((reach - before, reach - after + extra[axis]))
    if min(map(min, pairs)) < 0:
        raise Unsupported("pads larger than the kernel")
    depth, filters = w.shape[0] // group, w.shape[1] * group
    split = tf.reshape(w, [group, depth, w.shape[1], *kernel])
    moved = tf.transpose(split, [*range(3, 3 + spatial), 1, 0, 2])
    flipped = tf.reverse(tf.reshape(moved, [*kernel, depth, filters]), list(range(spatial)))
    y = _grouped(_spread(x, strides), flipped, group, ones, dilations, pairs, spatial)
    return y if b is None else tf.nn.bias_add(y, b)


def _spread(x: Any, strides: list[int]) -> Any:
    """Put stride - 1 zeros between neighbours."""
    for axis, stride in enumerate(strides, 1):
        if stride > 1:
            sizes, rank = tf.shape(x), x.shape.rank
            wide = tf.pad(tf.expand_dims(x, axis + 1), [[0, (stride - 1) * (i == axis + 1)] for i in range(rank + 1)])
            wide = tf.reshape(wide, tf.concat([sizes[:axis], sizes[axis : axis + 1] * stride, sizes[axis + 1 :]], 0))
            wide = wide[(*[slice(None)] * axis, slice(None, 1 - stride))]
            known = x.shape.as_list()
            known[axis] = None if known[axis] is None else (known[axis] - 1) * stride + 1
            x = tf.ensure_shape(wide, known)
    return x


@op("MatMul")
def mat_mul(a: Any, b: Any) -> Any:
    """Matrix product, as numpy.matmul."""
    return widened(_mat_mul, {**SMALL_INTEGERS, **UNSIGNED})(a, b)


def _mat_mul(a: Any, b: Any) -> Any:
    if a.shape.rank == 1 and b.shape.rank == 1:
        return tf.reduce_sum(a * b)
    if a.shape.rank == 1:
        return tf.squeeze(tf.matmul(a[None], b), -2)
    return tf.squeeze(tf.matmul(a, b[:, None]), -1) if b.shape.rank == 1 else tf.matmul(a, b)


@op("MatMulInteger")
def mat_mul_integer(a: Any, b: Any, a_zero_point: Any = None, b_zero_point: Any = None) -> Any:
    """Matrix product in int32 of what is left after the zero points: one for the matrix, each row of a or each column of b."""
    if a_zero_point is not None and a_zero_point.shape.rank == 1 and a_zero_point.shape[0] != 1:
        a_zero_point = a_zero_point[:, None]
    return _mat_mul(shifted(a, a_zero_point), shifted(b, b_zero_point))


def shifted(x: Any, zero_point: Any = None) -> Any:
    """The distance from the zero point in int32."""
    wide = tf.cast(x, tf.int32)
    return wide if zero_point is None else wide - tf.cast(zero_point, tf.int32)


@op("Det")
def det(x: Any) -> Any:
    """The determinant of each matrix."""
    return widened(tf.linalg.det, HALVES)(x)


@op("Einsum")
def einsum(*operands: Any, equation: str) -> Any:
    """Einstein's sum over the letters that the result lacks."""
    return tf.einsum(equation.replace(" ", ""), *operands)


@op("Gemm", lazy=("b",))
def gemm(
    a: Any, b: Any, c: Any = None, *, alpha: float = 1.0, beta: float = 1.0, trans_a: int = 0, trans_b: int = 0
) -> Any:
    """Y = alpha * A' @ B' + beta * C."""
    # A weight is transposed now: TensorFlow's product with a transposed matrix takes up to eight times as long on a CPU.
    y = tf.matmul(a, arrange(b, perm=(1, 0)) if trans_b else arrange(b), transpose_a=bool(trans_a))
    y = y if alpha == 1.0 else alpha * y
    if c is None:
        return y
    c = c if beta == 1.0 else beta * c
    return tf.nn.bias_add(y, c) if c.shape.rank == 1 and c.shape[0] == y.shape[-1] != 1 else y + c
