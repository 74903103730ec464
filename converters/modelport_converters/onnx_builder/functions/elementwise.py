"""Elementwise functions."""

from __future__ import annotations

from modelport_converters.onnx_builder.graph import Operand, Value, innermost, is_floating

_WHERE = {"float16", "float32", "float64", "int32", "int64", "uint8", "object"}
"""The dtypes that ONNX Runtime has a kernel of Where for."""


def floating(x: Value) -> Value:
    """Return x, in float64 unless it holds floats."""
    return x if is_floating(x.dtype) else x.cast("float64")


def exp(x: Value) -> Value:
    """The exponential."""
    return x.graph.op("Exp", floating(x))


def log(x: Value) -> Value:
    """The natural logarithm."""
    return x.graph.op("Log", floating(x))


def log1p(x: Value) -> Value:
    """log(1 + x); up to 1 as log(u) x / (u - 1) with u = 1 + x rounded, which is exact for small x (Kahan, HP-15C, 1982)."""
    x = floating(x)
    u = 1.0 + x
    logarithm = log(u)
    return where(x > 1.0, logarithm, where(equal(u, 1.0), x, logarithm * x / (u - 1.0)))


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


def reciprocal(x: Value) -> Value:
    """1 / x."""
    return x.graph.op("Reciprocal", floating(x))


def fmod(x: Value, y: Operand) -> Value:
    """The remainder that takes the sign of the dividend; that of the operator % takes the divisor's."""
    graph = innermost(x, y)
    return graph.op("Mod", *graph.promoted(x, y), fmod=1)


def quotient(x: Value, y: Operand) -> Value:
    """Integer division rounded towards zero: x // y in a single node where neither is negative."""
    graph = innermost(x, y)
    return graph.op("Div", *graph.promoted(x, y))


def sign(x: Value) -> Value:
    """-1, 0 or 1."""
    return x.graph.op("Sign", x)


def floor(x: Value) -> Value:
    """Round down to integers."""
    return x.graph.op("Floor", x)


def ceil(x: Value) -> Value:
    """Round up to integers."""
    return x.graph.op("Ceil", x)


def rint(x: Value) -> Value:
    """Round to the nearest integers, halves to even."""
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
    """Elementwise equality, of strings too."""
    graph = innermost(x, y)
    left, right = (x, y) if x.dtype.kind == "O" else graph.promoted(x, y)
    return graph.op("Equal", left, right, dtype="bool")


def not_equal(x: Value, y: Operand) -> Value:
    """Elementwise inequality, of strings too."""
    return ~equal(x, y)


def where(condition: Value, x: Operand, y: Operand) -> Value:
    """Elementwise choice of x where the condition holds, else y; also in dtypes that ONNX Runtime has no kernel for."""
    graph = innermost(condition, x, y)
    if any(isinstance(one, Value) and one.dtype.kind == "O" for one in (x, y)):
        return graph.op("Where", condition, x, y, dtype=object)
    chosen = graph.promoted(x, y)
    dtype = chosen[0].dtype
    if dtype.name not in _WHERE:
        # int64 has room for the bits of uint64 too
        wide = "float32" if is_floating(dtype) else "int32" if dtype.itemsize < 4 else "int64"
        return graph.op("Where", condition, *(one.cast(wide) for one in chosen), dtype=wide).cast(dtype)
    return graph.op("Where", condition, *chosen, dtype=dtype)


def maximum(x: Value, y: Operand) -> Value:
    """Elementwise maximum."""
    graph = innermost(x, y)
    return graph.op("Max", *graph.promoted(x, y))


def minimum(x: Value, y: Operand) -> Value:
    """Elementwise minimum."""
    graph = innermost(x, y)
    return graph.op("Min", *graph.promoted(x, y))


def clip(x: Value, low: Operand | None, high: Operand | None) -> Value:
    """Limit x to two bounds, which may be arrays or values."""
    result = x if low is None else maximum(x, low)
    return result if high is None else minimum(result, high)


def square(x: Value) -> Value:
    """The square of each element."""
    return x * x
