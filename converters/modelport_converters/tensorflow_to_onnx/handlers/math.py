"""Arithmetic, comparisons and special functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from modelport_converters.tensorflow_to_onnx.handler import Form, handler


@handler("AccumulateNV2")
def accumulate(write: Form, *terms: str) -> str:
    """The sum of its inputs."""
    return write("Sum", *terms)


@handler("ApproximateEqual")
def approximate_equal(write: Form, x: str, y: str) -> str:
    """|x - y| < tolerance."""
    return write("Less", write("Abs", write("Sub", x, y)), write.number(write.attr("tolerance", 1e-5), x))


@handler("Bitcast")
def sign_bit(write: Form, x: str) -> str:
    """The bits of floats as integers, of which ONNX sees the sign alone: for readers that look at no more (signbit, argmax)."""
    source, target = write.dtype_of(x), write.dtype
    if source.kind != "f" or target.kind != "i" or source.itemsize != target.itemsize:
        raise ValueError("ONNX has no view of a number's bits")
    lowest = np.iinfo(target).min
    for reader in write.ctx.find_output_consumers(write.node.output[0]):
        known = [value.get_tensor_value(as_list=False) for value in reader.inputs if value.is_const()]
        if (reader.type, *map(np.ravel, known)) not in (("BitwiseAnd", [lowest]), ("Less", [0])):
            raise ValueError("ONNX has no view of a number's bits but its sign")
    zero = write.const(0, source)
    negative = write("Or", write("Less", x, zero), write("Less", write("Reciprocal", x), zero))  # 1 / -0.0 is -infinity
    return write("Where", negative, write.like(lowest), write.like(0))


@handler("CheckNumericsV2", "PreventGradient", "Snapshot", "DeepCopy", "CheckPinned")
def unchanged(write: Form, x: str) -> str:
    """What only concerns training or debugging."""
    return write("Identity", x)


@handler("Greater", "Less", since=9)
def compare(write: Form, x: str, y: str) -> str:
    """Whether x > y, or x < y; tf2onnx compares integers as float32, which has not all of them."""
    if write.dtype_of(x).kind in "iu" and write.dtype_of(x) != np.uint64:
        # in the condition of a loop, tf2onnx may have put an int64 size in the place of one of two int32 values
        x, y = write.cast(x, np.int64), write.cast(y, np.int64)
    return write(write.kind, x, y)


@handler("CumulativeLogsumexp")
def cumulative_logsumexp(write: Form, x: str, axis: str) -> str:
    """log(cumsum(exp(x))), shifted by the greatest element."""
    highest = write.reduce("Max", x, [int(write.known(1))], keep=True)
    flags = {"exclusive": int(write.attr("exclusive", 0)), "reverse": int(write.attr("reverse", 0))}
    total = write("CumSum", write("Exp", write("Sub", x, highest)), axis, **flags)
    return write("Add", write("Log", total), highest)


@handler("EuclideanNorm")
def euclidean_norm(write: Form, x: str, axes: str) -> str:
    """sqrt(sum(x^2))."""
    total = write("ReduceSum", write("Mul", x, x), write.cast(axes, np.int64), keepdims=int(write.attr("keep_dims", 0)))
    return write("Sqrt", total)


@handler("Erfc", since=9)
def erfc(write: Form, x: str) -> str:
    """1 - erf(x)."""
    return write("Sub", write.like(1), write("Erf", x))


@handler("Expm1")
def expm1(write: Form, x: str) -> str:
    """exp(x) - 1; near zero 2 tanh(x/2) / (1 - tanh(x/2)), which keeps its digits."""
    half = write("Tanh", write("Mul", x, write.like(0.5)))
    near = write("Div", write("Add", half, half), write("Sub", write.like(1), half))
    return write(
        "Where",
        write("Less", write("Abs", x), write.like(0.5)),
        near,
        write("Sub", write("Exp", x), write.like(1)),
    )


@handler("Log", since=6)
def log(write: Form, x: str) -> None:
    """The same operator; tf2onnx computes that of float64 in float32 and refuses float16, for an older ONNX Runtime."""


@handler("Log1p")
def log1p(write: Form, x: str) -> str:
    """log(1 + x); up to 1 as log(u) x / (u - 1) with u = 1 + x, after W. Kahan, which keeps its digits."""
    one = write.like(1)
    shifted = write("Add", one, x)
    logarithm = write("Log", shifted)
    corrected = write("Div", write("Mul", logarithm, x), write("Sub", shifted, one))
    near = write("Where", write("Equal", shifted, one), x, corrected)
    return write("Where", write("Greater", x, one), logarithm, near)


@handler("FloorDiv", since=10)
def floor_div(write: Form, x: str, y: str) -> str:
    """Division rounded down; tf2onnx rounds that of integers towards zero."""
    if np.issubdtype(write.dtype, np.integer):
        return write("Div", write("Sub", x, write("Mod", x, y)), y)  # Mod takes the sign of the divisor
    return write("Floor", write("Div", x, y))


@handler("FloorMod")
def floor_mod(write: Form, x: str, y: str) -> str:
    """The remainder that takes the sign of the divisor."""
    if np.issubdtype(write.dtype, np.integer):
        return write("Mod", x, y)
    rest, zero = write("Mod", x, y, fmod=1), write.like(0)
    signs = write("Xor", write("Less", rest, zero), write("Less", y, zero))
    wrong = write("And", signs, write("Not", write("Equal", rest, zero)))
    return write("Where", wrong, write("Add", rest, y), rest)


@handler("Mod", "TruncateMod")
def truncate_mod(write: Form, x: str, y: str) -> str:
    """The remainder that takes the sign of the dividend."""
    return write("Mod", x, y, fmod=1)


@handler("Inv", "Reciprocal")
def reciprocal(write: Form, x: str) -> str:
    """1 / x."""
    return write("Reciprocal", x)


@handler("LinSpace")
def lin_space(write: Form, start: str, stop: str, count: str) -> str:
    """`count` numbers from start to stop; of one, start."""
    steps = write.arange(write.cast(count, np.int64))
    last = write("Max", write("Sub", write.cast(count, np.int64), write.const(1)), write.const(1))
    width = write("Div", write("Sub", stop, start), write.cast(last, write.dtype))
    return write("Add", start, write("Mul", write.cast(steps, write.dtype), width))


@handler("MulNoNan", "Xdivy", "Xlog1py", "Xlogy")
def zero_stays_zero(write: Form, x: str, y: str) -> str:
    """X * y with 0 where y is 0; x / y, x log(1 + y) and x log(y) with 0 where x is 0."""
    kind = write.kind
    if kind == "Xdivy":
        result = write("Div", x, y)
    elif kind == "MulNoNan":
        result = write("Mul", x, y)
    else:
        base = write("Add", y, write.like(1)) if kind == "Xlog1py" else y
        result = write("Mul", x, write("Log", base))
    zero = write.like(0)
    return write("Where", write("Equal", y if kind == "MulNoNan" else x, zero), zero, result)


@handler("UnravelIndex")
def unravel_index(write: Form, indices: str, dims: str) -> str:
    """The coordinates of flat indices: one row for each axis."""
    products = write.known(1)
    strides = np.append(np.cumprod(products[::-1])[::-1][1:], 1).reshape(-1, *[1] * write.rank)
    whole = write("Div", write.unsqueeze(indices, 0), write.like(strides))
    return write("Mod", whole, write.like(products.reshape(strides.shape)))


@handler("LeftShift", "RightShift")
def shift(write: Form, x: str, y: str) -> str:
    """X * 2^y, and x / 2^y rounded down: ONNX shifts unsigned integers only."""
    unsigned = np.dtype(f"uint{max(32, write.dtype.itemsize * 8)}")
    if write.dtype.itemsize < 4:
        unsigned = np.dtype("uint32")
    direction = "LEFT" if write.kind == "LeftShift" else "RIGHT"

    def shifted(value: str) -> str:
        moved = write("BitShift", write.cast(value, unsigned), write.cast(y, unsigned), direction=direction)
        return write.cast(moved, write.dtype)

    if direction == "LEFT" or np.issubdtype(write.dtype, np.unsignedinteger):
        return shifted(x)
    # of a negative number, that of its complement, complemented
    minus_one = write.like(-1)
    below = write("Sub", minus_one, shifted(write("Sub", minus_one, x)))
    return write("Where", write("Less", x, write.like(0)), below, shifted(x))


@handler("PopulationCount", since=14)
def population_count(write: Form, x: str) -> str:
    """The number of bits that are set."""
    bits = 8 * write.dtype_of(x).itemsize
    own = write.cast(write.cast(x, f"uint{bits}"), np.uint64)
    places = write.const(np.arange(bits), np.uint64)
    each = write(
        "Mod", write("BitShift", write.unsqueeze(own, -1), places, direction="RIGHT"), write.const(2, np.uint64)
    )
    return write.cast(write.reduce("Sum", write.cast(each, np.int64), [-1]), np.uint8)


@handler("HistogramFixedWidth")
def histogram_fixed_width(write: Form, values: str, limits: str, bins: str) -> str:
    """How many values lie in each of `bins` ranges of equal width; those beyond the ends count in the outer ones."""
    flat = write.reshape(values, [-1])
    low, high = (write("Gather", limits, write.const(index)) for index in (0, 1))
    share = write("Div", write("Sub", flat, low), write("Sub", high, low))
    count = write.cast(bins, np.int64)
    scaled = write("Floor", write("Mul", share, write.cast(count, write.dtype_of(values))))
    place = write(
        "Min", write("Max", write.cast(scaled, np.int64), write.const(0)), write("Sub", count, write.const(1))
    )
    each = write("Equal", write.unsqueeze(place, 0), write.unsqueeze(write.arange(count), 1))
    return write.cast(write.reduce("Sum", write.cast(each, np.int64), [1]), write.dtype)


_SHIFT = 8
"""The recurrences carry arguments above this, where the asymptotic series hold."""


def _polynomial(write: Form, x: str, coefficients: Sequence[float]) -> str:
    """Return c0 + c1 x + c2 x^2 ..., by Horner's rule."""
    result = write.number(coefficients[-1], x)
    for coefficient in reversed(coefficients[:-1]):
        result = write("Add", write("Mul", result, x), write.number(coefficient, x))
    return result


def _reflected(write: Form, x: str) -> tuple[str, str]:
    """Return whether x is below 1/2, and 1 - x there, else x."""
    below = write("Less", x, write.number(0.5, x))
    return below, write("Where", below, write("Sub", write.number(1, x), x), x)


@handler("Lgamma")
def lgamma(write: Form, name: str) -> str:
    """Log |gamma(x)|: Stirling's series above 8, the recurrence below, reflection for negative numbers (DLMF 5.11.1)."""
    x = write.wide(name)
    below, y = _reflected(write, x)
    product = y
    for step in range(1, _SHIFT):
        product = write("Mul", product, write("Add", y, write.number(step, y)))
    large = write("Greater", y, write.number(1e6, y))  # where the product would overflow, and is not needed
    z = write("Where", large, y, write("Add", y, write.number(_SHIFT, y)))
    inverse = write("Reciprocal", z)
    series = write(
        "Mul", inverse, _polynomial(write, write("Mul", inverse, inverse), [1 / 12, -1 / 360, 1 / 1260, -1 / 1680])
    )
    power = write("Mul", write("Sub", z, write.number(0.5, z)), write("Log", z))
    stirling = write("Add", write("Sub", power, z), write("Add", series, write.number(math.log(2 * math.pi) / 2, z)))
    log_product = write("Where", large, write.number(0, y), write("Log", product))
    found = write("Sub", stirling, log_product)
    sine = write("Abs", write("Sin", write("Mul", write.number(math.pi, x), write("Sub", x, write("Floor", x)))))
    mirrored = write("Sub", write("Sub", write.number(math.log(math.pi), x), write("Log", sine)), found)
    return write.cast(write("Where", below, mirrored, found), write.dtype)


@handler("Digamma")
def digamma(write: Form, name: str) -> str:
    """The derivative of log gamma: asymptotic series above 8, recurrence below, reflection (DLMF 5.11.2, 5.5.4)."""
    x = write.wide(name)
    below, y = _reflected(write, x)
    total = write("Reciprocal", y)
    for step in range(1, _SHIFT):
        total = write("Add", total, write("Reciprocal", write("Add", y, write.number(step, y))))
    z = write("Add", y, write.number(_SHIFT, y))
    inverse = write("Reciprocal", z)
    square = write("Mul", inverse, inverse)
    series = write("Mul", square, _polynomial(write, square, [1 / 12, -1 / 120, 1 / 252, -1 / 240]))
    half = write("Mul", inverse, write.number(0.5, z))
    found = write("Sub", write("Sub", write("Sub", write("Log", z), half), series), total)
    angle = write("Mul", write.number(math.pi, x), write("Sub", x, write("Floor", x)))
    cotangent = write("Div", write("Cos", angle), write("Sin", angle))
    mirrored = write("Sub", found, write("Mul", write.number(math.pi, x), cotangent))
    return write.cast(write("Where", below, mirrored, found), write.dtype)


_CENTRE = (
    [3.3871327179e0, 5.0434271938e1, 1.5929113202e2, 5.9109374720e1],
    [1.0, 1.7895169469e1, 7.8757757664e1, 6.7187563600e1],
)
_MIDDLE = ([1.4234372777e0, 2.7568153900e0, 1.3067284816e0, 1.7023821103e-1], [1.0, 7.3700164250e-1, 1.2021132975e-1])
_TAIL = ([6.6579051150e0, 3.0812263860e0, 4.2868294337e-1, 1.7337203997e-2], [1.0, 2.4197894225e-1, 1.2258202635e-2])
"""Coefficients of M. J. Wichura, algorithm AS 241 (PPND7): accurate to about 1 part in 10^7."""


def _quantile(write: Form, q: str) -> str:
    """Return the normal quantile of 1/2 + q."""

    def ratio(x: str, coefficients: tuple[list[float], list[float]]) -> str:
        return write("Div", _polynomial(write, x, coefficients[0]), _polynomial(write, x, coefficients[1]))

    def number(value: float) -> str:
        return write.number(value, q)

    distance = write("Abs", q)
    centre = write("Mul", q, ratio(write("Sub", number(0.180625), write("Mul", q, q)), _CENTRE))
    tail = write("Sqrt", write("Neg", write("Log", write("Sub", number(0.5), distance))))
    near, far = ratio(write("Sub", tail, number(1.6)), _MIDDLE), ratio(write("Sub", tail, number(5)), _TAIL)
    outer = write("Where", write("Greater", tail, number(5)), far, near)
    outer = write("Where", write("Equal", distance, number(0.5)), number(np.inf), outer)
    signed = write("Where", write("Less", q, number(0)), write("Neg", outer), outer)
    return write("Where", write("Greater", distance, number(0.425)), signed, centre)


@handler("Ndtri")
def ndtri(write: Form, name: str) -> str:
    """The quantile of the normal distribution."""
    x = write.wide(name)
    return write.cast(_quantile(write, write("Sub", x, write.number(0.5, x))), write.dtype)


@handler("Erfinv")
def erfinv(write: Form, name: str) -> str:
    """The inverse of the error function: the normal quantile of (x + 1) / 2, over the root of 2."""
    x = write.wide(name)
    found = _quantile(write, write("Mul", x, write.number(0.5, x)))
    return write.cast(write("Mul", found, write.number(math.sqrt(0.5), x)), write.dtype)
