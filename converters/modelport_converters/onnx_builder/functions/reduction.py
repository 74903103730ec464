"""Reductions, and other functions along an axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelport_converters.onnx_builder.functions.elementwise import absolute, equal, exp, floating, log, where
from modelport_converters.onnx_builder.functions.manipulation import squeeze
from modelport_converters.onnx_builder.graph import Value, innermost

Axes = int | Sequence[int] | None


def _reduced(kind: str, x: Value, axis: Axes | Value, keepdims: bool, since: int) -> Value:
    """Add a reduction; before version `since` its axes were an attribute."""
    if isinstance(axis, Value):
        return innermost(x, axis).op(kind, x, axis, keepdims=int(keepdims))
    axes = None if axis is None else [axis] if isinstance(axis, int) else list(axis)
    graph = x.graph
    if axes is None:
        return graph.op(kind, x, keepdims=int(keepdims))
    if graph.opset < since:
        return graph.op(kind, x, axes=axes, keepdims=int(keepdims))
    return graph.op(kind, x, np.array(axes, np.int64), keepdims=int(keepdims))


def sum(x: Value, axis: Axes | Value = None, *, keepdims: bool = False) -> Value:  # noqa: A001 - NumPy's name
    """The sum over an axis, or over all; conditions are counted. The axes may be an int64 vector."""
    return _reduced("ReduceSum", x.cast("int64") if x.dtype.kind == "b" else x, axis, keepdims, 13)


def mean(x: Value, axis: Axes = None, *, keepdims: bool = False) -> Value:
    """The mean over an axis, or over all."""
    return _reduced("ReduceMean", floating(x), axis, keepdims, 18)


def max(x: Value, axis: Axes | Value = None, *, keepdims: bool = False) -> Value:  # noqa: A001 - NumPy's name
    """The largest element over an axis, or of all."""
    return _reduced("ReduceMax", x, axis, keepdims, 18)


def min(x: Value, axis: Axes = None, *, keepdims: bool = False) -> Value:  # noqa: A001 - NumPy's name
    """The smallest element over an axis, or of all."""
    return _reduced("ReduceMin", x, axis, keepdims, 18)


def prod(x: Value, axis: Axes = None, *, keepdims: bool = False) -> Value:
    """The product over an axis, or of all."""
    return _reduced("ReduceProd", x, axis, keepdims, 18)


def any(x: Value, axis: Axes = None, *, keepdims: bool = False) -> Value:  # noqa: A001 - NumPy's name
    """Whether a condition holds anywhere along an axis."""
    return sum(x, axis, keepdims=keepdims) > 0


def all(x: Value, axis: Axes = None, *, keepdims: bool = False) -> Value:  # noqa: A001 - NumPy's name
    """Whether a condition holds everywhere along an axis."""
    return ~any(~x, axis, keepdims=keepdims)


def logsumexp(x: Value, axis: int, *, keepdims: bool = False) -> Value:
    """log(sum(exp(x))), kept from overflow by its largest element."""
    top = max(x, axis, keepdims=True)
    top = where(absolute(top) < np.inf, top, 0.0)
    result = log(sum(exp(x - top), axis, keepdims=True)) + top
    return result if keepdims else squeeze(result, axis)


def softmax(x: Value, axis: int = -1) -> Value:
    """Softmax along an axis."""
    return x.graph.op("Softmax", floating(x), axis=axis)


def log_softmax(x: Value, axis: int = -1) -> Value:
    """log(softmax(x)) along an axis."""
    return x.graph.op("LogSoftmax", floating(x), axis=axis)


def argmax(x: Value, axis: int = -1) -> Value:
    """The index of the largest element, the first of several."""
    return x.graph.op("ArgMax", x.cast("int64") if x.dtype.kind == "b" else x, axis=axis, keepdims=0, dtype="int64")


def argmin(x: Value, axis: int = -1) -> Value:
    """The index of the smallest element, the first of several."""
    return x.graph.op("ArgMin", x, axis=axis, keepdims=0, dtype="int64")


def cumsum(x: Value, axis: int, *, exclusive: bool = False, reverse: bool = False) -> Value:
    """Cumulative sum along an axis: without the element itself (exclusive), or from the end (reverse)."""
    return x.graph.op("CumSum", x, np.int64(axis), exclusive=int(exclusive), reverse=int(reverse))


def squared_norms(x: Value) -> Value:
    """The sum of squares of each row of a matrix, as a column."""
    return sum(x * x, 1, keepdims=True)  # of no rows ONNX Runtime reduces no axis that is counted from the end


def normalized(x: Value, axis: int = -1) -> Value:
    """Divide non-negative x by its sums along an axis; rows of zeros stay."""
    sums = sum(x, axis, keepdims=True)
    return x / where(equal(sums, 0.0), 1.0, sums)
