"""SciPy's special functions, computed in float64: ONNX Runtime has Erf in float32 only, and ONNX lacks the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps

import numpy as np

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value

Unary = Callable[[Value], Value]

_ERFCX_CENTRE = 3.75
_ERFCX = (
    0.3050715409616002, -0.43484127271257755, 0.1763511936436055, -0.060710795609249336,
    0.01771206899569399, -0.004321119385567165, 0.0008542166768869612, -0.0001271550906090237,
    1.1248167243519617e-05, 3.1306388562671887e-07, -2.7098806880705384e-07, 3.0737623007522575e-08,
    2.515620064576722e-09, -1.0289296155967824e-09, 2.9943797861280645e-11, 2.6052202873712874e-11,
    -2.635417617782585e-12, -6.427160131390832e-13, 1.1169993581517183e-13, 1.8069334391201593e-14,
    -5.082961871186086e-15, 3.930687540687125e-16, -8.843312507009832e-16, 1.1962597131514256e-15,
    -1.2920192469664356e-15, 1.314500703626877e-15, -1.3122763404601003e-15, 1.2454615072240904e-15,
    -1.2281142724643224e-15, 1.2325350193869729e-15, -1.2467485601256216e-15,
)  # fmt: skip
"""Coefficients of erfcx(c (1 + t) / (1 - t)) by numpy.polynomial.chebyshev.chebinterpolate; further ones lie below 1e-16."""

_GAMMA_SHIFT = 8
"""The recurrences of the gamma function carry arguments above this, where the asymptotic series hold."""


def in_double(function: Unary) -> Unary:
    """Compute in float64, and return the dtype that NumPy returns."""

    @wraps(function)
    def computed(x: Value) -> Value:
        return function(x.cast("float64")).cast(x.dtype if x.dtype.kind == "f" else "float64")

    return computed


def polyval(coefficients: Sequence[float], x: Value) -> Value:
    """Horner's scheme, the coefficient of the highest power first (numpy.polyval)."""
    result: Value = x * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        result = result * x + coefficient
    return result


_SMALL = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)  # fmt: skip
_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1, 2.98635138197400131e2,
     8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
"""Numerators and denominators, highest power first, of W. J. Cody, Rational Chebyshev approximations for the error function,
Math. Comp. 23 (1969), as in SPECFUN."""


@in_double
def erf(x: Value) -> Value:
    """The error function within 4e-16: Cody's rational approximations, for |x| below 0.46875 and above."""
    size = fn.minimum(fn.absolute(x), 6.0)  # beyond, erf is 1 in float64
    square = size * size
    near = x * (polyval(_SMALL[0], square) / polyval(_SMALL[1], square))
    far = 1.0 - fn.exp(-square) * (polyval(_MIDDLE[0], size) / polyval(_MIDDLE[1], size))
    return fn.where(size <= 0.46875, near, fn.sign(x) * far)


@in_double
def erfc(x: Value) -> Value:
    """1 - erf(x), without cancellation for large x: exp(-x ** 2) erfcx(x), the latter a Chebyshev series in (x - c) / (x + c)."""
    large = fn.clip(x, 0.5, 40.0)  # erfc(40) is zero
    t = (large - _ERFCX_CENTRE) / (large + _ERFCX_CENTRE)
    first, second = t * 0.0, t * 0.0
    for coefficient in reversed(_ERFCX[1:]):  # Clenshaw's recurrence
        first, second = 2.0 * t * first - second + coefficient, first
    scaled = t * first - second + _ERFCX[0]
    return fn.where(x > 0.5, fn.exp(-(large * large)) * scaled, 1.0 - erf(x))


@in_double
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


@in_double
def ndtri(p: Value) -> Value:
    """The quantiles of the normal distribution."""
    return _normal_quantile(p - 0.5, fn.minimum(p, 1.0 - p))


@in_double
def erfinv(x: Value) -> Value:
    """The inverse of the error function: the normal quantile of (1 + x) / 2, over the root of 2."""
    return _normal_quantile(0.5 * x, 0.5 - 0.5 * fn.absolute(x)) / math.sqrt(2.0)


def _normal_quantile(offset: Value, tail: Value) -> Value:
    """The quantile of 1/2 + offset; `tail` is 1/2 - |offset| (algorithm AS 241, PPND16: Wichura, Applied Statistics 37, 1988)."""
    central = offset * _quotient(_CENTRAL, 0.180625 - offset * offset)
    root = fn.sqrt(-fn.log(fn.where(tail > 0.0, tail, 0.5)))
    distant = fn.where(root > 5.0, _quotient(_FAR_TAIL, root - 5.0), _quotient(_TAIL, root - 1.6))
    outer = fn.sign(offset) * fn.where(tail > 0.0, distant, fn.where(fn.equal(tail, 0.0), np.inf, np.nan))
    return fn.where(fn.absolute(offset) <= 0.425, central, outer)


def _quotient(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Value) -> Value:
    return polyval(coefficients[0], x) / polyval(coefficients[1], x)


@in_double
def gammaln(x: Value) -> Value:
    """Log |gamma(x)|: Stirling's series above 8, the recurrence below, reflection below 1/2 (DLMF 5.11.1, 5.5.3)."""
    below, y = _reflected(x)
    product = y
    for step in range(1, _GAMMA_SHIFT):
        product = product * (y + step)
    large = y > 1e6  # where the product would overflow, and is not needed
    z = fn.where(large, y, y + _GAMMA_SHIFT)
    inverse = fn.reciprocal(z)
    series = inverse * polyval([-1 / 1680, 1 / 1260, -1 / 360, 1 / 12], inverse * inverse)
    stirling = (z - 0.5) * fn.log(z) - z + (series + math.log(2 * math.pi) / 2)
    found = stirling - fn.where(large, 0.0, fn.log(product))
    sine = fn.absolute(fn.sin(math.pi * (x - fn.floor(x))))
    return fn.where(below, math.log(math.pi) - fn.log(sine) - found, found)


@in_double
def digamma(x: Value) -> Value:
    """The derivative of log gamma: its asymptotic series above 8, the recurrence below, reflection (DLMF 5.11.2, 5.5.4)."""
    below, y = _reflected(x)
    total = fn.reciprocal(y)
    for step in range(1, _GAMMA_SHIFT):
        total = total + fn.reciprocal(y + step)
    z = y + _GAMMA_SHIFT
    inverse = fn.reciprocal(z)
    square = inverse * inverse
    series = square * polyval([-1 / 240, 1 / 252, -1 / 120, 1 / 12], square)
    found = fn.log(z) - 0.5 * inverse - series - total
    angle = math.pi * (x - fn.floor(x))
    return fn.where(below, found - math.pi * (fn.cos(angle) / fn.sin(angle)), found)


def _reflected(x: Value) -> tuple[Value, Value]:
    """Return whether x is below 1/2, and 1 - x there, else x."""
    below = x < 0.5
    return below, fn.where(below, 1.0 - x, x)
