"""NumPy's and SciPy's functions over the values of a graph, under their own names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from modelport_converters.onnx_builder.graph import Graph, Operand, Value, innermost, is_floating

Axes = int | Sequence[int] | None
Shape = Value | Sequence[int | Value]
"""An int64 vector, or sizes of which some are values of the shape [1]."""

_WHERE = {"float16", "float32", "float64", "int32", "int64", "uint8", "object"}
"""The dtypes that ONNX Runtime has a kernel of Where for."""


def floating(x: Value) -> Value:
    """Return x, in float64 unless it holds floats."""
    return x if is_floating(x.dtype) else x.cast("float64")


def exp(x: Value) -> Value:
    """Raise e to the power of each element."""
    return x.graph.op("Exp", floating(x))


def log(x: Value) -> Value:
    """The natural logarithm."""
    return x.graph.op("Log", floating(x))


def log1p(x: Value) -> Value:
    """log(1 + x), as exact for small x: log(u) * x / (u - 1) with u = 1 + x rounded (Kahan, in HP-15C's handbook of 1982)."""
    u = 1.0 + floating(x)
    unchanged = equal(u, 1.0)
    finite = where(unchanged, x, log(u) * (x / where(unchanged, 1.0, u - 1.0)))
    return where(equal(u, np.inf), u, finite)


def expm1(x: Value) -> Value:
    """exp(x) - 1, as exact for small x: 2 exp(x / 2) sinh(x / 2), whose factor tanh is exact."""
    half = tanh(floating(x) / 2.0)
    return where(absolute(x) < 1.0, 2.0 * half / (1.0 - half), exp(x) - 1.0)


def sqrt(x: Value) -> Value:
    """The square root."""
    return x.graph.op("Sqrt", floating(x))


def absolute(x: Value) -> Value:
    """The absolute value."""
    return x.graph.op("Abs", x)


def sign(x: Value) -> Value:
    """-1, 0 or 1."""
    return x.graph.op("Sign", x)


def floor(x: Value) -> Value:
    """The greatest whole number not above."""
    return x.graph.op("Floor", x)


def ceil(x: Value) -> Value:
    """The smallest whole number not below."""
    return x.graph.op("Ceil", x)


def rint(x: Value) -> Value:
    """The nearest whole number, the even one of two."""
    return x.graph.op("Round", x)


def sin(x: Value) -> Value:
    """The sine."""
    return x.graph.op("Sin", floating(x))


def cos(x: Value) -> Value:
    """The cosine."""
    return x.graph.op("Cos", floating(x))


def tanh(x: Value) -> Value:
    """The hyperbolic tangent."""
    return x.graph.op("Tanh", floating(x))


def expit(x: Value) -> Value:
    """The logistic function 1 / (1 + exp(-x))."""
    return x.graph.op("Sigmoid", floating(x))


def exact_expit(x: Value) -> Value:
    """The logistic function, exact however small it gets: ONNX Runtime's Sigmoid loses what lies below its rounding of 1."""
    return 1.0 / (1.0 + exp(-x))


def isnan(x: Value) -> Value:
    """Whether each element is not a number."""
    return x.graph.op("IsNaN", floating(x), dtype="bool")


def equal(x: Value, y: Operand) -> Value:
    """Whether two values are the same, element by element; texts too."""
    graph = innermost(x, y)
    left, right = (x, y) if x.dtype.kind == "O" else graph.promoted(x, y)
    return graph.op("Equal", left, right, dtype="bool")


def not_equal(x: Value, y: Operand) -> Value:
    """Whether two values differ, element by element."""
    return ~equal(x, y)


def where(condition: Value, x: Operand, y: Operand) -> Value:
    """Take x where the condition holds, y elsewhere; in every dtype, also those that ONNX Runtime has no kernel for."""
    graph = innermost(condition, x, y)
    if any(isinstance(one, Value) and one.dtype.kind == "O" for one in (x, y)):
        return graph.op("Where", condition, x, y, dtype=object)
    chosen = graph.promoted(x, y)
    dtype = chosen[0].dtype
    if dtype.kind == "b":
        return (condition & chosen[0]) | (~condition & chosen[1])
    if dtype.name not in _WHERE:
        # int64 has room for the bits of uint64 too
        wide = "float32" if is_floating(dtype) else "int32" if dtype.itemsize < 4 else "int64"
        return graph.op("Where", condition, *(one.cast(wide) for one in chosen), dtype=wide).cast(dtype)
    return graph.op("Where", condition, *chosen, dtype=dtype)


def maximum(x: Value, y: Operand) -> Value:
    """The larger of two, element by element."""
    graph = innermost(x, y)
    return graph.op("Max", *graph.promoted(x, y))


def minimum(x: Value, y: Operand) -> Value:
    """The smaller of two, element by element."""
    graph = innermost(x, y)
    return graph.op("Min", *graph.promoted(x, y))


def clip(x: Value, low: Operand | None, high: Operand | None) -> Value:
    """Keep x between two bounds, which may be arrays."""
    result = x if low is None else maximum(x, low)
    return result if high is None else minimum(result, high)


def _reduced(kind: str, x: Value, axis: Axes, keepdims: bool, since: int) -> Value:
    """Add a reduction; before version `since` its axes were an attribute."""
    axes = None if axis is None else [axis] if isinstance(axis, int) else list(axis)
    graph = x.graph
    if axes is None:
        return graph.op(kind, x, keepdims=int(keepdims))
    if graph.opset < since:
        return graph.op(kind, x, axes=axes, keepdims=int(keepdims))
    return graph.op(kind, x, np.array(axes, np.int64), keepdims=int(keepdims))


def total(x: Value, axis: Axes = None, *, keepdims: bool = False) -> Value:
    """The sum over an axis, or over all (numpy.sum); conditions are counted."""
    return _reduced("ReduceSum", x.cast("int64") if x.dtype.kind == "b" else x, axis, keepdims, 13)


def mean(x: Value, axis: Axes = None, *, keepdims: bool = False) -> Value:
    """The mean over an axis, or over all."""
    return _reduced("ReduceMean", floating(x), axis, keepdims, 18)


def largest(x: Value, axis: Axes = None, *, keepdims: bool = False) -> Value:
    """The largest element over an axis, or of all (numpy.max)."""
    return _reduced("ReduceMax", x, axis, keepdims, 18)


def smallest(x: Value, axis: Axes = None, *, keepdims: bool = False) -> Value:
    """The smallest element over an axis, or of all (numpy.min)."""
    return _reduced("ReduceMin", x, axis, keepdims, 18)


def product(x: Value, axis: Axes = None, *, keepdims: bool = False) -> Value:
    """The product over an axis, or of all (numpy.prod)."""
    return _reduced("ReduceProd", x, axis, keepdims, 18)


def any_of(x: Value, axis: Axes = None, *, keepdims: bool = False) -> Value:
    """Whether a condition holds anywhere along an axis (numpy.any)."""
    return total(x, axis, keepdims=keepdims) > 0


def all_of(x: Value, axis: Axes = None, *, keepdims: bool = False) -> Value:
    """Whether a condition holds everywhere along an axis (numpy.all)."""
    return ~any_of(~x, axis, keepdims=keepdims)


def logsumexp(x: Value, axis: int, *, keepdims: bool = False) -> Value:
    """log(sum(exp(x))), kept from overflow by its largest element."""
    top = largest(x, axis, keepdims=True)
    top = where(absolute(top) < np.inf, top, 0.0)
    result = log(total(exp(x - top), axis, keepdims=True)) + top
    return result if keepdims else squeeze(result, axis)


def softmax(x: Value, axis: int = -1) -> Value:
    """exp(x) / sum(exp(x)) along an axis."""
    return x.graph.op("Softmax", floating(x), axis=axis)


def argmax(x: Value, axis: int = -1) -> Value:
    """The position of the largest element, the first of several."""
    return x.graph.op("ArgMax", x.cast("int64") if x.dtype.kind == "b" else x, axis=axis, keepdims=0, dtype="int64")


def argmin(x: Value, axis: int = -1) -> Value:
    """The position of the smallest element, the first of several."""
    return x.graph.op("ArgMin", x, axis=axis, keepdims=0, dtype="int64")


def cumsum(x: Value, axis: int) -> Value:
    """The running sum along an axis."""
    return x.graph.op("CumSum", x, np.int64(axis))


def concatenate(values: Sequence[Value], axis: int = -1) -> Value:
    """Values behind one another along an axis, in their common dtype."""
    if len(values) == 1:
        return values[0]
    graph = innermost(*values)
    texts = any(one.dtype.kind == "O" for one in values)
    return graph.op("Concat", *(values if texts else graph.promoted(*values)), axis=axis)


def stack(values: Sequence[Value], axis: int) -> Value:
    """Values beside one another along a new axis."""
    return concatenate([expand_dims(one, axis) for one in values], axis)


def expand_dims(x: Value, axis: int) -> Value:
    """Give x one more axis, of size 1."""
    return x.graph.op("Unsqueeze", x, np.array([axis], np.int64))


def squeeze(x: Value, axis: int) -> Value:
    """Take from x an axis of size 1."""
    return x.graph.op("Squeeze", x, np.array([axis], np.int64))


def reshape(x: Value, shape: Shape) -> Value:
    """Give x another shape; -1 stands for what is left, 0 for the size that x has there."""
    sizes = _sizes(x.graph, shape)
    return innermost(x, sizes).op("Reshape", x, sizes)


def _sizes(graph: Graph, shape: Shape) -> Value:
    """Return a shape as one int64 vector."""
    if isinstance(shape, Value):
        return shape
    if not any(isinstance(one, Value) for one in shape):
        return graph.constant(np.array(shape, np.int64))
    return concatenate([one if isinstance(one, Value) else graph.constant([one], np.int64) for one in shape], 0)


def as_columns(x: Value) -> Value:
    """A vector [N] as one column [N, 1]; a matrix is what it is."""
    return x.graph.op("Flatten", x, axis=1)


def ravel(x: Value) -> Value:
    """All elements behind one another; a column [N, 1] as a vector [N]."""
    return reshape(x, [-1])


def transpose(x: Value, axes: Sequence[int]) -> Value:
    """Put the axes of x in another order."""
    return x.graph.op("Transpose", x, perm=list(axes))


def shape(x: Value) -> Value:
    """The sizes of all axes, as an int64 vector."""
    return x.graph.op("Shape", x, dtype="int64")


def size(x: Value, axis: int = 0) -> Value:
    """The size of an axis, as an int64[1]."""
    return shape(x)[axis : axis + 1 or None]


def arange(start: Operand, stop: Operand | None = None, step: Operand = 1) -> Value:
    """start, start + step, ... below stop; 0, 1, ... below start where it is the only one (numpy.arange).

    Arguments:
        start, stop, step: numbers, and at least one Value: a scalar, or of the shape [1].
    """
    bounds = (0, start, step) if stop is None else (start, stop, step)
    graph = innermost(*bounds)
    return graph.op("Range", *(reshape(one, []) for one in graph.promoted(*bounds)))


def broadcast_to(x: Operand, shape: Shape, *, graph: Graph | None = None) -> Value:
    """Repeat x along axes of size 1, and new leading ones, up to a shape."""
    home = graph or innermost(x, *([shape] if isinstance(shape, Value) else shape))
    return home.op("Expand", x, _sizes(home, shape))


def repeated(row: ArrayLike, x: Value) -> Value:
    """One row (or number) for each row of x: numpy.broadcast_to(row, (len(x), *row.shape))."""
    array = np.asarray(row)
    shape = concatenate([size(x), x.graph.constant(np.ones(array.ndim, np.int64))], 0) if array.ndim else size(x)
    return x.graph.op("Expand", array, shape)


def take_along_axis(x: Value, indices: Value, axis: int) -> Value:
    """The elements at the given positions of each row (or column)."""
    return innermost(x, indices).op("GatherElements", x, indices, axis=axis)


def take(array: Operand, indices: Value, axis: int = 0) -> Value:
    """array[indices], along an axis; the array is mostly one of the estimator's."""
    return innermost(array, indices).op("Gather", array, indices, axis=axis)


def topk(x: Value, k: int, *, axis: int = -1, smallest_first: bool = False) -> tuple[Value, Value]:
    """The k largest (or smallest) elements in order with their positions; of equal ones the first."""
    values, positions = x.graph.ops(
        "TopK", x, np.array([k], np.int64), dtypes=[None, "int64"], axis=axis, largest=int(not smallest_first)
    )
    return values, positions


def one_hot(indices: Value, depth: int, dtype: DTypeLike = "float64") -> Value:
    """A last axis more, with 1 at each index and 0 elsewhere."""
    return equal(expand_dims(indices, -1), np.arange(depth)).cast(dtype)


def searchsorted(edges: Operand, x: Value, side: str = "left") -> Value:
    """How many of the sorted edges lie before each element: numpy.searchsorted."""
    spread = expand_dims(x, -1)
    return total(spread > edges if side == "left" else spread >= edges, -1)


def bisect(edges: ArrayLike, x: Value) -> Value:
    """How many of the sorted edges are not above each element: numpy.searchsorted(side="right"), for many edges.

    A step for each bit of the count, from the highest: the count grows by that bit as long as its last edge is not above.
    """
    array = np.asarray(edges)
    found = x.graph.op("Expand", np.int64(0), x.graph.op("Shape", x, dtype="int64"))
    for bit in reversed(range(len(array).bit_length())):
        further = found + (1 << bit)
        last = take(array, minimum(further, len(array)) - 1)
        found = where((further <= len(array)) & (last <= x), further, found)
    return found


def square(x: Value) -> Value:
    """The square of each element."""
    return x * x


def squared_norms(x: Value) -> Value:
    """The sum of squares of each row of a matrix, as a column."""
    return total(x * x, 1, keepdims=True)  # of no rows ONNX Runtime reduces no axis that is counted from the end


def normalized(x: Value, axis: int = -1) -> Value:
    """Divide x, which is nowhere negative, by its sums along an axis; rows of zeros stay."""
    sums = total(x, axis, keepdims=True)
    return x / where(equal(sums, 0.0), 1.0, sums)


def loop(
    graph: Graph,
    count: int | Value,
    state: Sequence[Value],
    body: Callable[..., tuple[Value | None, Sequence[Value]]],
) -> list[Value]:
    """Repeat `body(iteration, *state)`, which returns whether to go on (None: always) and the next state.

    Arguments:
        count: the greatest number of rounds.
        state: what the body is given and gives back, with the same dtypes and ranks each round.
    """
    inner = graph.child()
    given = [Value(inner, inner.name("state"), one.dtype) for one in state]
    iteration, proceed = Value(inner, inner.name("iteration"), "int64"), Value(inner, inner.name("proceed"), "bool")
    goes_on, results = body(iteration, *given)
    ends = [inner.op("Identity", one) for one in (proceed if goes_on is None else goes_on, *results)]
    written = inner.body([iteration, proceed, *given], ends)
    for scalar in written.input[:2]:
        scalar.type.tensor_type.shape.SetInParent()  # an empty shape: ONNX Runtime wants to know the rank of these two
    rounds = np.int64(count) if isinstance(count, int) else count
    return graph.ops("Loop", rounds, np.True_, *state, dtypes=[one.dtype for one in state], body=written)


def matches(x: Value, text: str) -> Value:
    """Whether each text is this one; in every opset, whereas Equal takes texts from 19 on."""
    attributes = {"keys_strings": [text], "values_int64s": [1], "default_int64": 0}
    (found,) = x.graph.ops("LabelEncoder", x, dtypes=["int64"], domain="ai.onnx.ml", **attributes)
    return found.cast("bool")
