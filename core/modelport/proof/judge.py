"""The verdict on two engines: their observations compared case by case.

All failures are gathered before anything is raised. Where a difference is in doubt, `Recourse` says what decides.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from modelport.errors import NotEquivalent, ProofIncomplete
from modelport.proof.cases.case import Case
from modelport.proof.compare import Allowance, Spread, compare_outputs, dtype_of, is_float, over_all
from modelport.proof.observe import Answer, Observations, Values
from modelport.proof.second_look import Recourse, SecondLook
from modelport.proof.spread import joined, spread_of
from modelport.proof.tolerance import Tolerance
from modelport.proof.undefined import defined_rows
from modelport.report import CaseResult, Figures, Proof, Verdict

_WIDENED = ("float16", "bfloat16", "float64")

_Pair = tuple[Case, Values, Answer]
"""A case, the reference's outputs and the candidate's answer."""


def judge(
    reference: Observations, candidate: Observations, tolerance: Tolerance, recourse: Recourse | None = None
) -> Proof:
    """Compare two observations of the same cases; the verdict is in the proof, nothing is raised.

    Args:
        reference: what is right.
        candidate: what is judged; it may end before the last cases of the reference.
        tolerance: for floating-point outputs.
        recourse: what decides where a difference is in doubt.
    """
    start = time.perf_counter()
    look = SecondLook(reference.engine, candidate.engine, tolerance, recourse or Recourse())
    pairs = [
        (mine.case, mine.values, theirs)
        for mine, theirs in zip(reference.answers, candidate.answers, strict=False)
        if mine.error is None
    ]
    spreads = {beside: _spreads(pairs, beside) for beside in (False, True)}
    results = [_result(pair, spreads[pair[0].beside], tolerance, look) for pair in pairs]
    for engine in (candidate, reference):
        if engine.unsteady:
            changed = [Figures(output, 0, reason=reason) for output, reason in engine.unsteady.items()]
            results.append(CaseResult("asked again", {}, changed))
    missing = list(reference.missing)
    blankness = _blankness(reference)
    blank = [
        f"the output {output} is NaN or infinite in every case" for output, is_blank in blankness.items() if is_blank
    ]
    if blankness and all(blankness.values()):
        missing += blank
    verdict: Verdict = "proven"
    if missing or not results:
        verdict = "incomplete"
    if not all(result.passed for result in results):
        verdict = "failed"
    return Proof(
        verdict=verdict,
        reference=reference.engine,
        candidate=candidate.engine,
        rtol=tolerance.rtol,
        atol=tolerance.atol,
        seconds=candidate.seconds + time.perf_counter() - start,
        outputs=over_all(results),
        cases=results,
        widened=_widened(reference, tolerance),
        refused=list(reference.refused),
        notes=list(dict.fromkeys([*reference.notes, *missing, *blank, *look.notes])),
        repeats=reference.repeats,
    )


def _spreads(pairs: Sequence[_Pair], beside: bool) -> Mapping[str, Spread]:
    """Return how outputs usually vary: those of the reference, and of the candidate where the reference's do not."""
    usual = [(expected, answer) for case, expected, answer in pairs if case.required and case.beside == beside]
    candidates = [answer.values for _, answer in usual if answer.error is None]
    return joined(spread_of([expected for expected, _ in usual]), spread_of(candidates))


def _result(pair: _Pair, spreads: Mapping[str, Spread], tolerance: Tolerance, look: SecondLook) -> CaseResult:
    """Compare every output of a case."""
    case, expected, answer = pair
    if answer.error is not None:
        return CaseResult(case.label, dict(case.sizes), look.at_error(case, expected, answer.error))
    case, expected, got = defined_rows(case, expected, answer.values)
    # extreme values say nothing about how much an output usually varies
    allowances = {name: Allowance(None if case.extreme else spreads.get(name)) for name in expected}
    figures = compare_outputs(expected, got, tolerance, allowances)
    if not all(each.passed for each in figures):
        figures = look.at_difference(case, expected, got, spreads, figures)
    return CaseResult(case.label, dict(case.sizes), figures)


def _widened(reference: Observations, tolerance: Tolerance) -> dict[str, tuple[float, float]]:
    """Return the tolerances of dtypes that have their own."""
    dtypes = {dtype_of(value) for _, values in reference.admitted for value in values.values()}
    widened = {dtype: tolerance.of(dtype) for dtype in sorted(dtypes & set(_WIDENED))}
    return {dtype: pair for dtype, pair in widened.items() if pair != (tolerance.rtol, tolerance.atol)}


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


def with_declined(proof: Proof, candidate: Observations) -> Proof:
    """Return a proof that fails where the candidate runs sizes that the reference's signature admits and its run does not.

    For references that are graphs: their dimensions are a promise; a framework's own model makes none.

    Args:
        proof: of the cases that both run.
        candidate: what it answers to the cases that the reference declined.
    """
    failing = []
    for case, values in candidate.admitted:
        reason = f"{proof.candidate} runs this, {proof.reference} does not, whose dimensions admit it"
        failing.append(CaseResult(case.label, dict(case.sizes), [Figures(name, 0, reason=reason) for name in values]))
    if not failing:
        return proof
    cases = [*proof.cases, *failing]
    return msgspec.structs.replace(proof, verdict="failed", cases=cases, outputs=over_all(cases))


def _blankness(seen: Observations) -> dict[str, bool]:
    """Return of each output whether it is NaN or infinite in every case: who agrees on that agrees on nothing."""
    blank: dict[str, bool] = {}
    for _, values in seen.admitted:
        for output, value in values.items():
            if isinstance(value, list | dict):
                blank[output] = False
            elif np.size(value):
                is_blank = is_float(np.asarray(value)) and not np.isfinite(np.asarray(value)).any()
                blank[output] = blank.get(output, True) and is_blank
    return blank
