"""Reports as JSON and back, and errors as records."""

from __future__ import annotations

import json
import math

import pytest

from modelport import errors
from modelport.report import CaseResult, Figures, Proof, Report, Stage, failure, from_json, to_builtins

FIGURES = Figures(
    "y", 12, max_abs=0.5, max_rel=math.inf, mean_abs=0.25, cosine=None, out_of_tolerance=1, reason="wrong"
)
PROOF = Proof(
    "failed", "source", "ONNX", 1e-3, 1e-5, 0.5, [FIGURES, Figures("label", 3)],
    [CaseResult("normal", {"N": 3}, [FIGURES])], widened={"float16": (2e-3, 1e-3)},
)  # fmt: skip


def report() -> Report:
    return Report(
        "m.keras", "0.1", route=["keras", "onnx"], proofs=[PROOF], stages=[Stage("load", 0.5), Stage("export", 0.25)]
    )


def test_a_report_is_indented_json_with_plain_names() -> None:
    record = json.loads(report().to_json())
    assert record["source"] == "m.keras"
    assert record["proofs"][0]["cases"][0]["sizes"] == {"N": 3}
    assert record["proofs"][0]["widened"] == {"float16": [2e-3, 1e-3]}
    assert b"\n  " in report().to_json()


def test_infinities_become_null_so_that_every_json_reader_takes_them() -> None:
    assert json.loads(report().to_json(), parse_constant=pytest.fail)["proofs"][0]["outputs"][0]["max_rel"] is None


def test_a_report_is_read_back() -> None:
    first = report()
    first.proofs = []
    assert from_json(first.to_json()) == first
    assert from_json(report().to_json()).proofs[0].verdict == "failed"


def test_times_add_up() -> None:
    assert report().seconds == 0.75


def test_the_largest_difference_is_over_all_outputs() -> None:
    assert PROOF.max_abs == 0.5
    assert Proof("proven", "a", "b", 0, 0, 0, [Figures("label", 3)], []).max_abs == 0.0


def test_figures_and_cases_pass_when_nothing_is_wrong() -> None:
    assert not FIGURES.passed
    assert not PROOF.cases[0].passed
    assert CaseResult("normal", {}, [Figures("y", 1)]).passed


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (errors.NotEquivalent("they differ", where="m", remedy="do"), "NotEquivalent", 5),
        (KeyboardInterrupt(), "KeyboardInterrupt", 130),
        (ValueError("a bug"), "ValueError", 1),
    ],
)
def test_an_error_becomes_a_record_with_its_exit_status(error: BaseException, kind: str, status: int) -> None:
    record = failure(error)
    assert (record.kind, record.exit_status) == (kind, status)
    assert record.what


def test_what_where_and_what_to_do_are_kept_apart() -> None:
    record = to_builtins(failure(errors.BadInput("it is bad", where="there", remedy="this")))
    assert (record["what"], record["where"], record["remedy"]) == ("it is bad", "there", "this")


@pytest.mark.parametrize("kind", [kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type)])
def test_every_error_has_an_exit_status_of_the_table(kind: type[errors.ModelportError]) -> None:
    assert kind.exit_status in {1, 2, 3, 4, 5, 6, 7}
    assert f"\n{kind.exit_status} " in str(errors.__doc__)
