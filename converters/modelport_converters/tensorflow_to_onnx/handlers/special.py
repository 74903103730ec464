"""Special functions, in float64, so that float32 keeps its digits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form

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


@form("Lgamma")
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


@form("Digamma")
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


@form("Ndtri")
def ndtri(write: Form, name: str) -> str:
    """The quantile of the normal distribution."""
    x = write.wide(name)
    return write.cast(_quantile(write, write("Sub", x, write.number(0.5, x))), write.dtype)


@form("Erfinv")
def erfinv(write: Form, name: str) -> str:
    """The inverse of the error function: the normal quantile of (x + 1) / 2, over the root of 2."""
    x = write.wide(name)
    found = _quantile(write, write("Mul", x, write.number(0.5, x)))
    return write.cast(write("Mul", found, write.number(math.sqrt(0.5), x)), write.dtype)
