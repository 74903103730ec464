"""The equivalence stage: run both sides on the same inputs, compare every output, judge.

The reference runs first, on every case (`observe`), so that the source can be released before the candidate is loaded (`judge`).
All failures are gathered before anything is raised. Where a difference is in doubt, `Recourse` says what decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np

from modelport.errors import BrokenHook, ModelportError, NotEquivalent, ProofIncomplete
from modelport.proof.case_judge import CaseJudge, Observations, Recourse, Runner, Values, brief
from modelport.proof.cases.case import Arrays, Case, Plan
from modelport.proof.compare import compare, dtype_of, is_float, merge
from modelport.proof.tolerance import ATOL, RTOL, Tolerance
from modelport.report import CaseResult, Figures, Proof, Verdict

__all__ = [
    "ATOL",
    "RTOL",
    "Observations",
    "Recourse",
    "Runner",
    "Tolerance",
    "compare",
    "judge",
    "observe",
    "over_all",
    "require",
]

_WIDENED = ("float16", "bfloat16", "float64")
_CALLS = 30
"""How often the reference is asked again on a small case, to see whether it keeps state."""

Stateless = Callable[[Arrays], bool]

_STEADY = Tolerance(rtol=1e-5, atol=1e-6)
"""How far two answers of one model to one question may be apart: threads that add up in another order."""


def unknown(arrays: Arrays) -> bool:
    """Whether a model keeps nothing between calls, where nobody knows."""
    return False


def observe(reference: str, run: Runner, plan: Plan, *, seconds: float, stateless: Stateless = unknown) -> Observations:
    """Run the reference over a plan of cases.

    The plan's minimum always runs: every symbolic dimension at three sizes. Further cases run until half the budget is used. At
    the end the reference is asked again what it was asked first, and a small case repeatedly.

    Args:
        reference: a description for the report.
        run: the reference; an exception from it means that it does not admit the case.
        plan: the cases, from `modelport.proof.cases.generated`.
        seconds: the budget of the whole proof.
        stateless: whether the reference is known to keep nothing between calls, by inputs that it admits; it is asked again only
            once then.
    """
    seen = Observations(reference)
    start = time.perf_counter()
    for slot in plan.required:
        if not any(_answer(case, run, seen) for case in slot.alternatives):
            seen.missing.append(slot.missing)
    for case in plan.further:
        if time.perf_counter() - start > seconds / 2:
            break
        if not _answer(case, run, seen, listed=not case.parts):
            for part in case.parts:
                _answer(part, run, seen)
    if plan.search and seen.answers and time.perf_counter() - start < seconds / 4:
        for case in plan.search(run, seen.answers):
            _answer(case, run, seen)
    if seen.answers:
        known = stateless(seen.answers[0][0].inputs)
        _ask_again(seen, run, 0 if known else _CALLS, seconds / 4)
    seen.notes += plan.notes  # written while the cases were made
    return seen


def judge(
    seen: Observations,
    candidate: str,
    run: Runner,
    tolerance: Tolerance,
    *,
    seconds: float,
    recourse: Recourse | None = None,
    stateless: Stateless | None = None,
) -> Proof:
    """Run the candidate over the observed cases and compare; the verdict is in the proof, nothing is raised.

    Args:
        seen: the reference's answers.
        candidate: a description for the report.
        run: the candidate; an exception from it is a failure of the case.
        tolerance: for floating-point outputs.
        seconds: further cases are left out once this is used up.
        recourse: what decides where a difference is in doubt.
        stateless: whether the candidate is known to keep nothing between calls, where it is to be asked again as well.
    """
    start = time.perf_counter()
    judged = CaseJudge(seen, candidate, run, tolerance, recourse or Recourse())
    asked: list[tuple[Case, Values, Values | Exception]] = []
    for case, expected in seen.answers:
        if not case.required and time.perf_counter() - start > seconds / 2:
            break
        asked.append((case, expected, judged.ask(case)))
    judged.spread(asked)
    results = [judged.case(*answer) for answer in asked]
    if stateless:
        results += _candidate_again(candidate, run, asked, stateless, seconds)
    if seen.unsteady:
        changed = [Figures(output, 0, reason=reason) for output, reason in seen.unsteady.items()]
        results.append(CaseResult("asked again", {}, changed))
    missing = list(seen.missing)
    blank = {output: f"the output {output} is NaN or infinite in every case" for output in _without_numbers(seen, True)}
    if blank and not _without_numbers(seen, False):
        missing += blank.values()
    verdict: Verdict = "proven"
    if missing or not results:
        verdict = "incomplete"
    if not all(result.passed for result in results):
        verdict = "failed"
    dtypes = {dtype_of(value) for _, values in seen.answers for value in values.values()}
    widened = {dtype: tolerance.of(dtype) for dtype in sorted(dtypes & set(_WIDENED))}
    return Proof(
        verdict=verdict,
        reference=seen.reference,
        candidate=candidate,
        rtol=tolerance.rtol,
        atol=tolerance.atol,
        seconds=time.perf_counter() - start,
        outputs=over_all(results),
        cases=results,
        widened={dtype: pair for dtype, pair in widened.items() if pair != (tolerance.rtol, tolerance.atol)},
        refused=seen.refused,
        notes=list(dict.fromkeys([*seen.notes, *missing, *blank.values(), *judged.notes])),
        repeats=seen.repeats,
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


def over_all(results: Iterable[CaseResult]) -> list[Figures]:
    """Combine the figures of all cases, output by output."""
    by_output: dict[str, list[Figures]] = {}
    for result in results:
        for figures in result.outputs:
            by_output.setdefault(figures.output, []).append(figures)
    return [merge(output, group) for output, group in by_output.items()]


def _answer(case: Case, run: Runner, seen: Observations, *, listed: bool = True) -> bool:
    try:
        seen.answers.append((case, run(case.inputs)))
        return True
    except ModelportError as error:
        # it keeps state, is not installed, is unsafe or broken: no matter of these inputs
        if error.exit_status in (5, 6, 7) or isinstance(error, BrokenHook):
            raise
        reason = error.what
    except Exception as error:
        reason = f"{type(error).__name__}: {brief(error)}"
    seen.refused += [f"{case.label}: {reason}"] if listed else []
    seen.declined += [] if case.extreme else [case]
    return False


def with_declined(proof: Proof, seen: Observations, run: Runner) -> Proof:
    """Return a proof that fails where the candidate runs sizes that the reference's signature admits and its run does not.

    For references that are graphs: their dimensions are a promise; a framework's own model makes none.
    """
    failing = []
    for case in seen.declined:
        try:
            values = run(case.inputs)
        except Exception:  # neither side admits it
            continue
        reason = f"{proof.candidate} runs this, {proof.reference} does not, whose dimensions admit it"
        failing.append(CaseResult(case.label, dict(case.sizes), [Figures(name, 0, reason=reason) for name in values]))
    if not failing:
        return proof
    cases = [*proof.cases, *failing]
    return msgspec.structs.replace(proof, verdict="failed", cases=cases, outputs=over_all(cases))


def _ask_again(seen: Observations, run: Runner, calls: int, seconds: float) -> None:
    """Ask the reference again: a small case repeatedly, then what it was asked first; note what changed."""
    filled = [answer for answer in seen.answers if not answer[0].empty]
    small = min(filled or seen.answers, key=lambda answer: sum(array.size for array in answer[0].inputs.values()))
    start = time.perf_counter()
    for _ in range(calls):
        if time.perf_counter() - start > seconds:
            break
        if not _steady(seen, run, small):
            return
    _steady(seen, run, seen.answers[0])


def _candidate_again(
    candidate: str,
    run: Runner,
    asked: Sequence[tuple[Case, Values, Values | Exception]],
    stateless: Stateless,
    seconds: float,
) -> list[CaseResult]:
    """Ask a candidate again that is a model of its own, and no conversion just made; return what changed."""
    answers = [(case, got) for case, _, got in asked if not isinstance(got, Exception)]
    seen = Observations(candidate, answers)
    if answers:
        _ask_again(seen, run, 0 if stateless(answers[0][0].inputs) else _CALLS, seconds / 4)
    changed = [Figures(output, 0, reason=reason) for output, reason in seen.unsteady.items()]
    return [CaseResult("asked again", {}, changed)] if changed else []


def _steady(seen: Observations, run: Runner, answer: tuple[Case, Values]) -> bool:
    case, before = answer
    seen.repeats += 1
    try:
        again = run(case.inputs)
    except Exception as error:
        seen.unsteady["(all)"] = f"{seen.reference} refuses {case.label} when asked again: {brief(error)}"
        return False
    for name, value in before.items():
        figures = compare(name, value, again[name], _STEADY) if name in again else Figures(name, 0, reason="missing")
        if not figures.passed:
            seen.unsteady[name] = (
                f"{seen.reference} itself answers {case.label} otherwise when asked again ({figures.reason}): it keeps "
                "state between calls, or draws random numbers"
            )
    return not seen.unsteady


def _without_numbers(seen: Observations, wanted: bool) -> list[str]:
    """Return the outputs that are NaN or infinite throughout, or those that are not: who agrees on that agrees on nothing."""
    blank: dict[str, bool] = {}
    for _, values in seen.answers:
        for output, value in values.items():
            if isinstance(value, list | dict):
                blank[output] = False
            elif np.size(value):
                is_blank = is_float(np.asarray(value)) and not np.isfinite(np.asarray(value)).any()
                blank[output] = blank.get(output, True) and is_blank
    return [output for output, is_blank in blank.items() if is_blank == wanted]
