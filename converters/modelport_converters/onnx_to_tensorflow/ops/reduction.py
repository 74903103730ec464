"""Reductions along axes, ArgMax and ArgMin, and cumulative sums and products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, op

_Reduce = Callable[..., tf.Tensor]


def _extreme(logical: _Reduce, numeric: _Reduce) -> _Reduce:
    return lambda x, axes, keep: (logical if x.dtype == tf.bool else numeric)(x, axes, keep)


def _real(function: _Reduce) -> _Reduce:
    """Compute integers in float64, as a logarithm or root of them is cut down to an integer."""

    def compute(x: tf.Tensor, axes: tf.Tensor, keep: bool) -> tf.Tensor:
        return (
            function(x, axes, keep)
            if x.dtype.is_floating
            else tf.cast(function(tf.cast(x, tf.float64), axes, keep), x.dtype)
        )

    return compute


def _log_sum_exp(x: tf.Tensor, axes: tf.Tensor, keep: bool) -> tf.Tensor:
    return tf.reduce_logsumexp(x, axes, keep)


def _l1(x: tf.Tensor, axes: tf.Tensor, keep: bool) -> tf.Tensor:
    return tf.reduce_sum(x if x.dtype.is_unsigned else tf.abs(x), axes, keep)


def _register(name: str, function: _Reduce, alone: Callable[[tf.Tensor], tf.Tensor] = tf.identity) -> None:
    """Register a reduction; `alone` is what it makes of single elements, when noop_with_empty_axes reduces nothing."""

    @op(name, layout=LayoutRule.REDUCE)
    def reduce(
        data: tf.Tensor, axes: np.ndarray | tf.Tensor | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> tf.Tensor:
        """Reduce along axes; all of them when none is named."""
        known = axes if axes is None or isinstance(axes, np.ndarray) else tf.get_static_value(axes)
        if axes is None or (known is not None and np.size(known) == 0):
            return alone(data) if noop_with_empty_axes else function(data, None, bool(keepdims))
        if known is not None or tf.TensorShape(axes.shape).num_elements():
            return function(data, known if known is not None else axes, bool(keepdims))
        if noop_with_empty_axes:
            return tf.cond(tf.size(axes) == 0, lambda: alone(data), lambda: function(data, axes, bool(keepdims)))
        every = tf.range(tf.rank(data), dtype=axes.dtype)
        return function(data, tf.cond(tf.size(axes) == 0, lambda: every, lambda: axes), bool(keepdims))


def _absolute(x: tf.Tensor) -> tf.Tensor:
    return x if x.dtype.is_unsigned else tf.abs(x)


_register("ReduceL1", _l1, _absolute)
_register("ReduceL2", _real(lambda x, axes, keep: tf.sqrt(tf.reduce_sum(x * x, axes, keep))), _absolute)
_register("ReduceLogSum", _real(lambda x, axes, keep: tf.math.log(tf.reduce_sum(x, axes, keep))), tf.math.log)
_register("ReduceLogSumExp", _real(_log_sum_exp))
_register("ReduceMax", _extreme(tf.reduce_any, tf.reduce_max))
_register("ReduceMean", tf.reduce_mean)
_register("ReduceMin", _extreme(tf.reduce_all, tf.reduce_min))
_register("ReduceProd", tf.reduce_prod)
_register("ReduceSum", tf.reduce_sum)
_register("ReduceSumSquare", lambda x, axes, keep: tf.reduce_sum(x * x, axes, keep), lambda x: x * x)


def _position(find: Callable[..., tf.Tensor], data: tf.Tensor, axis: int, keepdims: int, last: int) -> tf.Tensor:
    if last:
        size = tf.shape(data, out_type=tf.int64)[axis]
        found = size - 1 - find(tf.reverse(data, [axis]), axis, tf.int64)
    else:
        found = find(data, axis, tf.int64)
    return tf.expand_dims(found, axis) if keepdims else found


@op("ArgMax", layout=LayoutRule.REDUCE)
def arg_max(data: tf.Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> tf.Tensor:
    """The index of the maximum along axis: the first one, or the last."""
    return _position(tf.argmax, data, axis, keepdims, select_last_index)


@op("ArgMin", layout=LayoutRule.REDUCE)
def arg_min(data: tf.Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> tf.Tensor:
    """The index of the minimum along axis: the first one, or the last."""
    return _position(tf.argmin, data, axis, keepdims, select_last_index)


@op("CumSum")
def cum_sum(x: tf.Tensor, axis: tf.Tensor, *, exclusive: int = 0, reverse: int = 0) -> tf.Tensor:
    """Cumulative sum along axis."""
    return tf.cumsum(x, tf.reshape(axis, []), bool(exclusive), bool(reverse))


@op("CumProd")
def cum_prod(x: tf.Tensor, axis: tf.Tensor, *, exclusive: int = 0, reverse: int = 0) -> tf.Tensor:
    """Cumulative product along axis."""
    return tf.math.cumprod(x, tf.reshape(axis, []), bool(exclusive), bool(reverse))
