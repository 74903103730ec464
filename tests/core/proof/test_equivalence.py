"""The equivalence stage: how outputs are compared, how cases are judged, what a proof says."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from modelport.errors import FrameworkNotInstalled, NotEquivalent, ProofIncomplete, SourceUnreadable
from modelport.proof.cases.case import Case, Note, Plan, Slot
from modelport.proof.compare import compare
from modelport.proof.judge import judge as judge_observations
from modelport.proof.judge import require
from modelport.proof.observe import Answer, Observations, Runner, follow, observe
from modelport.proof.tolerance import Tolerance
from modelport.report import RATIO_EDGES, Proof

DEFAULT = Tolerance()


def judge(seen: Observations, candidate: str, run: Runner, tolerance: Tolerance, *, seconds: float) -> Proof:
    """Run a candidate over what was observed of a reference, and compare."""
    cases = [answer.case for answer in seen.answers]
    return judge_observations(seen, follow(candidate, run, cases, seconds=seconds), tolerance)


def reason(expected: Any, got: Any, tolerance: Tolerance = DEFAULT) -> str:
    return compare("y", expected, got, tolerance).reason


# --- floats --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_pass_exactly_where_numpy_says_they_are_close(seed: int, dtype: Any) -> None:
    rng = np.random.default_rng(seed)
    expected = (rng.standard_normal((5, 7)) * 10.0 ** rng.integers(-8, 4, (5, 7))).astype(dtype)
    expected[rng.random(expected.shape) < 0.1] = rng.choice([np.nan, np.inf, -np.inf, 0.0])
    got = (expected * (1 + rng.normal(0, 7e-4, expected.shape)) + rng.normal(0, 4e-6, expected.shape)).astype(dtype)
    if seed % 4 == 0:
        got[0, 0] = rng.choice([np.nan, np.inf])
    wide, narrow = got.astype(np.float64), expected.astype(np.float64)
    close = np.isclose(wide, narrow, rtol=1e-3, atol=1e-5, equal_nan=True)
    figures = compare("y", expected, got, DEFAULT)
    assert figures.passed == bool(close.all())
    finite = np.isfinite(narrow) & np.isfinite(wide)
    assert figures.out_of_tolerance == np.count_nonzero(~close & finite)
    difference = np.abs(wide[finite] - narrow[finite])
    assert figures.max_abs == pytest.approx(difference.max())
    assert figures.mean_abs == pytest.approx(difference.mean())
    assert figures.max_rel == pytest.approx(
        (difference[narrow[finite] != 0] / np.abs(narrow[finite][narrow[finite] != 0])).max()
    )


@pytest.mark.parametrize(
    ("expected", "got", "passes"),
    [
        ([1.0], [1.0 + 1.0e-3], True),
        ([1.0], [1.0 + 1.02e-3], False),
        ([0.0], [0.99e-5], True),
        ([0.0], [1.01e-5], False),
        ([math.nan], [math.nan], True),
        ([math.nan], [0.0], False),
        ([0.0], [math.nan], False),
        ([math.inf], [math.inf], True),
        ([math.inf], [-math.inf], False),
        ([math.inf], [math.nan], False),
        ([math.inf], [1e300], False),
        ([1e300], [math.inf], False),
        ([1e308], [-1e308], False),
        ([5e-324], [0.0], True),
        ([], [], True),
    ],
)
def test_the_edges_of_the_tolerance(expected: list[float], got: list[float], passes: bool) -> None:
    assert (reason(np.asarray(expected), np.asarray(got)) == "") == passes


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_are_counted_by_their_share_of_the_tolerance_as_numpy_counts_them(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    expected = rng.standard_normal(5000).astype(dtype)
    got = (expected * (1 + 10.0 ** rng.uniform(-9, 1, expected.shape) * (rng.random(expected.shape) < 0.8))).astype(
        dtype
    )
    rtol, atol = DEFAULT.of(np.dtype(dtype).name)
    wide, narrow = got.astype(np.float64), expected.astype(np.float64)
    shares = np.abs(wide - narrow) / (atol + rtol * np.abs(narrow))
    edges = [
        0.0,
        *(np.nextafter(edge, np.inf) for edge in (0.0, *RATIO_EDGES)),
        np.inf,
    ]  # each bin holds its upper edge

    figures = compare("y", expected, got, DEFAULT)

    assert figures.ratios == np.histogram(shares, edges)[0].tolist()
    assert sum(figures.ratios[8:]) == figures.out_of_tolerance > 0


def test_every_value_is_counted_and_without_a_tolerance_it_is_equal_or_beyond() -> None:
    expected = np.asarray([0.0, 1.0, np.nan, np.inf, -np.inf])
    got = np.asarray([0.0, 2.0, np.nan, 3.0, -np.inf])
    assert compare("y", expected, got, Tolerance(0.0, 0.0)).ratios == [3, *[0] * 9, 2]


def test_the_counts_of_an_output_over_all_cases_are_their_sum_and_labels_have_none() -> None:
    def run(arrays: Any) -> Any:
        return {"y": arrays["x"], "label": arrays["x"].astype(int)}

    cases = [Case(f"case {size}", {}, {"x": np.zeros(size)}) for size in (1, 2)]
    seen = Observations("reference", [Answer(case, run(case.inputs)) for case in cases])

    proof = judge(seen, "candidate", run, DEFAULT, seconds=9)

    assert [figures.ratios for figures in proof.outputs] == [[3, *[0] * 10], None]


def test_the_tolerance_is_relative_to_the_reference() -> None:
    tolerance = Tolerance(rtol=0.5, atol=0.0)
    assert reason(np.asarray([2.0]), np.asarray([1.0]), tolerance) == ""
    assert reason(np.asarray([1.0]), np.asarray([2.0]), tolerance) != ""


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_narrow_floats_are_widened_by_their_epsilon_and_no_further(dtype: Any) -> None:
    epsilon = float(ml_dtypes.finfo(dtype).eps)
    name = np.dtype(dtype).name
    assert DEFAULT.of(name) == (1e-3 + epsilon, 1e-5 + epsilon)
    one = np.asarray([1.0], dtype)
    assert reason(one, np.asarray([1.0 + epsilon], dtype)) == ""
    assert reason(one, np.asarray([1.0 + 8 * epsilon], dtype)) != ""
    assert reason(np.asarray([np.nan], dtype), np.asarray([0], dtype)) != ""


def test_complex_numbers_are_compared_in_both_parts() -> None:
    value = np.asarray([1 + 2j], np.complex64)
    assert reason(value, value) == ""
    assert reason(value, np.asarray([1 + 3j], np.complex64)) != ""
    assert reason(value, value.conj()) != ""


def test_cosine_is_that_of_the_two_vectors() -> None:
    a, b = np.asarray([1.0, 2.0, 3.0]), np.asarray([1.0, 2.0, 4.0])
    assert compare("y", a, b, DEFAULT).cosine == pytest.approx(17 / math.sqrt(14 * 21))
    assert compare("y", np.zeros(3), b, DEFAULT).cosine is None


# --- dtype, shape, labels ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("have", "want"),
    [(np.float64, np.float32), (np.int32, np.int64), (np.bool_, np.uint8), (np.float16, ml_dtypes.bfloat16)],
)
def test_another_dtype_is_a_failure_though_the_values_agree(have: Any, want: Any) -> None:
    assert reason(np.ones(3, want), np.ones(3, have)) == f"dtype {np.dtype(have).name} instead of {np.dtype(want).name}"


@pytest.mark.parametrize("shape", [(3, 2), (6,), (1, 2, 3), (2, 3, 1)])
def test_outputs_are_never_compared_up_to_a_reshape(shape: tuple[int, ...]) -> None:
    value = np.ones((2, 3), np.float32)
    assert reason(value, value.reshape(shape)) == f"shape {shape} instead of (2, 3)"


def test_outputs_are_never_compared_up_to_a_permutation() -> None:
    value = np.arange(9, dtype=np.float32).reshape(3, 3)
    for other in (value.T, value[::-1], value[:, ::-1]):
        assert reason(value, other) != ""


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (np.asarray([1, 2, 3]), np.asarray([1, 2, 4])),
        (np.asarray([10**18]), np.asarray([10**18 + 1])),
        (np.asarray([True, False, True]), np.asarray([True, True, True])),
        (np.asarray(["ham", "eggs"], object), np.asarray(["ham", "Eggs"], object)),
        (np.asarray(["ham", "eggs"]), np.asarray(["eggs", "eggs"], object)),
        (np.asarray(7), np.asarray(8)),
    ],
)
def test_labels_are_compared_exactly_and_flips_are_counted(expected: np.ndarray, got: np.ndarray) -> None:
    figures = compare("y", expected, got, Tolerance(rtol=1.0, atol=1.0))
    assert figures.flips == 1
    assert not figures.passed
    assert compare("y", expected, expected.copy(), DEFAULT).passed


def test_the_first_wrong_place_is_named_with_both_values() -> None:
    expected = np.zeros((2, 3), np.float32)
    got = expected.copy()
    got[1, 2] = 5
    assert "first at [1, 2]: 5.0 instead of 0.0" in reason(expected, got)


# --- sequences and maps --------------------------------------------------------------------------

MAPS = [{"a": 0.25, "b": 0.75}, {"a": 0.5, "b": 0.5}]


@pytest.mark.parametrize(
    ("got", "passes"),
    [
        ([{"a": 0.25, "b": 0.75}, {"a": 0.5, "b": 0.5}], True),
        ([{"a": np.float32(0.25), "b": np.float32(0.75)}, {"a": 0.5, "b": 0.5}], True),
        ([{"b": 0.75, "a": 0.25}, {"a": 0.5, "b": 0.5}], False),
        ([{"a": 0.25, "c": 0.75}, {"a": 0.5, "b": 0.5}], False),
        ([{"a": 0.25}, {"a": 0.5, "b": 0.5}], False),
        ([{"a": 0.26, "b": 0.75}, {"a": 0.5, "b": 0.5}], False),
        ([{"a": math.nan, "b": 0.75}, {"a": 0.5, "b": 0.5}], False),
        ([{"a": "x", "b": "y"}, {"a": "x", "b": "y"}], False),
        ([{"a": 0.25, "b": 0.75}], False),
        ([np.asarray([0.25, 0.75]), np.asarray([0.5, 0.5])], False),
        (np.asarray([[0.25, 0.75], [0.5, 0.5]]), False),
        (MAPS[0], False),
    ],
)
def test_sequences_of_maps_agree_in_length_keys_and_values(got: Any, passes: bool) -> None:
    assert (reason(MAPS, got) == "") == passes


def test_integers_in_maps_are_not_rounded_to_agree() -> None:
    assert reason([{"a": 1}], [{"a": 1.4}]) != ""


def test_maps_of_different_lengths_are_compared() -> None:
    value = [{"a": 1.0}, {"a": 1.0, "b": 2.0}]
    assert reason(value, value) == ""
    assert reason(value, [{"a": 1.0}, {"a": 1.0, "b": 3.0}]) != ""


def test_a_lone_map_is_compared() -> None:
    assert reason({"a": 1.0}, {"a": 1.0}) == ""
    assert reason({"a": 1.0}, {"a": 2.0}) != ""


@pytest.mark.parametrize(
    ("got", "passes"),
    [
        ([np.zeros(2), np.ones(3)], True),
        ([np.zeros(2), np.zeros(3)], False),
        ([np.zeros(2)], False),
        ([np.ones(3), np.zeros(2)], False),
        (np.zeros(2), False),
    ],
)
def test_sequences_of_arrays_agree_in_length_and_order(got: Any, passes: bool) -> None:
    assert (reason([np.zeros(2), np.ones(3)], got) == "") == passes


# --- observing and judging -----------------------------------------------------------------------

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
