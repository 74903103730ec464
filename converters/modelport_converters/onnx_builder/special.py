"""The error function, which ONNX Runtime computes in float32 only."""

from __future__ import annotations

from collections.abc import Sequence

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value

_SMALL = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_MIDDLE = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594e0,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)
"""Numerators and denominators, highest power first, of W. J. Cody, Rational Chebyshev approximations for the error function,
Math. Comp. 23 (1969), as in SPECFUN."""


def erf(x: Value) -> Value:
    """The error function in float64, within 4e-16: Cody's rational approximations, for |x| below 0.46875 and above."""
    x = x.cast("float64")
    size = fn.minimum(fn.absolute(x), 6.0)  # beyond, erf is 1 in float64
    square = size * size
    near = x * (polyval(_SMALL[0], square) / polyval(_SMALL[1], square))
    far = 1.0 - fn.exp(-square) * (polyval(_MIDDLE[0], size) / polyval(_MIDDLE[1], size))
    return fn.where(size <= 0.46875, near, fn.sign(x) * far)


def polyval(coefficients: Sequence[float], x: Value) -> Value:
    """Horner's scheme, the coefficient of the highest power first (numpy.polyval)."""
    result: Value = x * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        result = result * x + coefficient
    return result
