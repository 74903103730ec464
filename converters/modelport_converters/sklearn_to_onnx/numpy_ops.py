"""Counterparts in ONNX of the functions of NumPy and SciPy that a FunctionTransformer may hold."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special as scipy_special

from modelport_converters.onnx_builder import elementary, special
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Operand, Value

Function = Callable[..., Value]


def counterpart(function: Any, keywords: Mapping[str, Any] | None = None) -> Function | None:
    """Return what does to a Value what the function does to an array; None where ONNX has nothing like it.

    Arguments:
        function: of NumPy, SciPy or operator, or a functools.partial of one.
        keywords: what it is called with beside the array.
    """
    given = dict(keywords or {})
    leading: tuple[Any, ...] = ()
    while isinstance(function, functools.partial):
        leading, given = (*function.args, *leading), {**function.keywords, **given}
        function = function.func
    try:
        found = _BINARY.get(function) if leading else _UNARY.get(function)
    except TypeError:  # no function that could be looked up
        return None
    if found is None or len(leading) > 1 or not _takes(found, given):
        return None
    return functools.partial(_applied, found, leading, given)


def names() -> list[str]:
    """Return the functions known, by name."""
    return sorted({one.__name__ for one in _UNARY})


def _applied(function: Function, leading: tuple[Any, ...], keywords: dict[str, Any], x: Value) -> Value:
    return function(*leading, x, **keywords)


def _takes(function: Function, keywords: Mapping[str, Any]) -> bool:
    accepted = getattr(function, "__kwdefaults__", None) or {}
    return all(name in accepted for name in keywords)


def _identity(x: Value) -> Value:
    return x


def _sign(x: Value) -> Value:
    return fn.where(fn.isnan(x), x, fn.sign(x)) if x.dtype.kind == "f" else fn.sign(x)


def _whole(function: Callable[[Value], Value]) -> Function:
    """Rounding leaves whole numbers as they are."""

    def rounded(x: Value) -> Value:
        return function(x) if x.dtype.kind == "f" else x

    return rounded


def _trunc(x: Value) -> Value:
    return fn.where(x < 0.0, fn.ceil(x), fn.floor(x))


def _round(x: Value, *, decimals: int = 0) -> Value:
    """Round the multiple by a power of ten, as NumPy does; rint where there are no decimals."""
    if x.dtype.kind != "f":
        return x
    if decimals == 0:
        return fn.rint(x)
    power = 10.0 ** abs(decimals)
    return fn.rint(x * power) / power if decimals > 0 else fn.rint(x / power) * power


def _clip(
    x: Value,
    *,
    a_min: Operand | None = None,
    a_max: Operand | None = None,
    min: Operand | None = None,  # noqa: A002 - NumPy's name
    max: Operand | None = None,  # noqa: A002 - NumPy's name
) -> Value:
    low, high = a_min if min is None else min, a_max if max is None else max
    return fn.where(fn.isnan(x), x, fn.clip(x, low, high)) if x.dtype.kind == "f" else fn.clip(x, low, high)


def _nan_to_num(
    x: Value, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None, copy: bool = True
) -> Value:
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    number = fn.where(fn.isnan(x), nan, x)
    number = fn.where(fn.equal(number, np.inf), limits.max if posinf is None else posinf, number)
    return fn.where(fn.equal(number, -np.inf), limits.min if neginf is None else neginf, number)


def _softmax(x: Value, *, axis: int = -1) -> Value:
    return fn.softmax(x, axis)


def _log_softmax(x: Value, *, axis: int = -1) -> Value:
    return x - fn.logsumexp(fn.floating(x), axis, keepdims=True)


def _log_expit(x: Value) -> Value:
    x = fn.floating(x)
    return fn.minimum(x, 0.0) - fn.log1p(fn.exp(-fn.absolute(x)))


def _entropy(x: Value) -> Value:
    """-x log(x), 0 at 0 and -inf below it (scipy.special.entr)."""
    x = fn.floating(x)
    positive = x > 0.0
    inner = -x * fn.log(fn.where(positive, x, 1.0))
    return fn.where(positive | fn.isnan(x), inner, fn.where(x < 0.0, -np.inf, x * 0.0))


def _power(base: Operand, exponent: Value) -> Value:
    return exponent.graph.op("Pow", *exponent.graph.promoted(base, exponent))


def _power_of(base: float) -> Function:
    def raised(x: Value) -> Value:
        return _power(base, fn.floating(x))

    return raised


def _reduced(function: Callable[..., Value]) -> Function:
    """A reduction over the columns; one over the rows would be none of a row."""

    def over_columns(x: Value, *, axis: int = 1, keepdims: bool = False) -> Value:
        if axis not in (1, -1):
            raise ValueError("a reduction over axis 0 mixes the rows")
        return function(x, axis, keepdims=keepdims)

    return over_columns


def _cbrt(x: Value) -> Value:
    x = fn.floating(x)
    return fn.sign(x) * fn.absolute(x) ** (1.0 / 3.0)


_SHARED: dict[str, Function] = {
    "exp2": _power_of(2.0),
    "expm1": lambda x: fn.expm1(fn.floating(x)),
    "log1p": lambda x: fn.log1p(fn.floating(x)),
    "cbrt": _cbrt,
}
"""What NumPy and scipy.special both have under the same name."""

_UNARY: dict[Any, Function] = {
    **{getattr(np, name): made for name, made in _SHARED.items()},
    **{getattr(scipy_special, name): made for name, made in _SHARED.items()},
    np.abs: fn.absolute,
    np.fabs: lambda x: fn.absolute(fn.floating(x)),
    np.sign: _sign,
    np.negative: operator.neg,
    np.positive: _identity,
    np.square: lambda x: x * x,
    np.sqrt: fn.sqrt,
    np.reciprocal: lambda x: 1.0 / x,
    np.exp: fn.exp,
    np.log: fn.log,
    np.log2: lambda x: fn.log(x) / math.log(2.0),
    np.log10: lambda x: fn.log(x) / math.log(10.0),
    np.sin: fn.sin,
    np.cos: fn.cos,
    np.tan: elementary.tan,
    np.arcsin: elementary.arcsin,
    np.arccos: elementary.arccos,
    np.arctan: elementary.arctan,
    np.sinh: elementary.sinh,
    np.cosh: elementary.cosh,
    np.tanh: fn.tanh,
    np.arcsinh: elementary.arcsinh,
    np.arccosh: elementary.arccosh,
    np.arctanh: elementary.arctanh,
    np.deg2rad: lambda x: x * (math.pi / 180.0),
    np.radians: lambda x: x * (math.pi / 180.0),
    np.rad2deg: lambda x: x * (180.0 / math.pi),
    np.degrees: lambda x: x * (180.0 / math.pi),
    np.floor: _whole(fn.floor),
    np.ceil: _whole(fn.ceil),
    np.trunc: _whole(_trunc),
    np.fix: _whole(_trunc),
    np.rint: lambda x: fn.rint(fn.floating(x)),
    np.round: _round,
    np.around: _round,
    np.clip: _clip,
    np.nan_to_num: _nan_to_num,
    np.isnan: fn.isnan,
    np.isinf: lambda x: fn.equal(fn.absolute(fn.floating(x)), np.inf),
    np.isfinite: lambda x: fn.absolute(fn.floating(x)) < np.inf,
    np.logical_not: lambda x: ~x if x.dtype.kind == "b" else fn.equal(x, 0),
    np.asarray: _identity,
    np.array: _identity,
    np.copy: _identity,
    np.sum: _reduced(fn.sum),
    np.mean: _reduced(fn.mean),
    np.max: _reduced(fn.max),
    np.min: _reduced(fn.min),
    np.prod: _reduced(fn.prod),
    operator.neg: operator.neg,
    operator.pos: _identity,
    operator.abs: fn.absolute,
    abs: fn.absolute,
    scipy_special.expit: fn.expit,
    scipy_special.log_expit: _log_expit,
    scipy_special.logit: lambda x: fn.log(x / (1.0 - x)),
    scipy_special.exp10: _power_of(10.0),
    scipy_special.erf: special.erf,
    scipy_special.erfc: special.erfc,
    scipy_special.erfinv: special.erfinv,
    scipy_special.ndtr: special.ndtr,
    scipy_special.ndtri: special.ndtri,
    scipy_special.entr: _entropy,
    scipy_special.softmax: _softmax,
    scipy_special.log_softmax: _log_softmax,
}

_BINARY: dict[Any, Function] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
    np.power: _power,
    np.maximum: lambda bound, x: _clip(x, min=bound),
    np.minimum: lambda bound, x: _clip(x, max=bound),
    operator.add: operator.add,
    operator.sub: operator.sub,
    operator.mul: operator.mul,
    operator.truediv: operator.truediv,
}
"""The first operand is bound by a functools.partial."""
