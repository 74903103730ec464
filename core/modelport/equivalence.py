"""The equivalence stage: run both sides on the same inputs, compare every output, judge.

The reference runs first, on every case (`observe`), so that the source can be released before the candidate is loaded (`judge`).
Outputs are compared as they are, never up to a permutation or a reshape; all failures are gathered before anything is raised.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from modelport.errors import ModelportError, NotEquivalent, ProofIncomplete
from modelport.report import RATIO_EDGES, CaseResult, Figures, Proof, Verdict
from modelport.samples import Case, Plan

RTOL, ATOL = 1e-3, 1e-5
"""The tolerance that the field's tutorials use with `assert_allclose`."""

Values = Mapping[str, Any]
Runner = Callable[[Mapping[str, NDArray[Any]]], Values]

_NARROW = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
_CANDIDATE_ERRORS = 3


@dataclass(frozen=True)
class Tolerance:
    """How far floating-point outputs may be apart: ``|candidate - reference| <= atol + rtol * |reference|``."""

    rtol: float = RTOL
    atol: float = ATOL

    def of(self, dtype: str) -> tuple[float, float]:
        """Return (rtol, atol) for a dtype: float16 and bfloat16 add their machine epsilon to both."""
        if dtype not in _NARROW:
            return self.rtol, self.atol
        epsilon = float(ml_dtypes.finfo(_NARROW[dtype]).eps)  # type: ignore[no-untyped-call]
        return self.rtol + epsilon, self.atol + epsilon


@dataclass
class Observations:
    """What the reference answered, case by case.

    Attributes:
        reference: a description of what was run.
        answers: each admitted case with the reference's outputs.
        refused: the cases that the reference does not admit, each with its reason.
        missing: why the minimum of a proof was not reached; empty when it was.
        notes: what the plan has to say about its inputs.
    """

    reference: str
    answers: list[tuple[Case, Values]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def observe(reference: str, run: Runner, plan: Plan, *, seconds: float) -> Observations:
    """Run the reference over a plan of cases.

    The plan's minimum always runs: every symbolic dimension at three sizes. Further cases run until half the budget is used.

    Args:
        reference: a description for the report.
        run: the reference; an exception from it means that it does not admit the case.
        plan: the cases, from `modelport.samples`.
        seconds: the budget of the whole proof.
    """
    seen = Observations(reference)
    start = time.perf_counter()
    for slot in plan.required:
        if not any(_answer(case, run, seen) for case in slot.alternatives):
            seen.missing.append(slot.missing)
    for case in plan.further:
        if time.perf_counter() - start > seconds / 2:
            break
        _answer(case, run, seen)
    seen.notes += plan.notes  # written while the cases were made
    return seen


def judge(seen: Observations, candidate: str, run: Runner, tolerance: Tolerance, *, seconds: float) -> Proof:
    """Run the candidate over the observed cases and compare; the verdict is in the proof, nothing is raised.

    Args:
        seen: the reference's answers.
        candidate: a description for the report.
        run: the candidate; an exception from it is a failure of the case.
        tolerance: for floating-point outputs.
        seconds: further cases are left out once this is used up.
    """
    start = time.perf_counter()
    results: list[CaseResult] = []
    for case, expected in seen.answers:
        if not case.required and time.perf_counter() - start > seconds / 2:
            break
        results.append(_judge_case(case, expected, run, tolerance))
    outputs = over_all(results)
    verdict: Verdict = "proven"
    missing = [*seen.missing, *_without_numbers(seen)]
    if missing or not results:
        verdict = "incomplete"
    if not all(result.passed for result in results):
        verdict = "failed"
    widened = {
        dtype: tolerance.of(dtype)
        for dtype in sorted({_dtype(value) for _, values in seen.answers for value in values.values()})
        if dtype in _NARROW
    }
    return Proof(
        verdict=verdict,
        reference=seen.reference,
        candidate=candidate,
        rtol=tolerance.rtol,
        atol=tolerance.atol,
        seconds=time.perf_counter() - start,
        outputs=outputs,
        cases=results,
        widened=widened,
        refused=seen.refused,
        notes=[*seen.notes, *missing],
    )


def require(proof: Proof, *, where: str | None = None, notes: Sequence[str] = ()) -> None:
    """Raise NotEquivalent or ProofIncomplete unless the proof holds; notes of how the candidate was made are repeated there."""
    if proof.verdict == "failed":
        failing = [(case, figures) for case in proof.cases for figures in case.outputs if not figures.passed]
        lines = [f"{figures.output} ({case.label}): {figures.reason}" for case, figures in failing]
        shown = lines[:12] + ([f"… and {len(lines) - 12} more"] if len(lines) > 12 else [])
        shown += [f"note: {note}" for note in notes]
        raise NotEquivalent(
            f"{proof.candidate} differs from {proof.reference} in {len({f.output for _, f in failing})} output(s):\n    "
            + "\n    ".join(shown),
            where=where,
            remedy="nothing was delivered. --json shows all figures; --rtol and --atol set the tolerance, if yours is another",
        )
    if proof.verdict == "incomplete":
        reasons = proof.notes + [f"refused by the source itself: {line}" for line in proof.refused[:6]]
        raise ProofIncomplete(
            "the proof could not run its minimum:\n    " + "\n    ".join(reasons or ["no case could be run"]),
            where=where,
            remedy="pass inputs that the model admits with --samples, an example's size as in 'x:float32[N,3,H=64]', or fix the "
            "dimension in --input",
        )


def compare(output: str, expected: Any, got: Any, tolerance: Tolerance) -> Figures:
    """Compare one output with its reference.

    Arrays must agree in dtype and shape; strings, integers and booleans exactly; floats within tolerance, with NaN and
    infinities in the same places. Sequences and maps (ZipMap) must agree in length and keys, and their values as arrays do.
    """
    if isinstance(expected, dict) or isinstance(got, dict):
        return _compare_maps(output, [expected], [got], tolerance)
    if isinstance(expected, list) or isinstance(got, list):
        return _compare_sequences(output, expected, got, tolerance)
    return _compare_arrays(output, np.asarray(expected), np.asarray(got), tolerance)


def _answer(case: Case, run: Runner, seen: Observations) -> bool:
    try:
        seen.answers.append((case, run(case.inputs)))
    except ModelportError as error:
        if error.exit_status in (6, 7):
            raise
        seen.refused.append(f"{case.label}: {error.what}")
        return False
    except Exception as error:
        seen.refused.append(f"{case.label}: {type(error).__name__}: {_brief(error)}")
        return False
    return True


def _judge_case(case: Case, expected: Values, run: Runner, tolerance: Tolerance) -> CaseResult:
    try:
        got = run(case.inputs)
    except Exception as error:
        reason = f"it cannot run what the reference can: {type(error).__name__}: {_brief(error)}"
        return CaseResult(case.label, dict(case.sizes), [Figures(name, 0, reason=reason) for name in expected])
    figures = [
        compare(name, value, got[name], tolerance) if name in got else Figures(name, 0, reason="the output is missing")
        for name, value in expected.items()
    ]
    figures += [Figures(name, 0, reason="the reference has no such output") for name in got if name not in expected]
    return CaseResult(case.label, dict(case.sizes), figures)


def _compare_sequences(output: str, expected: Any, got: Any, tolerance: Tolerance) -> Figures:
    if not (isinstance(expected, list) and isinstance(got, list)) or len(expected) != len(got):
        return Figures(output, 0, reason=f"a sequence of {_length(got)} instead of {_length(expected)}")
    if any(isinstance(item, dict) for item in (*expected, *got)):
        return _compare_maps(output, expected, got, tolerance)
    return _merge(output, [compare(output, e, g, tolerance) for e, g in zip(expected, got, strict=True)])


def _compare_maps(output: str, expected: Sequence[Any], got: Sequence[Any], tolerance: Tolerance) -> Figures:
    pairs = list(zip(expected, got, strict=True))
    for index, (e, g) in enumerate(pairs):
        if not isinstance(e, dict) or not isinstance(g, dict) or list(e) != list(g):
            have, want = (list(m) if isinstance(m, dict) else type(m).__name__ for m in (g, e))
            return Figures(output, 0, reason=f"map {index} has the keys {have} instead of {want}")
    wanted, given = (
        np.asarray([value for item in side for value in item.values()]) for side in zip(*pairs, strict=True)
    )
    if {wanted.dtype.kind, given.dtype.kind} <= set("biuf"):  # plain Python numbers carry no dtype to compare
        common = np.result_type(wanted, given)
        wanted, given = wanted.astype(common), given.astype(common)
    return _compare_arrays(output, wanted, given, tolerance)


def _compare_arrays(output: str, expected: NDArray[Any], got: NDArray[Any], tolerance: Tolerance) -> Figures:
    if _dtype(expected) != _dtype(got):
        return Figures(output, expected.size, reason=f"dtype {_dtype(got)} instead of {_dtype(expected)}")
    if expected.shape != got.shape:
        return Figures(output, expected.size, reason=f"shape {got.shape} instead of {expected.shape}")
    if expected.dtype.kind == "c":
        parts = [_compare_arrays(output, part(expected), part(got), tolerance) for part in (np.real, np.imag)]
        return _merge(output, parts)
    if _is_float(expected):
        return _compare_floats(output, expected, got, tolerance)
    wrong = expected != got
    flips = int(np.count_nonzero(wrong))
    reason = f"{flips} of {expected.size} values differ, first at {_first(wrong, expected, got)}" if flips else ""
    return Figures(output, expected.size, flips=flips, reason=reason)


@np.errstate(over="ignore")  # a difference beyond the largest float64 is infinite, and so out of tolerance
def _compare_floats(output: str, expected: NDArray[Any], got: NDArray[Any], tolerance: Tolerance) -> Figures:
    rtol, atol = tolerance.of(_dtype(expected))
    want, have = expected.astype(np.float64), got.astype(np.float64)
    finite = np.isfinite(want) & np.isfinite(have)
    misplaced = ~finite & ~((np.isnan(want) & np.isnan(have)) | (want == have))
    e, g = want[finite], have[finite]
    difference, magnitude = np.abs(g - e), np.abs(e)
    allowed = atol + rtol * magnitude
    beyond = np.zeros(want.shape, bool)
    beyond[finite] = difference > allowed
    nonzero = magnitude > 0
    wrong = int(np.count_nonzero(beyond))
    figures = {
        "max_abs": float(difference.max(initial=0.0)),
        "mean_abs": float(difference.mean()) if difference.size else 0.0,
        "max_rel": float((difference[nonzero] / magnitude[nonzero]).max(initial=0.0)),
        "cosine": _cosine(e, g),
        "ratios": _ratios(difference, allowed),
    }
    reasons = []
    if misplaced.any():
        count = int(np.count_nonzero(misplaced))
        reasons.append(f"{count} NaN or infinities in other places, first at {_first(misplaced, expected, got)}")
    if wrong:
        reasons.append(
            f"{wrong} of {expected.size} values beyond rtol {rtol:g} and atol {atol:g}, max difference "
            f"{figures['max_abs']:.3g}, first at {_first(beyond, expected, got)}"
        )
    return Figures(output, expected.size, out_of_tolerance=wrong, reason="; ".join(reasons), **figures)  # type: ignore[arg-type]


@np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore")
def _ratios(difference: NDArray[Any], allowed: NDArray[Any]) -> list[int]:
    """Count the values by their share of the tolerance, in the bins of `Figures.ratios`.

    One comparison an edge is several times quicker than searching the bin of each value, or taking its logarithm.
    """
    ratio = difference / allowed  # NaN where nothing is allowed and nothing differs
    above = [np.count_nonzero(difference), *(np.count_nonzero(ratio > edge) for edge in RATIO_EDGES)]
    return [-int(step) for step in np.diff([difference.size, *above, 0])]


def _without_numbers(seen: Observations) -> list[str]:
    """Say which outputs of the reference are NaN or infinite throughout: two models that agree on that agree on nothing."""
    blank: dict[str, bool] = {}
    for _, values in seen.answers:
        for output, value in values.items():
            floats = not isinstance(value, list | dict) and _is_float(np.asarray(value)) and np.size(value) > 0
            blank[output] = blank.get(output, True) and floats and not np.isfinite(np.asarray(value)).any()
    return [f"the output {output} is NaN or infinite in every case" for output, is_blank in blank.items() if is_blank]


def _is_float(array: NDArray[Any]) -> bool:
    return array.dtype.kind == "f" or array.dtype.name in _NARROW


def over_all(results: Iterable[CaseResult]) -> list[Figures]:
    """Combine the figures of all cases, output by output."""
    by_output: dict[str, list[Figures]] = {}
    for result in results:
        for figures in result.outputs:
            by_output.setdefault(figures.output, []).append(figures)
    return [_merge(output, group) for output, group in by_output.items()]


def _merge(output: str, group: Sequence[Figures]) -> Figures:
    """Combine figures: maxima of maxima, the element-weighted mean, the lowest cosine, all reasons once."""
    floats = [f for f in group if f.max_abs is not None]
    elements = sum(f.elements for f in floats)
    weighted = math.fsum((f.mean_abs or 0.0) * f.elements for f in floats)
    return Figures(
        output,
        sum(f.elements for f in group),
        max_abs=max((f.max_abs or 0.0 for f in floats), default=None),
        max_rel=max((f.max_rel or 0.0 for f in floats), default=None),
        mean_abs=weighted / elements if elements else (0.0 if floats else None),
        cosine=min((f.cosine for f in floats if f.cosine is not None), default=None),
        out_of_tolerance=sum(f.out_of_tolerance for f in group),
        flips=sum(f.flips for f in group),
        reason="; ".join(dict.fromkeys(f.reason for f in group if f.reason)),
        ratios=_sums([f.ratios for f in group if f.ratios is not None]),
    )


def _sums(counts: Sequence[Sequence[int]]) -> list[int] | None:
    return [sum(column) for column in zip(*counts, strict=True)] or None


def _cosine(e: NDArray[Any], g: NDArray[Any]) -> float | None:
    scale = float(np.linalg.norm(e) * np.linalg.norm(g))
    return float(np.dot(e, g) / scale) if e.size and math.isfinite(scale) and scale > 0 else None


def _first(mask: NDArray[Any], expected: NDArray[Any], got: NDArray[Any]) -> str:
    index = tuple(int(axis[0]) for axis in np.nonzero(np.atleast_1d(mask)))
    want, have = np.atleast_1d(expected)[index], np.atleast_1d(got)[index]
    return f"{list(index)}: {have} instead of {want}"


def _dtype(value: Any) -> str:
    if isinstance(value, list | dict):
        return "sequence"
    dtype = np.asarray(value).dtype
    return "string" if dtype.kind in "OUST" else dtype.name


def _length(value: Any) -> str:
    return str(len(value)) if isinstance(value, list) else type(value).__name__


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:300] + " …"
