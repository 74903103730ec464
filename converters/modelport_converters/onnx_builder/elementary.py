"""Functions that ONNX Runtime has no float64 kernel for, or ONNX no operator: computed in float64, returned in the dtype of x."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import numpy as np
from scipy.special import erfcx as _erfcx

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder import special
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.onnx_builder.special import polyval

Unary = Callable[[Value], Value]

_HALVINGS = 3
_ARCTAN_TERMS = 12
"""tan(pi / 16) is 0.199 at most: 0.199 ** (2 * 12) / 25 lies below the precision of float64."""
_ERFCX_CENTRE = 3.75
_ERFCX_DEGREE = 30
"""Chebyshev coefficients beyond it lie below 1e-16."""


def _in_double(function: Unary) -> Unary:
    """Compute in float64, and return the dtype that NumPy returns."""

    @wraps(function)
    def computed(x: Value) -> Value:
        return function(x.cast("float64")).cast(x.dtype if x.dtype.kind == "f" else "float64")

    return computed


@_in_double
def tan(x: Value) -> Value:
    """The tangent."""
    return fn.sin(x) / fn.cos(x)


@_in_double
def sinh(x: Value) -> Value:
    """The hyperbolic sine; exp(|x|) would overflow before it does."""
    size = fn.absolute(x)
    small = fn.expm1(fn.minimum(size, 1.0))
    half = fn.exp(size / 2.0)
    return fn.sign(x) * fn.where(size < 1.0, 0.5 * (small + small / (small + 1.0)), _half_of_squares(half, -1.0))


@_in_double
def cosh(x: Value) -> Value:
    """The hyperbolic cosine."""
    return _half_of_squares(fn.exp(fn.absolute(x) / 2.0), 1.0)


def _half_of_squares(root: Value, sign: float) -> Value:
    """(e + sign / e) / 2 with e = root ** 2."""
    return (0.5 * root) * root + (0.5 * sign) / root / root


@_in_double
def arctan(x: Value) -> Value:
    """The inverse tangent: half the angle has the tangent t / (1 + sqrt(1 + t ** 2)); halved three times, its series."""
    size = fn.absolute(x)
    steep = size > 1.0
    t = fn.where(steep, 1.0 / fn.maximum(size, 1.0), size)
    for _ in range(_HALVINGS):
        t = t / (1.0 + fn.sqrt(1.0 + t * t))
    series = [(-1.0) ** n / (2 * n + 1) for n in reversed(range(_ARCTAN_TERMS))]
    angle = 2.0**_HALVINGS * t * polyval(series, t * t)
    return fn.sign(x) * fn.where(steep, math.pi / 2 - angle, angle)


@_in_double
def arcsin(x: Value) -> Value:
    """The inverse sine: 2 arctan(x / (1 + sqrt(1 - x ** 2)))."""
    return 2.0 * arctan(x / (1.0 + fn.sqrt((1.0 - x) * (1.0 + x))))


@_in_double
def arccos(x: Value) -> Value:
    """The inverse cosine: 2 arcsin(sqrt((1 - x) / 2)), which is exact near 1."""
    return 2.0 * arcsin(fn.sqrt((1.0 - x) / 2.0))


@_in_double
def arcsinh(x: Value) -> Value:
    """The inverse hyperbolic sine: log(2 |x|) where x ** 2 would overflow."""
    size = fn.absolute(x)
    near = fn.minimum(size, 1e9)
    exact = fn.log1p(near + near * near / (1.0 + fn.sqrt(1.0 + near * near)))
    return fn.sign(x) * fn.where(size > 1e9, fn.log(size) + math.log(2.0), exact)


@_in_double
def arccosh(x: Value) -> Value:
    """The inverse hyperbolic cosine, exact near 1."""
    over = fn.clip(x, 0.0, 1e9) - 1.0
    return fn.where(x > 1e9, fn.log(x) + math.log(2.0), fn.log1p(over + fn.sqrt(over * (over + 2.0))))


@_in_double
def arctanh(x: Value) -> Value:
    """The inverse hyperbolic tangent."""
    size = fn.absolute(x)
    return 0.5 * fn.sign(x) * fn.log1p(2.0 * size / (1.0 - size))


@_in_double
def erf(x: Value) -> Value:
    """The error function."""
    return special.erf(x)


@_in_double
def erfc(x: Value) -> Value:
    """1 - erf(x), without cancellation for large x: exp(-x ** 2) erfcx(x), the latter a Chebyshev series in (x - c) / (x + c)."""
    large = fn.clip(x, 0.5, 40.0)  # erfc(40) is zero
    t = (large - _ERFCX_CENTRE) / (large + _ERFCX_CENTRE)
    first, second = t * 0.0, t * 0.0
    for coefficient in reversed(_erfcx_coefficients()[1:]):  # Clenshaw's recurrence
        first, second = 2.0 * t * first - second + coefficient, first
    scaled = t * first - second + _erfcx_coefficients()[0]
    return fn.where(x > 0.5, fn.exp(-(large * large)) * scaled, 1.0 - special.erf(x))


@cache
def _erfcx_coefficients() -> tuple[float, ...]:
    def mapped(t: Any) -> Any:
        return _erfcx(_ERFCX_CENTRE * (1 + t) / (1 - t))

    found: Any = np.polynomial.chebyshev.chebinterpolate(mapped, _ERFCX_DEGREE)
    return tuple(map(float, found))


@_in_double
def ndtr(x: Value) -> Value:
    """The distribution function of the normal distribution."""
    return 0.5 * erfc(-x / math.sqrt(2.0))


_CENTRAL = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_TAIL = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip


@_in_double
def ndtri(p: Value) -> Value:
    """The quantiles of the normal distribution: algorithm AS 241 (PPND16; Wichura, Applied Statistics 37, 1988)."""
    offset = p - 0.5
    central = offset * _quotient(_CENTRAL, 0.180625 - offset * offset)
    beyond = fn.minimum(p, 1.0 - p)
    root = fn.sqrt(-fn.log(fn.where(beyond > 0.0, beyond, 0.5)))
    tail = fn.where(root > 5.0, _quotient(_FAR_TAIL, root - 5.0), _quotient(_TAIL, root - 1.6))
    outer = fn.sign(offset) * fn.where(beyond > 0.0, tail, fn.where(fn.equal(beyond, 0.0), np.inf, np.nan))
    return fn.where(fn.absolute(offset) <= 0.425, central, outer)


def _quotient(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Value) -> Value:
    return polyval(coefficients[0], x) / polyval(coefficients[1], x)
