"""Judging one case: every output compared, and a second look where a difference is in doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.errors import BrokenHook
from modelport.proof.compare import STRICT, Allowance, compare, is_float
from modelport.proof.spread import spread_of
from modelport.proof.tolerance import Tolerance
from modelport.report import CaseResult, Figures
from modelport.samples import Case

Values = Mapping[str, Any]
Runner = Callable[[Mapping[str, NDArray[Any]]], Values]


@dataclass
class Observations:
    """What the reference answered, case by case.

    Attributes:
        reference: a description of what was run.
        answers: each admitted case with the reference's outputs.
        refused: the cases that the reference does not admit, each with its reason.
        missing: why the minimum of a proof was not reached; empty when it was.
        notes: what the plan has to say about its inputs.
        unsteady: for each output that changed when the reference was asked again, how.
        repeats: how often it was asked again.
    """

    reference: str
    answers: list[tuple[Case, Values]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unsteady: dict[str, str] = field(default_factory=dict)
    repeats: int = 0


@dataclass(frozen=True)
class Recourse:
    """What decides where a candidate differs from its reference.

    Attributes:
        in_double: the reference computed in float64, whose distance from its usual answer is its rounding error.
        tied: for an output of indices or labels, where the candidate's choice is among equals: arguments are the case's inputs,
            the output's name, the reference's values and the candidate's.
        others: other evaluations of the candidate's graph, each with a title; they decide on extreme cases, where a runtime's
            kernels and fusions may depart from ONNX's definition.
        references: the same for a reference that is a graph.
    """

    in_double: Runner | None = None
    tied: Callable[[Mapping[str, NDArray[Any]], str, Any, Any], NDArray[Any] | None] | None = None
    others: Sequence[tuple[str, Runner]] = ()
    references: Sequence[tuple[str, Runner]] = ()


class CaseJudge:
    """One candidate against what was observed of its reference."""

    def __init__(
        self, seen: Observations, candidate: str, run: Runner, tolerance: Tolerance, recourse: Recourse
    ) -> None:
        self.seen, self.candidate, self.run = seen, candidate, run
        self.tolerance, self.recourse = tolerance, recourse
        self.spreads = spread_of([values for case, values in seen.answers if case.required])
        self.notes: list[str] = []

    def case(self, case: Case, expected: Values) -> CaseResult:
        """Run the candidate on one case and compare every output."""
        try:
            got = self.run(case.inputs)
        except BrokenHook:
            raise
        except Exception as error:
            return CaseResult(case.label, dict(case.sizes), self._cannot_run(case, expected, error))
        # extreme values say nothing about how much an output usually varies
        spreads = {} if case.extreme else self.spreads
        allowances = {name: Allowance(spreads.get(name)) for name in expected}
        figures = self._figures(expected, got, allowances)
        if not all(each.passed for each in figures):
            figures = self._in_doubt(case, expected, got, allowances, figures)
        return CaseResult(case.label, dict(case.sizes), figures)

    def _figures(self, expected: Values, got: Values, allowances: Mapping[str, Allowance]) -> list[Figures]:
        figures = [
            compare(name, value, got[name], self.tolerance, allowances.get(name, STRICT))
            if name in got
            else Figures(name, 0, reason="the output is missing")
            for name, value in expected.items()
        ]
        return figures + [
            Figures(name, 0, reason="the reference has no such output") for name in got if name not in expected
        ]

    def _cannot_run(self, case: Case, expected: Values, error: Exception) -> list[Figures]:
        """Judge an exception: a failure, except of a batch without rows, where an error misleads nobody."""
        if case.empty:
            self.notes.append(f"{self.candidate} does not run {case.label}: {brief(error)}")
            return [Figures(name, 0) for name in expected]
        reason = f"it cannot run what the reference can: {type(error).__name__}: {brief(error)}"
        decided = self._by_others(case, expected, dict.fromkeys(expected, STRICT)) if case.extreme else None
        return decided or [Figures(name, 0, reason=reason) for name in expected]

    def _in_doubt(
        self,
        case: Case,
        expected: Values,
        got: Values,
        allowances: Mapping[str, Allowance],
        figures: list[Figures],
    ) -> list[Figures]:
        """Look again at a case that differs: at the reference's rounding error, at ties, at other evaluations of the graph."""
        failing = [
            each.output for each in figures if not each.passed and each.output in got and each.output in expected
        ]
        allowances = {**allowances, **self._known(case, expected, got, failing, allowances)}
        again = self._figures(expected, got, allowances)
        if all(each.passed for each in again):
            return again
        decided = self._by_others(case, expected, allowances) if case.extreme else None
        decided = decided or (self._by_references(case, got, allowances) if case.extreme else None)
        return decided or again

    def _known(
        self,
        case: Case,
        expected: Values,
        got: Values,
        failing: Sequence[str],
        allowances: Mapping[str, Allowance],
    ) -> dict[str, Allowance]:
        """Measure what is not known of the outputs that differ."""
        known = {}
        double = self._double(case) if any(is_float(np.asarray(expected[name])) for name in failing) else {}
        for name in failing:
            value, other = expected[name], got[name]
            if isinstance(value, list | dict) or np.shape(value) != np.shape(other):
                continue
            value = np.asarray(value)
            if is_float(value) and name in double and np.shape(double[name]) == value.shape:
                noise = _distance(value, double[name])
                known[name] = replace(allowances[name], noise=noise)
                largest = float(np.max(noise, initial=0.0))
                self.notes.append(f"{name} ({case.label}): rounding error of {self.seen.reference} up to {largest:.2g}")
            elif not is_float(value) and self.recourse.tied:
                tied = self.recourse.tied(case.inputs, name, value, np.asarray(other))
                if tied is not None and tied.any():
                    known[name] = replace(allowances[name], tied=tied)
                    self.notes.append(f"{name} ({case.label}): {np.count_nonzero(tied)} choices among equal values")
        return known

    def _double(self, case: Case) -> Values:
        if self.recourse.in_double is None:
            return {}
        try:
            return self.recourse.in_double(case.inputs)
        except Exception:  # no float64 here: nothing is known of the rounding error, and nothing is allowed for it
            return {}

    def _by_others(self, case: Case, expected: Values, allowances: Mapping[str, Allowance]) -> list[Figures] | None:
        """Return the figures of another evaluation of the candidate's graph that agrees with the reference, if there is one."""
        for title, other in self.recourse.others:
            figures = self._agreeing(expected, partial(other, case.inputs), allowances)
            if figures:
                self.notes.append(f"{case.label}: {self.candidate} departs from ONNX's definition, {title} does not")
                return figures
        return None

    def _by_references(self, case: Case, got: Values, allowances: Mapping[str, Allowance]) -> list[Figures] | None:
        for title, other in self.recourse.references:
            try:
                expected = other(case.inputs)
            except Exception:
                continue
            figures = self._agreeing(expected, lambda: got, allowances)
            if figures:
                self.notes.append(
                    f"{case.label}: {self.seen.reference} departs from ONNX's definition, {title} does not"
                )
                return figures
        return None

    def _agreeing(
        self, expected: Values, answer: Callable[[], Values], allowances: Mapping[str, Allowance]
    ) -> list[Figures] | None:
        try:
            figures = self._figures(expected, answer(), allowances)
        except Exception:
            return None
        return figures if all(each.passed for each in figures) else None


@np.errstate(invalid="ignore", over="ignore")
def _distance(value: NDArray[Any], double: Any) -> NDArray[Any]:
    distance = np.abs(value.astype(np.float64) - np.asarray(double).astype(np.float64))
    return np.where(np.isfinite(distance), distance, 0.0)


def brief(error: Exception) -> str:
    """Return the message of an exception as one line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:300] + " …"
