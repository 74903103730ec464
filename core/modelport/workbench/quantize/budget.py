"""The proof of a quantised model: it may differ, but only as far as a budget admits.

Shapes, dtypes, and the places of NaN and infinities must hold exactly. Floats are judged by their relative error over all cases,
decisions (labels, the best class of each row) by how many of them change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from modelport.errors import NotEquivalent
from modelport.proof.compare import compare, over_all
from modelport.proof.observe import Observations, Runner
from modelport.proof.tolerance import Tolerance
from modelport.report import CaseResult, Figures
from modelport.workbench.quantize.records import Budget, OutputError

TOP_K = 5
_ANY = Tolerance(rtol=0.0, atol=math.inf)
_NARROW = {"float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16)}


@dataclass(frozen=True)
class Yardstick:
    """What the candidate is measured with.

    Attributes:
        seen: the float model's answers.
        rows: how many of the user's samples were run, in order, before any other case; 0 for generated inputs.
        labels: the true labels of those samples, where they are known.
        narrow: the dtype of the candidate's float inputs and outputs where it is not float32.
        judge_drop: whether changed decisions count although no samples were given.
    """

    seen: Observations
    rows: int = 0
    labels: NDArray[Any] | None = None
    narrow: str | None = None
    judge_drop: bool = False


def measure(yardstick: Yardstick, run: Runner) -> list[OutputError]:
    """Run the candidate over every case that the float model answered, and compare each output.

    Returns:
        One record for each output, in the reference's order. A case that the candidate cannot run is the `reason` of all.
    """
    gathered: dict[str, _Gathered] = {}
    row = 0
    for case, expected in yardstick.seen.admitted:
        batch = _rows(case.inputs)
        decides = not yardstick.rows or row + batch <= yardstick.rows
        labels = yardstick.labels[row : row + batch] if yardstick.labels is not None and decides else None
        row += batch
        try:
            got = _widened(run(carried(case.inputs, yardstick.narrow)), yardstick.narrow)
        except Exception as error:
            text = " ".join(str(error).split())[:300]
            reason = f"{case.label}: it cannot run what the reference can: {type(error).__name__}: {text}"
            got = {}
        else:
            reason = "the output is missing"
        for name, value in expected.items():
            output = gathered.setdefault(name, _Gathered(name))
            if name in got:
                output.add(value, got[name], labels, decides)
            else:
                output.figures.append(Figures(name, 0, reason=reason))
    judged = bool(yardstick.rows) or yardstick.judge_drop
    return [output.summary(judged) for output in gathered.values()]


def exceeded(errors: Sequence[OutputError], budget: Budget) -> list[str]:
    """Return one line for everything that is not within the budget."""
    lines = []
    for output in errors:
        name = output.figures.output
        if output.figures.reason:
            lines.append(f"{name}: {output.figures.reason}")
        if output.error is not None and not output.error <= budget.max_error:
            lines.append(
                f"{name}: the relative error is {output.error:.3g}, the budget {budget.max_error:g} (--max-error)"
            )
        if output.judged and output.drop is not None and output.drop > budget.max_drop:
            what = "accuracy fell by" if output.accuracy_after is not None else "decisions changed:"
            lines.append(f"{name}: {what} {output.drop:.2f} points, the budget is {budget.max_drop:g} (--max-drop)")
    return lines


def require(errors: Sequence[OutputError], budget: Budget, *, where: str, auto: bool) -> None:
    """Raise NotEquivalent unless everything is within the budget."""
    lines = exceeded(errors, budget)
    if lines:
        advice = "no set of nodes left in float holds it" if auto else "--auto leaves the nodes that hurt most in float"
        raise NotEquivalent(
            "the quantised model exceeds its budget:\n    " + "\n    ".join(lines[:12]),
            where=where,
            remedy=f"nothing was delivered. {advice}; --exclude and --exclude-node spare some; another --mode loses less; "
            "--max-error and --max-drop set the budget, if yours is another (--max-drop 100 where no output is a classification)",
        )


def worst(errors: Sequence[OutputError]) -> float:
    """Return the largest error of any output, of labels the part that changed; infinite where an output is wrong."""
    found = [0.0]
    for output in errors:
        broken = bool(output.figures.reason) or (output.error is not None and math.isnan(output.error))
        found.append(math.inf if broken else output.error if output.error is not None else (output.drop or 0.0) / 100)
    return max(found)


@dataclass
class _Gathered:
    """The figures of one output, case by case."""

    name: str
    figures: list[Figures] = field(default_factory=list)
    squares: float = 0.0
    reference_squares: float = 0.0
    floats: bool = False
    rows: int = 0
    changed: int = 0
    overlap: float = 0.0
    top_k: int = 0
    labelled: int = 0
    right: tuple[int, int] = (0, 0)

    def add(self, expected: Any, got: Any, labels: NDArray[Any] | None, decides: bool) -> None:
        """Compare one case."""
        found = compare(self.name, expected, got, _ANY)
        numeric = not isinstance(expected, list | dict)
        same = numeric and np.shape(expected) == np.shape(got) and np.asarray(expected).dtype == np.asarray(got).dtype
        if found.max_abs is None and found.flips and same:  # changed decisions are judged by the budget, not one by one
            found = Figures(self.name, found.elements, flips=found.flips)
        self.figures.append(found)
        if not same:
            return
        want, have = np.asarray(expected), np.asarray(got)
        if found.max_abs is not None and want.dtype.kind not in "c":
            self._add_floats(want.astype(np.float64), have.astype(np.float64))
        if decides and want.size:
            self._add_decisions(want, have, labels, floats=found.max_abs is not None)

    def summary(self, judged: bool) -> OutputError:
        """Return what all cases have in common."""
        figures = over_all([CaseResult("", {}, self.figures)])[0]
        error = None
        if self.floats:
            error = math.sqrt(self.squares / self.reference_squares) if self.reference_squares else math.inf
            error = 0.0 if self.squares == 0 else error
        before, after = ((100 * right / self.labelled if self.labelled else None) for right in self.right)
        drop = 100 * self.changed / self.rows if self.rows else None
        if before is not None and after is not None:
            drop = before - after
        return OutputError(
            figures, error, self.rows, drop, judged and drop is not None, self.top_k,
            self.overlap / self.rows if self.rows and self.top_k else None, before, after,
        )  # fmt: skip

    def _add_floats(self, want: NDArray[Any], have: NDArray[Any]) -> None:
        finite = np.isfinite(want) & np.isfinite(have)
        self.floats = True
        self.squares += float(np.square(want[finite] - have[finite]).sum())
        self.reference_squares += float(np.square(want[finite]).sum())

    def _add_decisions(
        self, want: NDArray[Any], have: NDArray[Any], labels: NDArray[Any] | None, *, floats: bool
    ) -> None:
        if floats and (want.ndim != 2 or want.shape[1] < 2):
            return  # not one row of class scores for each sample
        best, chosen = (side.astype(np.float32).argmax(axis=1) if floats else side.reshape(-1) for side in (want, have))
        self.rows += len(best)
        self.changed += int(np.count_nonzero(best != chosen))
        if floats:
            self.top_k = min(TOP_K, want.shape[1] - 1)
            ranks = [
                np.argsort(-side.astype(np.float32), axis=1, kind="stable")[:, : self.top_k] for side in (want, have)
            ]
            self.overlap += float(sum(len(np.intersect1d(*pair)) for pair in zip(*ranks, strict=True)) / self.top_k)
        if labels is not None and len(labels) == len(best):
            self.labelled += len(labels)
            self.right = (
                self.right[0] + int(np.count_nonzero(best == labels)),
                self.right[1] + int(np.count_nonzero(chosen == labels)),
            )


def _rows(inputs: Mapping[str, NDArray[Any]]) -> int:
    return max((len(array) for array in inputs.values() if array.ndim), default=1)


@np.errstate(over="ignore")  # what the narrow type cannot hold becomes infinite there, and shows in the outputs
def carried(values: Mapping[str, Any], narrow: str | None) -> dict[str, Any]:
    """Return the inputs with float32 in the candidate's narrow type, where it has one at its borders."""
    return _cast(values, np.dtype(np.float32), _NARROW[narrow]) if narrow else dict(values)


def _widened(values: Mapping[str, Any], narrow: str | None) -> dict[str, Any]:
    """Return the outputs in float32 where they are narrow: the float model's must not be rounded to fit them."""
    return _cast(values, _NARROW[narrow], np.dtype(np.float32)) if narrow else dict(values)


def _cast(values: Mapping[str, Any], dtype: np.dtype[Any], to: np.dtype[Any]) -> dict[str, Any]:
    is_such = {name: isinstance(value, np.ndarray) and value.dtype == dtype for name, value in values.items()}
    return {name: value.astype(to) if is_such[name] else value for name, value in values.items()}
