"""Time to convert each estimator of scikit-learn beside bare skl2onnx. ``python benchmarks/sklearn_conversion.py``.

Ours is a whole conversion in memory without the proof, the checker stage included; skl2onnx's is `to_onnx` alone. Estimators that
bare skl2onnx does not convert have no ratio.
"""

from __future__ import annotations

import logging
import statistics
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import skl2onnx
from skl2onnx._supported_operators import sklearn_operator_name_map

import modelport
from measuring import finish, interleave, ratio, seconds

_KNOWN = frozenset(sklearn_operator_name_map)
"""What skl2onnx converts by itself: our formulas are registered with it by the imports that follow."""

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import sklearn_case  # noqa: E402 - after what skl2onnx knows was noted

_ROUNDS = 5


def main() -> None:
    """Measure each estimator in the configuration of the sweep; the command line may name some."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    names = sys.argv[1:]
    rows = [measured(case) for case in sklearn_case.defaults() if not names or case.name in names]
    found = [row for row in rows if row and row["ratio"]]
    rows = [row for row in rows if row]
    middle = statistics.median(row["ratio"] for row in found)
    rows.append({"estimator": f"median of {len(found)}", "modelport ms": "", "skl2onnx ms": "", "ratio": middle})
    finish("sklearn_conversion", rows)


def measured(case: sklearn_case.Case) -> dict[str, Any] | None:
    """Return the row of one estimator; None when it does not answer for new rows."""
    try:
        estimator, held_out = case.fitted()
    except Exception:  # the data do not suit it: it is measured in the sweep's own cases
        return None
    if not sklearn_case.answers(estimator) or not isinstance(held_out, np.ndarray) or held_out.ndim != 2:
        return None
    rows = held_out.astype(np.float32)

    def bare() -> None:
        if type(estimator) not in _KNOWN:
            raise NotImplementedError
        skl2onnx.to_onnx(estimator, rows[:1], target_opset=20)

    def ours() -> None:
        modelport.convert(estimator, from_="sklearn", to="onnx", samples={"X": rows}, verify=False)

    row: dict[str, Any] = {"estimator": case.name, "modelport ms": "", "skl2onnx ms": "", "ratio": ""}
    try:
        ours()
    except modelport.errors.ModelportError as error:
        return {**row, "modelport ms": type(error).__name__}
    try:
        bare()
    except Exception as error:  # whatever skl2onnx raises: it does not convert this one
        times = interleave({"ours": lambda: seconds(ours)}, _ROUNDS)
        return {**row, "modelport ms": statistics.median(times["ours"]) * 1e3, "skl2onnx ms": type(error).__name__}
    times = interleave({"ours": lambda: seconds(ours), "bare": lambda: seconds(bare)}, _ROUNDS)
    row |= {
        f"{title} ms": statistics.median(times[key]) * 1e3
        for key, title in (("ours", "modelport"), ("bare", "skl2onnx"))
    }
    row["ratio"] = ratio(times, "ours", "bare")
    return row


if __name__ == "__main__":
    main()
