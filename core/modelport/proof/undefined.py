"""What no definition holds to: rows that a source itself answers with NaN or infinities where its inputs hold some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.proof.cases.case import Case
from modelport.proof.compare import is_float

Values = Mapping[str, Any]


def defined_rows(case: Case, expected: Values, got: Values) -> tuple[Case, Values, Values]:
    """Return a case with NaN or infinities in it, and its outputs, without the rows that the reference does not answer finitely.

    Kernels of some operators (`value_ranges.UNDEFINED_FOR_NAN`) differ in what they make of NaN, and ONNX does not define it. A
    source that means to handle missing values answers them with numbers, and these are compared. Outputs whose first axis is
    not that of the inputs are left out as a whole where they hold what is not finite.
    """
    rows = {array.shape[0] for array in case.inputs.values() if array.ndim}
    if not case.finite_rows or len(rows) != 1:
        return case, expected, got
    (count,) = rows
    by_row = {name for name, value in expected.items() if _is_array(value) and np.shape(value)[:1] == (count,)}
    kept = np.ones(count, bool)
    for name in by_row:
        kept &= _finite(np.asarray(expected[name])).reshape(count, -1).all(axis=1)
    left = {name for name, value in expected.items() if name in by_row or (_is_array(value) and _finite(value).all())}
    sides = [
        {name: _rows(value, kept) if name in by_row else value for name, value in side.items() if name in left}
        for side in (expected, got)
    ]
    inputs = {name: _rows(array, kept) for name, array in case.inputs.items()}
    return replace(case, inputs=inputs), sides[0], sides[1]


def _is_array(value: Any) -> bool:
    return not isinstance(value, list | dict)


def _finite(value: Any) -> NDArray[Any]:
    array = np.asarray(value)
    return np.isfinite(array.astype(np.float64)) if is_float(array) else np.ones(array.shape, bool)


def _rows(value: Any, kept: NDArray[Any]) -> Any:
    return value[kept] if isinstance(value, np.ndarray) and value.shape[:1] == kept.shape else value
