"""Indexing, sorting and searching."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from modelport_converters.onnx_builder.functions import reduction
from modelport_converters.onnx_builder.functions.elementwise import equal, minimum, where
from modelport_converters.onnx_builder.functions.manipulation import expand_dims
from modelport_converters.onnx_builder.graph import Operand, Value, innermost


def take_along_axis(x: Value, indices: Value, axis: int) -> Value:
    """Gather along an axis by indices of the same rank (GatherElements)."""
    return innermost(x, indices).op("GatherElements", x, indices, axis=axis)


def take(array: Operand, indices: Operand, axis: int = 0) -> Value:
    """array[indices] along an axis; at least one of the two is a Value."""
    return innermost(array, indices).op("Gather", array, indices, axis=axis)


def topk(x: Value, k: int | Value, *, axis: int = -1, smallest_first: bool = False) -> tuple[Value, Value]:
    """The k largest (or smallest) elements in order with their positions; of equal ones the first. A value k is int64[1]."""
    count = k if isinstance(k, Value) else np.array([k], np.int64)
    values, positions = innermost(x, count).ops(
        "TopK", x, count, dtypes=[None, "int64"], axis=axis, largest=int(not smallest_first)
    )
    return values, positions


def compress(condition: Value, x: Value, axis: int = 0) -> Value:
    """The slices along an axis for which a condition holds."""
    return innermost(condition, x).op("Compress", x, condition, axis=axis)


def one_hot(indices: Value, depth: int, dtype: DTypeLike = "float64") -> Value:
    """One-hot encoding along a new last axis."""
    return equal(expand_dims(indices, -1), np.arange(depth)).cast(dtype)


def searchsorted(edges: Operand, x: Value, side: str = "left") -> Value:
    """Insertion points into sorted edges, by comparison with all of them (numpy.searchsorted)."""
    spread = expand_dims(x, -1)
    return reduction.sum(spread > edges if side == "left" else spread >= edges, -1)


def bisect(edges: ArrayLike, x: Value) -> Value:
    """Insertion points into many sorted edges, by binary search: numpy.searchsorted(side="right").

    A step for each bit of the count, from the highest: the count grows by that bit as long as its last edge is not above.
    """
    array = np.asarray(edges)
    found = x.graph.op("Expand", np.int64(0), x.graph.op("Shape", x, dtype="int64"))
    for bit in reversed(range(len(array).bit_length())):
        further = found + (1 << bit)
        last = take(array, minimum(further, len(array)) - 1)
        found = where((further <= len(array)) & (last <= x), further, found)
    return found


def matches(x: Value, text: str) -> Value:
    """Whether each string is this one; in every opset, whereas Equal takes strings from 19 on."""
    attributes = {"keys_strings": [text], "values_int64s": [1], "default_int64": 0}
    (found,) = x.graph.ops("LabelEncoder", x, dtypes=["int64"], domain="ai.onnx.ml", **attributes)
    return found.cast("bool")
