"""Arithmetic, comparisons, bits, special functions, and counts in bins."""

from __future__ import annotations

import numpy as np

from modelport_converters.onnx_builder import Value, special
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler
from modelport_converters.tensorflow_to_onnx.handlers.ragged import length, row_ids

_UNARY = {
    "Digamma": special.digamma,
    "Erfinv": special.erfinv,
    "Expm1": fn.expm1,
    "Inv": fn.reciprocal,
    "Lgamma": special.gammaln,
    "Log1p": fn.log1p,
    "Ndtri": special.ndtri,
    "Reciprocal": fn.reciprocal,
}


@handler(*_UNARY)
def unary(op: Operation, x: Value) -> Value:
    """A function of one number."""
    return _UNARY[op.type](x)


@handler("AccumulateNV2")
def accumulate(op: Operation, *terms: Value) -> Value:
    """The sum of all inputs."""
    return op.graph.op("Sum", *terms)


@handler("ApproximateEqual")
def approximate_equal(op: Operation, x: Value, y: Value) -> Value:
    """|x - y| < tolerance."""
    tolerance: np.generic = x.dtype.type(op.attr("tolerance", 1e-5))
    return fn.absolute(x - y) < tolerance


@handler("Bitcast")
def sign_bit(op: Operation, x: Value) -> Value:
    """The bits of floats as integers, of which ONNX sees the sign alone: for readers that look at no more (signbit, argmax)."""
    source, target = x.dtype, op.dtype
    if source.kind != "f" or target.kind != "i" or source.itemsize != target.itemsize:
        raise ValueError("ONNX has no view of a number's bits")
    lowest = np.iinfo(target).min
    for reader in op.ctx.find_output_consumers(op.node.output[0]):
        known = [value.get_tensor_value(as_list=False) for value in reader.inputs if value.is_const()]
        if (reader.type, *map(np.ravel, known)) not in (("BitwiseAnd", [lowest]), ("Less", [0])):
            raise ValueError("ONNX has no view of a number's bits but its sign")
    negative = (x < 0) | (fn.reciprocal(x) < 0)  # 1 / -0.0 is -infinity
    return fn.where(negative, target.type(lowest), target.type(0))


@handler("CheckNumericsV2", "PreventGradient", "Snapshot", "DeepCopy", "CheckPinned")
def identity(_: Operation, x: Value) -> Value:
    """The input itself: these operators concern training or debugging alone."""
    return x


@handler("Greater", "Less", since=9)
def compare(op: Operation, x: Value, y: Value) -> Value:
    """X > y or x < y; tf2onnx compares integers as float32, which has not all of them."""
    if x.dtype.kind in "iu" and x.dtype != np.uint64:
        # in the condition of a loop, tf2onnx may have put an int64 size in the place of one of two int32 values
        x, y = x.cast("int64"), y.cast("int64")
    return x > y if op.type == "Greater" else x < y


@handler("CumulativeLogsumexp")
def cumulative_logsumexp(op: Operation, x: Value, _: Value) -> Value:
    """log(cumsum(exp(x))), shifted by the largest element."""
    axis = int(op.constant(1))
    top = fn.max(x, axis, keepdims=True)
    exclusive, reverse = (bool(op.attr(name, 0)) for name in ("exclusive", "reverse"))
    return fn.log(fn.cumsum(fn.exp(x - top), axis, exclusive=exclusive, reverse=reverse)) + top


@handler("EuclideanNorm")
def euclidean_norm(op: Operation, x: Value, axes: Value) -> Value:
    """sqrt(sum(x^2))."""
    return fn.sqrt(fn.sum(x * x, axes.cast("int64"), keepdims=bool(op.attr("keep_dims", 0))))


@handler("Erfc", since=9)
def erfc(_: Operation, x: Value) -> Value:
    """1 - erf(x)."""
    return special.erfc(x) if x.dtype == np.float64 else 1.0 - x.graph.op("Erf", x)


@handler("Log", since=6)
def log(_: Operation, _x: Value) -> None:
    """The same operator; tf2onnx computes that of float64 in float32 and refuses float16, for an older ONNX Runtime."""


@handler("FloorDiv", since=10)
def floor_div(_: Operation, x: Value, y: Value) -> Value:
    """The quotient rounded down; tf2onnx rounds that of integers towards zero."""
    return x // y


@handler("FloorMod")
def floor_mod(_: Operation, x: Value, y: Value) -> Value:
    """The remainder that takes the sign of the divisor."""
    return x % y


@handler("Mod", "TruncateMod")
def truncate_mod(_: Operation, x: Value, y: Value) -> Value:
    """The remainder that takes the sign of the dividend."""
    return fn.fmod(x, y)


@handler("LinSpace")
def lin_space(op: Operation, start: Value, stop: Value, count: Value) -> Value:
    """`count` numbers from start to stop; of one, start."""
    count = count.cast("int64")
    width = (stop - start) / fn.maximum(count - 1, 1).cast(op.dtype)
    return start + fn.arange(count).cast(op.dtype) * width


@handler("MulNoNan")
def mul_no_nan(_: Operation, x: Value, y: Value) -> Value:
    """X * y with 0 where y is 0."""
    return fn.where(fn.equal(y, 0.0), 0.0, x * y)


@handler("Xdivy")
def xdivy(_: Operation, x: Value, y: Value) -> Value:
    """X / y with 0 where x is 0."""
    return fn.where(fn.equal(x, 0.0), 0.0, x / y)


@handler("Xlogy", "Xlog1py")
def xlogy(op: Operation, x: Value, y: Value) -> Value:
    """X log(y), or x log(1 + y), with 0 where x is 0."""
    return fn.where(fn.equal(x, 0.0), 0.0, x * fn.log(y + 1.0 if op.type == "Xlog1py" else y))


@handler("LeftShift", "RightShift")
def shift(op: Operation, x: Value, y: Value) -> Value:
    """X * 2^y, and x / 2^y rounded down: ONNX shifts unsigned integers only."""
    unsigned = f"uint{max(32, 8 * op.dtype.itemsize)}"
    direction = "LEFT" if op.type == "LeftShift" else "RIGHT"

    def shifted(value: Value) -> Value:
        return op.graph.op("BitShift", value.cast(unsigned), y.cast(unsigned), direction=direction).cast(op.dtype)

    if direction == "LEFT" or op.dtype.kind == "u":
        return shifted(x)
    # of a negative number, that of its complement, complemented
    return fn.where(x < 0, -1 - shifted(-1 - x), shifted(x))


@handler("PopulationCount", since=14)
def population_count(op: Operation, x: Value) -> Value:
    """The number of bits that are set."""
    bits = 8 * x.dtype.itemsize
    places = np.arange(bits, dtype=np.uint64)
    spread = fn.expand_dims(x.cast(f"uint{bits}").cast("uint64"), -1)
    each = op.graph.op("BitShift", spread, places, direction="RIGHT") % np.uint64(2)
    return fn.sum(each.cast("int64"), -1).cast("uint8")


@handler("HistogramFixedWidth")
def histogram_fixed_width(op: Operation, values: Value, limits: Value, bins: Value) -> Value:
    """How many values lie in each of `bins` ranges of equal width; those beyond the ends count in the outer ones."""
    low, high, count = limits[0], limits[1], bins.cast("int64")
    share = (fn.ravel(values) - low) / (high - low)
    places = fn.clip(fn.floor(share * count.cast(share.dtype)).cast("int64"), 0, count - 1)
    each = fn.equal(fn.expand_dims(places, 0), fn.expand_dims(fn.arange(count), 1))
    return fn.sum(each, 1).cast(op.dtype)


# --- bins and counts -----------------------------------------------------------------------------


@handler("Bucketize")
def bucketize(op: Operation, values: Value) -> Value:
    """How many boundaries a value is not below (numpy.digitize); NaN is below none."""
    dtype = np.float64 if values.dtype == np.float64 else np.float32
    bounds = np.asarray(op.attr("boundaries") or [], np.float32).astype(dtype)
    return fn.sum(~(fn.expand_dims(values.cast(dtype), -1) < bounds), -1).cast("int32")


@handler("Bincount", "DenseBincount", since=16)
def bincount(op: Operation, values: Value, size: Value, weights: Value) -> Value:
    """Counts, or sums of weights, of each category in a row; values beyond the last bin are left out."""
    bins, width = _bins(values, size)
    leading = op.graph.op("Shape", values, end=-1, dtype="int64")
    counts = _counted(op, bins, weights, [leading, width])
    return op.graph.op("Slice", counts, [0], [-1], [-1])


@handler("RaggedBincount", since=16)
def ragged_bincount(op: Operation, splits: Value, values: Value, size: Value, weights: Value) -> Value:
    """The same for the rows of a ragged tensor."""
    bins, width = _bins(values, size)
    rows = fn.shape(splits) - 1
    counts = _counted(op, bins + row_ids(splits, length(values)) * width, weights, rows * width)
    return fn.reshape(counts, [rows, width])[:, :-1]


def _bins(values: Value, size: Value) -> tuple[Value, Value]:
    """Return values, those beyond the last bin moved into an extra one, and the number of bins with that, int64[1]."""
    last = fn.reshape(size.cast("int64"), [1])
    return fn.minimum(values.cast("int64"), last), last + 1


def _counted(op: Operation, bins: Value, weights: Value, shape: fn.Shape) -> Value:
    """Add ones, or weights, to zeros at the bins along the last axis; an empty tensor of weights stands for ones."""
    zeros = fn.broadcast_to(op.dtype.type(0), shape)
    ones = fn.broadcast_to(op.dtype.type(1), fn.shape(bins))
    if op.attr("binary_output", 0):  # a bin that is met twice is written twice
        return op.graph.op("ScatterElements", zeros, bins, ones, axis=-1)
    added = ones if 0 in (op.shape(weights) or []) else weights
    return op.graph.op("ScatterElements", zeros, bins, added, axis=-1, reduction="add")
