"""Trigonometric and hyperbolic functions, computed in float64, for which ONNX Runtime has no kernels; returned in x's dtype."""

from __future__ import annotations

import math

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.onnx_builder.special import in_double, polyval

_HALVINGS = 3
_ARCTAN_TERMS = 12
"""tan(pi / 16) is 0.199 at most: 0.199 ** (2 * 12) / 25 lies below the precision of float64."""


@in_double
def tan(x: Value) -> Value:
    """The tangent."""
    return fn.sin(x) / fn.cos(x)


@in_double
def sinh(x: Value) -> Value:
    """The hyperbolic sine; exp(|x|) would overflow before it does."""
    size = fn.absolute(x)
    small = fn.expm1(fn.minimum(size, 1.0))
    half = fn.exp(size / 2.0)
    return fn.sign(x) * fn.where(size < 1.0, 0.5 * (small + small / (small + 1.0)), _half_of_squares(half, -1.0))


@in_double
def cosh(x: Value) -> Value:
    """The hyperbolic cosine."""
    return _half_of_squares(fn.exp(fn.absolute(x) / 2.0), 1.0)


def _half_of_squares(root: Value, sign: float) -> Value:
    """(e + sign / e) / 2 with e = root ** 2."""
    return (0.5 * root) * root + (0.5 * sign) / root / root


@in_double
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


@in_double
def arcsin(x: Value) -> Value:
    """The inverse sine: 2 arctan(x / (1 + sqrt(1 - x ** 2)))."""
    return 2.0 * arctan(x / (1.0 + fn.sqrt((1.0 - x) * (1.0 + x))))


@in_double
def arccos(x: Value) -> Value:
    """The inverse cosine: 2 arcsin(sqrt((1 - x) / 2)), which is exact near 1."""
    return 2.0 * arcsin(fn.sqrt((1.0 - x) / 2.0))


@in_double
def arcsinh(x: Value) -> Value:
    """The inverse hyperbolic sine: log(2 |x|) where x ** 2 would overflow."""
    size = fn.absolute(x)
    near = fn.minimum(size, 1e9)
    exact = fn.log1p(near + near * near / (1.0 + fn.sqrt(1.0 + near * near)))
    return fn.sign(x) * fn.where(size > 1e9, fn.log(size) + math.log(2.0), exact)


@in_double
def arccosh(x: Value) -> Value:
    """The inverse hyperbolic cosine, exact near 1."""
    over = fn.clip(x, 0.0, 1e9) - 1.0
    return fn.where(x > 1e9, fn.log(x) + math.log(2.0), fn.log1p(over + fn.sqrt(over * (over + 2.0))))


@in_double
def arctanh(x: Value) -> Value:
    """The inverse hyperbolic tangent."""
    size = fn.absolute(x)
    return 0.5 * fn.sign(x) * fn.log1p(2.0 * size / (1.0 - size))
