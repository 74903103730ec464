"""How engines are observed, how their observations are judged, and what a proof says."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from modelport.errors import FrameworkNotInstalled, NotEquivalent, ProofIncomplete, SourceUnreadable
from modelport.proof.cases.case import Case, Note, Plan, Slot
from modelport.proof.judge import judge as judge_observations
from modelport.proof.judge import require
from modelport.proof.observe import Answer, Observations, Runner, follow, observe
from modelport.proof.tolerance import Tolerance
from modelport.report import Proof

DEFAULT = Tolerance()


def judge(seen: Observations, candidate: str, run: Runner, tolerance: Tolerance, *, seconds: float) -> Proof:
    """Run a candidate over what was observed of a reference, and compare."""
    cases = [answer.case for answer in seen.answers]
    return judge_observations(seen, follow(candidate, run, cases, seconds=seconds), tolerance)


FOREVER = 1e9


def case(size: int, *, required: bool = True) -> Case:
    return Case(f"N={size}", {"N": size}, {"x": np.arange(size, dtype=np.float32)}, required)


def double(arrays: Any) -> dict[str, Any]:
    return {"y": arrays["x"] * 2, "z": arrays["x"].astype(np.int64)}


def observed(*sizes: int) -> Observations:
    return observe("reference", double, Plan.of([Slot([case(size)], "?") for size in sizes], []), seconds=FOREVER)


def test_two_models_that_agree_are_proven_on_every_case() -> None:
    proof = judge(observed(3, 1, 5), "candidate", double, DEFAULT, seconds=FOREVER)
    assert (proof.verdict, [c.sizes["N"] for c in proof.cases], proof.max_abs) == ("proven", [3, 1, 5], 0.0)
    require(proof)


def test_all_failures_of_all_outputs_are_gathered() -> None:
    proof = judge(
        observed(3, 5), "candidate", lambda a: {"y": a["x"], "z": a["x"].astype(np.int32)}, DEFAULT, seconds=FOREVER
    )
    with pytest.raises(NotEquivalent) as caught:
        require(proof, where="model.x", notes=["the weights are rounded"])
    text = str(caught.value)
    parts = ("y (N=3)", "y (N=5)", "z (N=3)", "z (N=5)", "2 output(s)", "model.x", "note: the weights are rounded")
    assert all(part in text for part in parts)
    assert caught.value.exit_status == 5


def test_an_output_that_is_missing_or_added_is_a_failure() -> None:
    proof = judge(observed(3), "candidate", lambda a: {"y": a["x"] * 2, "extra": a["x"]}, DEFAULT, seconds=FOREVER)
    reasons = {figures.output: figures.reason for figures in proof.outputs}
    assert reasons == {"y": "", "z": "the output is missing", "extra": "the reference has no such output"}
    assert proof.verdict == "failed"


def test_a_candidate_that_cannot_run_what_the_reference_can_has_failed() -> None:
    def only_three(arrays: Any) -> Any:
        if len(arrays["x"]) != 3:
            raise ValueError("batch 3 only")
        return double(arrays)

    proof = judge(observed(3, 1), "candidate", only_three, DEFAULT, seconds=FOREVER)
    assert proof.verdict == "failed"
    assert "batch 3 only" in proof.outputs[0].reason


def test_a_case_that_the_reference_refuses_proves_nothing_and_is_listed() -> None:
    def no_five(arrays: Any) -> Any:
        if len(arrays["x"]) == 5:
            raise SourceUnreadable("five is right out")
        return double(arrays)

    seen = observe("reference", no_five, Plan.of([Slot([case(3)], "?")], [case(5, required=False)]), seconds=FOREVER)
    proof = judge(seen, "candidate", double, DEFAULT, seconds=FOREVER)
    assert (proof.verdict, proof.refused) == ("proven", ["N=5: five is right out"])


def test_a_refused_alternative_gives_way_to_the_next() -> None:
    def even(arrays: Any) -> Any:
        if len(arrays["x"]) % 2:
            raise ValueError("odd")
        return double(arrays)

    seen = observe("reference", even, Plan.of([Slot([case(3), case(5), case(4), case(6)], "?")], []), seconds=FOREVER)
    assert [answer.case.sizes["N"] for answer in seen.answers] == [4]
    assert not seen.missing


@pytest.mark.parametrize(("columns", "admitted"), [(3, 2), (5, 1)])
def test_a_batch_without_rows_is_left_out_where_the_reference_gives_it_other_shapes(
    columns: int, admitted: int
) -> None:
    def strided(arrays: Any) -> Any:
        rows = len(arrays["x"])
        return {"y": np.zeros((rows, 3 if rows else columns))}

    seen = observe("reference", strided, Plan.of([Slot([case(3)], "?")], [case(0, required=False)]), seconds=FOREVER)

    assert len(seen.answers) == admitted
    assert bool(seen.refused) == (admitted == 1)


def test_a_minimum_that_was_not_reached_is_no_proof() -> None:
    def three(arrays: Any) -> Any:
        if len(arrays["x"]) != 3:
            raise ValueError("three only")
        return double(arrays)

    plan = Plan.of([Slot([case(3)], "?"), Slot([case(1), case(5)], "the dimension N does not run at three sizes")], [])
    proof = judge(observe("reference", three, plan, seconds=FOREVER), "candidate", double, DEFAULT, seconds=FOREVER)
    assert proof.verdict == "incomplete"
    with pytest.raises(ProofIncomplete, match="does not run at three sizes") as caught:
        require(proof)
    assert "three only" in caught.value.what
    assert caught.value.exit_status == 5


def test_no_case_at_all_is_no_proof() -> None:
    proof = judge(
        observe("reference", double, Plan.of([], []), seconds=FOREVER), "candidate", double, DEFAULT, seconds=FOREVER
    )
    assert proof.verdict == "incomplete"


def test_a_difference_outweighs_an_incomplete_minimum() -> None:
    seen = replace(observed(3), missing=["more"])
    assert judge(seen, "candidate", lambda a: {"y": a["x"]}, DEFAULT, seconds=FOREVER).verdict == "failed"


def test_a_framework_that_is_not_installed_is_no_refusal() -> None:
    def absent(arrays: Any) -> Any:
        raise FrameworkNotInstalled("k", "m", "pip install m")

    with pytest.raises(FrameworkNotInstalled):
        observe("reference", absent, Plan.of([Slot([case(3)], "?")], []), seconds=FOREVER)


def test_the_minimum_runs_without_any_budget_and_further_cases_do_not() -> None:
    plan = Plan.of([Slot([case(size)], "?") for size in (3, 1, 5)], [case(9, required=False)])
    seen = observe("reference", double, plan, seconds=0.0)
    assert len(seen.answers) == 3
    assert judge(seen, "candidate", double, DEFAULT, seconds=0.0).verdict == "proven"


def test_notes_made_while_the_cases_were_drawn_reach_the_proof() -> None:
    plan = Plan.of([Slot([case(3)], "?"), Note("the last 2 samples were left out")])

    seen = observe("reference", double, plan, seconds=FOREVER)
    assert judge(seen, "candidate", double, DEFAULT, seconds=FOREVER).notes == ["the last 2 samples were left out"]


def test_the_proof_says_which_tolerance_was_widened() -> None:
    def half(arrays: Any) -> Any:
        return {"y": arrays["x"].astype(np.float16)}

    seen = observe("reference", half, Plan.of([Slot([case(3)], "?")], []), seconds=FOREVER)
    proof = judge(seen, "candidate", half, DEFAULT, seconds=FOREVER)
    assert proof.widened == {"float16": (1e-3 + 2**-10, 1e-5 + 2**-10)}


def blank(value: float, **others: Any) -> Proof:
    def answer(arrays: Any) -> Any:
        return {"y": np.full(3, value, np.float32), "empty": np.zeros(0), **others}

    seen = observe("reference", answer, Plan.of([Slot([case(3)], "?")], []), seconds=FOREVER)
    return judge(seen, "c", answer, DEFAULT, seconds=FOREVER)


@pytest.mark.parametrize(("value", "verdict"), [(math.nan, "incomplete"), (math.inf, "incomplete"), (0.0, "proven")])
def test_agreeing_on_nothing_but_nan_or_infinity_is_no_proof(value: float, verdict: str) -> None:
    proof = blank(value)
    assert proof.verdict == verdict
    assert any("the output y is NaN" in note for note in proof.notes) == (verdict == "incomplete")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_output_of_nan_beside_a_good_one_is_reported(value: float) -> None:
    proof = blank(value, z=np.zeros(3), text=np.asarray(["a"], object))
    assert proof.verdict == "proven"
    assert any("the output y is NaN" in note for note in proof.notes)


def test_the_counts_of_an_output_over_all_cases_are_their_sum_and_labels_have_none() -> None:
    def run(arrays: Any) -> Any:
        return {"y": arrays["x"], "label": arrays["x"].astype(int)}

    cases = [Case(f"case {size}", {}, {"x": np.zeros(size)}) for size in (1, 2)]
    seen = Observations("reference", [Answer(case, run(case.inputs)) for case in cases])

    proof = judge(seen, "candidate", run, DEFAULT, seconds=9)

    assert [figures.ratios for figures in proof.outputs] == [[3, *[0] * 10], None]
