"""Array manipulation: reshaping, joining and splitting, with static or dynamic shapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from modelport_converters.onnx_builder.graph import Graph, Operand, Value, innermost

Shape = Value | Sequence[int | Value]
"""An int64 vector, or sizes of which some are values of the shape [1]."""


def concatenate(values: Sequence[Value], axis: int = -1) -> Value:
    """Concatenate along an axis, in the common dtype."""
    if len(values) == 1:
        return values[0]
    graph = innermost(*values)
    texts = any(one.dtype.kind == "O" for one in values)
    return graph.op("Concat", *(values if texts else graph.promoted(*values)), axis=axis)


def split(x: Value, sizes: Sequence[int], axis: int = -1) -> list[Value]:
    """Split x into parts of the given sizes along an axis."""
    return x.graph.ops("Split", x, np.array(sizes, np.int64), dtypes=[None] * len(sizes), axis=axis)


def stack(values: Sequence[Value], axis: int) -> Value:
    """Join along a new axis."""
    return concatenate([expand_dims(one, axis) for one in values], axis)


def expand_dims(x: Value, axis: int | Sequence[int]) -> Value:
    """Insert axes of size 1, at these positions of the result."""
    return x.graph.op("Unsqueeze", x, _axes(axis))


def _axes(axis: int | Sequence[int]) -> NDArray[np.int64]:
    return np.array([axis] if isinstance(axis, int) else axis, np.int64)


def squeeze(x: Value, axis: int | Sequence[int]) -> Value:
    """Remove axes of size 1."""
    return x.graph.op("Squeeze", x, _axes(axis))


def reshape(x: Value, shape: Shape) -> Value:
    """Reshape; -1 is inferred, 0 keeps the size that x has there."""
    sizes = _sizes(x.graph, shape)
    return innermost(x, sizes).op("Reshape", x, sizes)


def _sizes(graph: Graph, shape: Shape) -> Value:
    """Return a shape as one int64 vector."""
    if isinstance(shape, Value):
        return shape
    if not any(isinstance(one, Value) for one in shape):
        return graph.constant(np.array(shape, np.int64))
    return concatenate([one if isinstance(one, Value) else graph.constant([one], np.int64) for one in shape], 0)


def flip(x: Value, axes: Sequence[int]) -> Value:
    """Reverse the order of elements along axes."""
    ends = ([bound] * len(axes) for bound in (-1, np.iinfo(np.int64).min))
    return x.graph.op("Slice", x, *ends, list(axes), [-1] * len(axes)) if axes else x


def pad(x: Value, widths: Value | Sequence[tuple[int, int]], constant: Operand | None = None) -> Value:
    """Add a constant, by default 0, before and after each axis.

    Arguments:
        widths: (before, after) for each axis; or an int64 vector of all that come before, then of all that come after.
    """
    given = widths if isinstance(widths, Value) else np.array(widths, np.int64).T.ravel()
    graph = innermost(x, given)
    return graph.op("Pad", x, given) if constant is None else graph.op("Pad", x, given, graph.promoted(x, constant)[1])


def as_columns(x: Value) -> Value:
    """A vector [N] as one column [N, 1]; a matrix is what it is."""
    return x.graph.op("Flatten", x, axis=1)


def ravel(x: Value) -> Value:
    """Flatten to a vector."""
    return reshape(x, [-1])


def transpose(x: Value, axes: Sequence[int]) -> Value:
    """Permute the axes."""
    return x.graph.op("Transpose", x, perm=list(axes))


def shape(x: Value) -> Value:
    """The sizes of all axes, as an int64 vector."""
    return x.graph.op("Shape", x, dtype="int64")


def size(x: Value, axis: int = 0) -> Value:
    """The size of an axis, as an int64[1]."""
    return shape(x)[axis : axis + 1 or None]


def arange(start: Operand, stop: Operand | None = None, step: Operand = 1, dtype: DTypeLike | None = None) -> Value:
    """start, start + step, ... below stop; 0, 1, ... below start where it is the only one (numpy.arange).

    Arguments:
        start, stop, step: numbers, and at least one Value: a scalar, or of the shape [1].
        dtype: of the result, if not their common one.
    """
    bounds = (0, start, step) if stop is None else (start, stop, step)
    scalars = [reshape(one, []) if isinstance(one, Value) else one for one in bounds]
    graph = innermost(*scalars)
    return graph.op("Range", *(one if dtype is None else one.cast(dtype) for one in graph.promoted(*scalars)))


def broadcast_to(x: Operand, shape: Shape, *, graph: Graph | None = None) -> Value:
    """Broadcast x to a shape."""
    home = graph or innermost(x, *([shape] if isinstance(shape, Value) else shape))
    return home.op("Expand", x, _sizes(home, shape))


def repeated(row: ArrayLike, x: Value) -> Value:
    """One row (or number) for each row of x: numpy.broadcast_to(row, (len(x), *row.shape))."""
    array = np.asarray(row)
    shape = concatenate([size(x), x.graph.constant(np.ones(array.ndim, np.int64))], 0) if array.ndim else size(x)
    return x.graph.op("Expand", array, shape)
