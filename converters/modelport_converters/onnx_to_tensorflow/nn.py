"""Convolution, pooling, matrix products and what stands beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from modelport_converters.onnx_graph.windows import ceil_extra, explicit_pads
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
    pairs = _pads(x, kernel, strides, dilations, pads, auto_pad)
    depth, filters = int(w.shape[1]), int(w.shape[0])
    if group > 1 and depth == 1 and spatial == 2 and len(set(strides)) == 1 and filters % group == 0:
        perm, shape = (2, 3, 0, 1), (group, filters // group, *kernel)
        y = _depthwise(x, arrange(w, shape=shape, perm=perm), strides, dilations, pairs)
    else:
        y = _convolution(x, arrange(w, perm=[*range(2, spatial + 2), 1, 0]), strides, dilations, pairs, spatial)
    return y if b is None else tf.nn.bias_add(y, b)


def _pads(
    x: Any, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Sequence[int], auto_pad: str
) -> list[tuple[int, int]]:
    pairs = explicit_pads(x.shape.as_list()[1:-1], kernel, strides, dilations, pads, auto_pad)
    if pairs is None:
        raise Unsupported(f"auto_pad={auto_pad} with strides, on dimensions of unknown size")
    return pairs


def _convolution(x: Any, w: Any, strides: list[int], dilations: list[int], pairs: list[tuple[int, int]], spatial: int) -> Any:
    if spatial == 2 and min(min(pair) for pair in pairs) >= 0:
        padding: Any = "VALID" if not any(map(any, pairs)) else [[0, 0], *map(list, pairs), [0, 0]]
        return tf.nn.conv2d(x, w, strides, padding, dilations=dilations)
    if any(map(any, pairs)):
        x = tf.pad(x, [[0, 0], *map(list, pairs), [0, 0]])
    return tf.nn.convolution(x, w, strides, "VALID", _FORMATS[spatial], dilations)


def _depthwise(x: Any, w: Any, strides: list[int], dilations: list[int], pairs: list[tuple[int, int]]) -> Any:
    padding: Any = "VALID" if not any(map(any, pairs)) else [[0, 0], *map(list, pairs), [0, 0]]
    return tf.nn.depthwise_conv2d(x, w, [1, *strides, 1], padding, dilations=dilations)


@op("MaxPool", layout="spatial")
def max_pool(
    x: Any, *, auto_pad: str = "NOTSET", ceil_mode: int = 0, dilations: Sequence[int] = (), kernel_shape: Sequence[int],
    pads: Sequence[int] = (), storage_order: int = 0, strides: Sequence[int] = (), wanted: int = 1,
) -> Any:  # fmt: skip
    """The largest element of each window; x is channels-last."""
    spatial = len(kernel_shape)
    strides, dilations = list(strides or [1] * spatial), list(dilations or [1] * spatial)
    pairs = _pads(x, kernel_shape, strides, dilations, pads, auto_pad)
    padding: Any = "VALID" if not any(map(any, pairs)) else [[0, 0], *map(list, pairs), [0, 0]]
    return tf.nn.max_pool2d(x, list(kernel_shape), strides, padding)


@op("GlobalAveragePool", layout="spatial")
def global_average_pool(x: Any) -> Any:
    """The mean over the spatial dimensions."""
    return tf.reduce_mean(x, list(range(1, x.shape.rank - 1)), keepdims=True)


@op("MatMul")
def mat_mul(a: Any, b: Any) -> Any:
    """Matrix product, as numpy.matmul."""
    return tf.matmul(a, b)


@op("Gemm")
def gemm(a: Any, b: Any, c: Any = None, *, alpha: float = 1.0, beta: float = 1.0, trans_a: int = 0, trans_b: int = 0) -> Any:
    """Y = alpha * A' @ B' + beta * C."""
    y = tf.matmul(a, b, transpose_a=bool(trans_a), transpose_b=bool(trans_b))
    y = y if alpha == 1.0 else alpha * y
    if c is None:
        return y
    c = c if beta == 1.0 else beta * c
    return tf.nn.bias_add(y, c) if c.shape.rank == 1 and c.shape[0] == y.shape[-1] != 1 else y + c
