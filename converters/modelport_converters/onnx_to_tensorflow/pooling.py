"""Pooling; every input is channels-last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from modelport_converters.onnx_graph.windows import ceil_extra
from modelport_converters.onnx_to_tensorflow.nn import window_pads
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op

Pairs = list[tuple[int, int]]


@op("MaxPool", layout="spatial")
def max_pool(
    x: Any, *, auto_pad: str = "NOTSET", ceil_mode: int = 0, dilations: Sequence[int] = (), kernel_shape: Sequence[int],
    pads: Sequence[int] = (), storage_order: int = 0, strides: Sequence[int] = (), wanted: int = 1,
) -> Any:  # fmt: skip
    """The largest element of each window."""
    if wanted > 1:
        raise Unsupported("its output Indices has no form yet")
    strides, dilations = _ones(strides, kernel_shape), _ones(dilations, kernel_shape)
    pairs = _pads(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    if len(kernel_shape) == 2 and max(dilations) == 1 and x.dtype.is_floating:
        padding: Any = [[0, 0], *map(list, pairs), [0, 0]] if any(map(any, pairs)) else "VALID"
        if all(max(pair) < size for pair, size in zip(pairs, kernel_shape, strict=True)):
            return tf.nn.max_pool2d(x, list(kernel_shape), strides, padding)
    return _folded(_padded(x, pairs, x.dtype.min), kernel_shape, strides, dilations, tf.maximum)


@op("AveragePool", layout="spatial")
def average_pool(
    x: Any, *, auto_pad: str = "NOTSET", ceil_mode: int = 0, count_include_pad: int = 0, dilations: Sequence[int] = (),
    kernel_shape: Sequence[int], pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> Any:  # fmt: skip
    """The mean of each window, over the elements that are not padding; `count_include_pad` counts the padding of `pads`."""
    strides, dilations = _ones(strides, kernel_shape), _ones(dilations, kernel_shape)
    given = window_pads(x, kernel_shape, strides, dilations, pads, auto_pad)
    pairs = _pads(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    if len(kernel_shape) == 2 and max(dilations) == 1 and not any(map(any, pairs)):
        return tf.nn.avg_pool2d(x, list(kernel_shape), strides, "VALID")
    counted = tf.ones(tf.concat([[1], tf.shape(x)[1:-1], [1]], 0), x.dtype)
    if count_include_pad:
        counted = _padded(counted, given, 1)
        rest = [(pair[0] - own[0], pair[1] - own[1]) for pair, own in zip(pairs, given, strict=True)]
    else:
        rest = pairs
    total = _folded(_padded(x, pairs, 0), kernel_shape, strides, dilations, tf.add)
    return total / _folded(_padded(counted, rest, 0), kernel_shape, strides, dilations, tf.add)


@op("LpPool", layout="spatial")
def lp_pool(
    x: Any, *, auto_pad: str = "NOTSET", ceil_mode: int = 0, dilations: Sequence[int] = (), kernel_shape: Sequence[int],
    p: int = 2, pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> Any:  # fmt: skip
    """The p-norm of each window."""
    strides, dilations = _ones(strides, kernel_shape), _ones(dilations, kernel_shape)
    pairs = _pads(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    return _folded(_padded(tf.abs(x) ** p, pairs, 0), kernel_shape, strides, dilations, tf.add) ** (1 / p)


@op("GlobalAveragePool", layout="spatial")
def global_average_pool(x: Any) -> Any:
    """The mean over the spatial dimensions."""
    return tf.reduce_mean(x, list(range(1, x.shape.rank - 1)), keepdims=True)


@op("GlobalMaxPool", layout="spatial")
def global_max_pool(x: Any) -> Any:
    """The largest element over the spatial dimensions."""
    return tf.reduce_max(x, list(range(1, x.shape.rank - 1)), keepdims=True)


@op("GlobalLpPool", layout="spatial")
def global_lp_pool(x: Any, *, p: int = 2) -> Any:
    """The p-norm over the spatial dimensions."""
    return tf.reduce_sum(tf.abs(x) ** p, list(range(1, x.shape.rank - 1)), keepdims=True) ** (1 / p)


def _ones(given: Sequence[int], like: Sequence[int]) -> list[int]:
    return list(given or [1] * len(like))


def _pads(
    x: Any,
    kernel: Sequence[int],
    strides: list[int],
    dilations: list[int],
    pads: Sequence[int],
    auto_pad: str,
    ceil: int,
) -> Pairs:
    pairs = window_pads(x, kernel, strides, dilations, pads, auto_pad)
    if not ceil or auto_pad not in ("NOTSET", ""):
        return pairs
    sizes = x.shape.as_list()[1:-1]
    if None in sizes and max(strides) > 1:
        raise Unsupported("ceil_mode on dimensions of unknown size")
    found = []
    for size, window, stride, dilation, (before, after) in zip(sizes, kernel, strides, dilations, pairs, strict=True):
        extra = ceil_extra(size, window, stride, dilation, before, after) if stride > 1 else 0
        found.append((before, after + extra))
    return found


def _padded(x: Any, pairs: Pairs, value: Any) -> Any:
    if not any(map(any, pairs)):
        return x
    return tf.pad(x, [[0, 0], *map(list, pairs), [0, 0]], constant_values=tf.cast(value, x.dtype))


def _folded(
    x: Any, kernel: Sequence[int], strides: list[int], dilations: list[int], combine: Callable[[Any, Any], Any]
) -> Any:
    """Combine the elements of each window, one dimension after the other."""
    for axis, (window, stride, dilation) in enumerate(zip(kernel, strides, dilations, strict=True), 1):
        last = tf.shape(x)[axis] - (window - 1) * dilation
        before = [slice(None)] * axis
        taps = [x[(*before, slice(tap * dilation, tap * dilation + last, stride))] for tap in range(window)]
        x = taps[0]
        for tap in taps[1:]:
            x = combine(x, tap)
    return x
