"""FunctionTransformer with every function that has a counterpart, where the function is defined."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import scipy.special
from sklearn import preprocessing
from sklearn_case import Case
from sklearn_numbers import case, numbers, with_missing


def _within(rows: Any) -> Any:
    """The rows in (-1, 1), where every inverse function is defined."""
    return (rows - rows.min(axis=0)) / np.ptp(rows, axis=0) * 1.8 - 0.9


_POSITIVE = (
    np.log, np.log2, np.log10, np.log1p, np.sqrt, np.reciprocal, np.exp, np.expm1, np.exp2, np.cbrt, np.square, np.rint,
    np.floor, np.ceil, np.trunc, np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh, np.arctan, np.arcsinh, np.arccosh,
    np.radians, np.degrees, np.sign, np.abs, np.negative, np.isnan, np.isfinite, scipy.special.expit, scipy.special.log_expit,
    scipy.special.erf, scipy.special.erfc, scipy.special.ndtr, scipy.special.entr, scipy.special.exp10,
    scipy.special.softmax, np.nan_to_num,
)  # fmt: skip
FUNCTIONS = [
    *(
        Case(
            f"FunctionTransformer[{name.__name__}]",
            functools.partial(preprocessing.FunctionTransformer, name),
            numbers(),
        )
        for name in _POSITIVE
        if name is not np.arccosh and name is not scipy.special.softmax
    ),
    *(
        Case(
            f"FunctionTransformer[{name.__name__},within]",
            functools.partial(preprocessing.FunctionTransformer, name),
            data,
        )
        for name in (np.arcsin, np.arccos, np.arctanh, np.abs, np.sign, np.expm1, np.cbrt, scipy.special.erfinv)
        for data in [numbers(_within)]
    ),
    *(
        case(preprocessing.FunctionTransformer, "", numbers(lambda rows: rows + 1), func=name, kw_args=given)
        for name, given in (
            (np.round, {"decimals": 1}),
            (np.clip, {"a_min": 2.5, "a_max": 5.0}),
            (np.clip, {"min": 2.5, "max": None}),
            (np.arccosh, {}),
            (scipy.special.softmax, {"axis": 1}),
            (scipy.special.log_softmax, {"axis": -1}),
            (np.sum, {"axis": 1, "keepdims": True}),
            (np.mean, {"axis": -1, "keepdims": True}),
        )
    ),
    *(
        Case(f"FunctionTransformer[{note}]", functools.partial(preprocessing.FunctionTransformer, function), numbers())
        for note, function in (
            ("partial power", functools.partial(np.power, 2.0)),
            ("partial maximum", functools.partial(np.maximum, 3.0)),
            ("partial subtract", functools.partial(np.subtract, 10.0)),
            ("partial round", functools.partial(np.round, decimals=2)),
        )
    ),
    case(preprocessing.FunctionTransformer, "missing", numbers(with_missing), func=np.nan_to_num),
]
