"""A second look at cases that differ: at rounding, at choices among equals, at other evaluations of the same graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.proof.cases.case import Arrays, Case
from modelport.proof.compare import (
    NOISE,
    ROUNDINGS,
    STRICT,
    Allowance,
    Spread,
    compare,
    compare_outputs,
    dtype_of,
    is_float,
    scale_of,
)
from modelport.proof.double_graph import last_digit_moved
from modelport.proof.observe import Runner, Values, brief
from modelport.proof.tolerance import Tolerance, epsilon
from modelport.report import Figures

_UNITS = 2
"""Machine epsilons of 1 by which kernels of functions between 0 and 1 may be off, however small the result (Sigmoid)."""


@dataclass(frozen=True)
class Recourse:
    """What decides where a candidate differs from its reference.

    Attributes:
        in_double: the reference computed in float64, whose distance from its usual answer is its rounding error.
        tied: for an output of indices or labels, where the candidate's choice is among equals: arguments are the case's inputs,
            the output's name, the reference's values and the candidate's.
        again: the reference as it was run before; on inputs moved by their last digit it tells how far rounding is amplified.
        candidate_in_double: the candidate computed in float64, where it is a framework's own model and no conversion.
        exact: the candidate's graph computed in float64.
        nearby: the same with every weight moved by its last digit, several times: how far that moves an output of extreme inputs,
            no float32 can tell, as where two products cancel.
        others: other evaluations of the candidate's graph, each with a title; they decide on extreme cases, where a runtime's
            kernels and fusions may depart from ONNX's definition.
        references: the same for a reference that is a graph.
    """

    in_double: Runner | None = None
    tied: Callable[[Mapping[str, NDArray[Any]], str, Any, Any], NDArray[Any] | None] | None = None
    again: Runner | None = None
    candidate_in_double: Runner | None = None
    exact: Runner | None = None
    nearby: Callable[[Arrays], Sequence[Values]] | None = None
    others: Sequence[tuple[str, Runner]] = ()
    references: Sequence[tuple[str, Runner]] = ()


class SecondLook:
    """Decides on the cases of one proof whose outputs differ.

    Args:
        reference, candidate: descriptions of the two engines.
        tolerance: for floating-point outputs.
        recourse: what can be asked.

    Attributes:
        notes: what decided.
    """

    def __init__(self, reference: str, candidate: str, tolerance: Tolerance, recourse: Recourse) -> None:
        self.reference, self.candidate = reference, candidate
        self.tolerance, self.recourse = tolerance, recourse
        self.notes: list[str] = []

    def at_error(self, case: Case, expected: Values, error: Exception) -> list[Figures]:
        """Judge an exception: a failure, except of a batch without rows, where an error misleads nobody."""
        if case.empty:
            self._note(f"{self.candidate} does not run {case.label}: {brief(error)}")
            return [Figures(name, 0) for name in expected]
        reason = f"it cannot run what the reference can: {type(error).__name__}: {brief(error)}"
        decided = self._by_others(case, expected, dict.fromkeys(expected, STRICT)) if case.extreme else None
        return decided or [Figures(name, 0, reason=reason) for name in expected]

    def at_difference(
        self,
        case: Case,
        expected: Values,
        got: Values,
        spreads: Mapping[str, Spread],
        figures: Sequence[Figures],
    ) -> list[Figures]:
        """Look again at a case that differs.

        Args:
            case: its inputs.
            expected, got: the outputs of both engines, by name.
            spreads: how much the outputs usually vary, where the case is of usual values.
            figures: of each output, as compared without anything known.
        """
        failing = [
            each.output for each in figures if not each.passed and each.output in got and each.output in expected
        ]
        allowances = {name: Allowance(None if case.extreme else spreads.get(name)) for name in expected}
        allowances |= self._known(case, expected, got, failing, allowances, spreads)
        again = compare_outputs(expected, got, self.tolerance, allowances)
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
        spreads: Mapping[str, Spread],
    ) -> dict[str, Allowance]:
        """Measure what is not known of the outputs that differ."""
        known = {}
        double = _attempt(self.recourse.in_double, case.inputs)
        for name in failing:
            value, other = np.asarray(expected[name]), np.asarray(got[name])
            if isinstance(expected[name], list | dict) or value.shape != other.shape:
                continue
            found = np.asarray(double.get(name))
            wide = found if found.shape == value.shape and found.dtype != object else None
            if is_float(value):
                errors = self._rounding_errors(case, name, value, other, wide, allowances[name], spreads.get(name))
                known[name] = self._rounding(name, value, other, allowances[name], errors)
            else:
                known[name] = self._choices(case, name, value, other, wide, allowances[name])
        return known

    @np.errstate(over="ignore")
    def _rounding(
        self,
        name: str,
        value: NDArray[Any],
        other: NDArray[Any],
        allowance: Allowance,
        errors: Iterator[NDArray[Any]],
    ) -> Allowance:
        """Return what rounding allows, as far as it has to be measured for the two to agree."""
        noise = np.zeros(value.shape)
        for noise in errors:
            if compare(name, value, other, self.tolerance, replace(allowance, noise=noise)).passed:
                break
        return replace(allowance, noise=noise)

    def _rounding_errors(
        self,
        case: Case,
        name: str,
        value: NDArray[Any],
        other: NDArray[Any],
        double: NDArray[Any] | None,
        allowance: Allowance,
        spread: Spread | None,
    ) -> Iterator[NDArray[Any]]:
        """Yield the largest rounding error known so far, what costs most to measure last.

        First the reference's own error, then the candidate's where it is no conversion, then how far extreme inputs amplify
        their last digit; for a graph that is right in float64, what the runtime may round otherwise, then what no float32
        can tell.
        """
        noise = np.zeros(value.shape)
        if double is not None:
            noise = _distance(value, double)
            self._note(f"rounding error of {self.reference} in {name}: up to {float(np.max(noise, initial=0.0)):.2g}")
            yield noise
        for error in (self._own_error(case, name, other), self._amplified(case, name, value, spread)):
            if error is not None:
                noise = np.maximum(noise, error)
                yield noise
        exact = np.asarray(_attempt(self.recourse.exact, case.inputs).get(name))
        if exact.shape != value.shape or exact.dtype.kind != "f":
            return
        with np.errstate(over="ignore"):
            rounded = exact.astype(value.dtype)
        if compare(name, value, rounded, self.tolerance, replace(allowance, noise=noise)).passed:
            self._note(f"{name} is right in float64; {self.candidate} may round it otherwise")
            unit = epsilon(dtype_of(value)) / NOISE
            noise = np.maximum(noise, np.maximum(ROUNDINGS * unit * scale_of(value), _UNITS * unit))
            yield noise
            if value.dtype != np.float64:  # a weight of float32 behind an output of float64 may itself be the fault
                yield np.maximum(noise, self._cancelled(case, name, exact))

    def _cancelled(self, case: Case, name: str, exact: NDArray[Any]) -> NDArray[Any]:
        """Return how far an output of extreme inputs moves in float64 with the last digit of the graph's weights."""
        error = np.zeros(exact.shape)
        if not case.extreme or self.recourse.nearby is None:
            return error
        try:
            answers = self.recourse.nearby(case.inputs)
        except Exception:  # nothing is known then, and nothing is allowed for it
            return error
        for values in answers:
            moved = np.asarray(values.get(name))
            if moved.shape == exact.shape and moved.dtype.kind == "f":
                error = np.maximum(error, _distance(exact, moved))
        return error

    def _own_error(self, case: Case, name: str, other: NDArray[Any]) -> NDArray[Any] | None:
        """Return the rounding error of a candidate that is no conversion."""
        found = np.asarray(_attempt(self.recourse.candidate_in_double, case.inputs).get(name))
        return _distance(other, found) if found.shape == other.shape and found.dtype != object else None

    def _amplified(self, case: Case, name: str, value: NDArray[Any], spread: Spread | None) -> NDArray[Any] | None:
        """Return how far an output moves when extreme inputs move by their last digit, as far as it is no step.

        Constant rows in a normalization, differences of large sums: what the last digit decides there is nobody's answer.
        """
        if not case.extreme or spread is None:
            return None
        moved = np.asarray(_attempt(self.recourse.again, self._moved(case)).get(name))
        if moved.shape != value.shape or moved.dtype == object:
            return None
        error = _distance(value, moved)
        largest = max(spread.magnitude, float(np.max(scale_of(value), initial=0.0)))
        return np.where(error <= self.tolerance.rtol * largest, error, 0.0)

    def _moved(self, case: Case) -> dict[str, NDArray[Any]]:
        rng = np.random.default_rng(31)
        return {
            name: last_digit_moved(array, rng) if array.dtype.kind == "f" else array
            for name, array in case.inputs.items()
        }

    def _choices(
        self,
        case: Case,
        name: str,
        value: NDArray[Any],
        other: NDArray[Any],
        double: NDArray[Any] | None,
        allowance: Allowance,
    ) -> Allowance:
        """Return where the reference might have chosen otherwise: among equal scores, or by its own rounding."""
        floats = any(is_float(array) for array in case.inputs.values())
        tied = np.asarray(double != value) if double is not None and floats else np.zeros(value.shape, bool)
        if self.recourse.tied:
            try:
                found = self.recourse.tied(case.inputs, name, value, other)
            except Exception:  # what it chooses from cannot be computed: nothing is known, nothing allowed
                found = None
            tied = tied if found is None else tied | found
        if tied.any():
            self._note(f"{name}: choices among equal values ({case.label})")
        return replace(allowance, tied=tied)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _by_others(self, case: Case, expected: Values, allowances: Mapping[str, Allowance]) -> list[Figures] | None:
        """Return the figures of another evaluation of the candidate's graph that agrees with the reference, if there is one."""
        for title, other in self.recourse.others:
            figures = self._agreeing(expected, partial(other, case.inputs), allowances)
            if figures:
                self._note(f"{case.label}: {self.candidate} departs from ONNX's definition, {title} does not")
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
                self._note(f"{case.label}: {self.reference} departs from ONNX's definition, {title} does not")
                return figures
        return None

    def _agreeing(
        self, expected: Values, answer: Callable[[], Values], allowances: Mapping[str, Allowance]
    ) -> list[Figures] | None:
        try:
            figures = compare_outputs(expected, answer(), self.tolerance, allowances)
        except Exception:
            return None
        return figures if all(each.passed for each in figures) else None


def _attempt(run: Runner | None, inputs: Mapping[str, NDArray[Any]]) -> Values:
    """Run what may not be able to; nothing is known then, and nothing is allowed for it."""
    try:
        return run(inputs) if run else {}
    except Exception:
        return {}


@np.errstate(invalid="ignore", over="ignore")
def _distance(value: NDArray[Any], double: Any) -> NDArray[Any]:
    distance = np.abs(value.astype(np.float64) - np.asarray(double).astype(np.float64))
    return np.where(np.isfinite(distance), distance, 0.0)
