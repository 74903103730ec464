"""verify(): any two models of any two frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fakes import FakeFramework, Net, graph

import modelport
from modelport.errors import InvalidSignature, UnknownFormat

WEIGHT = np.arange(8, dtype=np.float32).reshape(4, 2)
BODY = "(float[N,4] x) => (float[N,2] y) { h = MatMul(x, w) y = Relu(h) }"


def saved(folder: Path, name: str, body: str = BODY, *, opset: int = 20, **weights: Any) -> Path:
    path = folder / name
    path.write_bytes(graph(body, opset=opset, **(weights or {"w": WEIGHT})).SerializeToString())
    return path


RELU = "(float[N,4] x) => (float[N,4] y) { y = Max(x, zero) }"


def test_two_files_of_two_frameworks_that_agree_are_proven(fake: FakeFramework, tmp_path: Path) -> None:
    proof = modelport.verify(saved(tmp_path, "a.onnx"), saved(tmp_path, "b.fake", opset=18))
    assert proof.verdict == "proven"
    assert {case.sizes["N"] for case in proof.cases} >= {1, 3, 5}
    assert (proof.reference, proof.candidate) == ("a.onnx (ONNX)", "b.fake (Fake)")


def test_two_models_that_differ_are_told_and_nothing_is_raised(fake: FakeFramework, tmp_path: Path) -> None:
    proof = modelport.verify(saved(tmp_path, "a.onnx"), saved(tmp_path, "b.fake", w=WEIGHT + 1))
    assert proof.verdict == "failed"
    assert proof.max_abs > 1


def test_a_file_and_a_model_in_memory_are_compared(fake: FakeFramework, tmp_path: Path) -> None:
    proof = modelport.verify(Net(graph(BODY, w=WEIGHT)), saved(tmp_path, "b.onnx"), from_=("fake", None))
    assert proof.verdict == "proven"


def test_other_names_are_matched_by_position_and_said_so(tmp_path: Path) -> None:
    other = "(float[batch,4] a) => (float[batch,2] b) { h = MatMul(a, w) b = Relu(h) }"
    proof = modelport.verify(saved(tmp_path, "a.onnx"), saved(tmp_path, "b.onnx", other))
    assert proof.verdict == "proven"
    assert any("x = a" in note for note in proof.notes)
    assert any("y = b" in note for note in proof.notes)


def test_equal_names_are_matched_whatever_their_order(tmp_path: Path) -> None:
    one, two = (f"(float[N] {p}, float[N] {q}) => (float[N] d) {{ d = Sub(a, b) }}" for p, q in ("ab", "ba"))
    assert modelport.verify(saved(tmp_path, "a.onnx", one), saved(tmp_path, "b.onnx", two)).verdict == "proven"


def test_swapped_outputs_of_equal_names_are_a_difference(tmp_path: Path) -> None:
    one = "(float[N] x) => (float[N] p, float[N] q) { p = Relu(x) q = Neg(x) }"
    two = "(float[N] x) => (float[N] p, float[N] q) { q = Relu(x) p = Neg(x) }"
    assert modelport.verify(saved(tmp_path, "a.onnx", one), saved(tmp_path, "b.onnx", two)).verdict == "failed"


def test_a_dimension_that_the_other_side_fixes_is_fixed_for_both(tmp_path: Path) -> None:
    proof = modelport.verify(saved(tmp_path, "a.onnx"), saved(tmp_path, "b.onnx", BODY.replace("N", "6")))
    assert proof.verdict == "proven"
    assert {case.sizes.get("N", 6) for case in proof.cases} == {6}


def test_indices_stay_within_the_table_of_either_side(fake: FakeFramework, tmp_path: Path) -> None:
    body = "(int64[N,3] x) => (float[N,3,2] y) { y = Gather(w, x) }"
    for a, b in (("a.onnx", "b.fake"), ("a.fake", "b.onnx")):
        proof = modelport.verify(saved(tmp_path, a, body), saved(tmp_path, b, body))
        assert (proof.verdict, proof.refused) == ("proven", [])


def test_the_users_samples_are_run(tmp_path: Path) -> None:
    proof = modelport.verify(saved(tmp_path, "a.onnx"), saved(tmp_path, "b.onnx"), samples=np.ones((10, 4), np.float32))
    assert proof.cases[0].label == "your samples, batch 1"


def test_the_tolerance_is_the_users(tmp_path: Path) -> None:
    a, b = saved(tmp_path, "a.onnx"), saved(tmp_path, "b.onnx", w=WEIGHT * 1.01)
    assert modelport.verify(a, b).verdict == "failed"
    assert modelport.verify(a, b, rtol=0.02).verdict == "proven"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("(float[N,4] x, float[N,4] z) => (float[N,2] y) { y = MatMul(x, w) }", "1 and 2 inputs"),
        ("(double[N,4] x) => (double[N,4] y) { y = Relu(x) }", "does not fit"),
        ("(float[N,4,1] x) => (float[N,4,1] y) { y = Relu(x) }", "does not fit"),
        ("(float[N,4] x) => (float[N,2] y, float[N,4] z) { y = MatMul(x, w) z = Relu(x) }", "1 and 2 outputs"),
    ],
)
def test_models_of_other_signatures_are_refused(other: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSignature, match=message):
        modelport.verify(saved(tmp_path, "a.onnx"), saved(tmp_path, "b.onnx", other))


def test_a_model_that_nobody_owns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat):
        modelport.verify(saved(tmp_path, "a.onnx"), object())


def test_two_onnx_models_in_memory_are_compared() -> None:
    model = graph(BODY, w=WEIGHT)
    assert isinstance(model, onnx.ModelProto)
    assert modelport.verify(model, graph(BODY, w=WEIGHT + 1)).verdict == "failed"
    assert modelport.verify(model, model).verdict == "proven"


FILLING = "(float[N,2] x) => (float[N,2] y) { gap = IsNaN(x) y = Where(gap, one, x) }"
ZEROING = "(float[N,2] x) => (float[N,2] y) { gap = IsNaN(x) zero = Sub(one, one) y = Where(gap, zero, x) }"


@pytest.mark.parametrize(("other", "verdict"), [(FILLING, "proven"), (ZEROING, "failed")])
@pytest.mark.parametrize("names", [("a.onnx", "b.fake"), ("a.fake", "b.onnx")])
def test_missing_values_are_compared_where_either_model_may_take_them(
    names: tuple[str, str], other: str, verdict: str, fake: FakeFramework, tmp_path: Path
) -> None:
    one = np.ones(1, np.float32)
    files = [saved(tmp_path, name, body, one=one) for name, body in zip(names, (FILLING, other), strict=True)]
    rows = np.array([[1, np.nan], [np.nan, 2], [3, 4]], np.float32)
    assert modelport.verify(*files, samples=rows).verdict == verdict


class Source(FakeFramework):
    """A framework that is converted from and never to."""

    from_onnx = None


def refusing(condition: Any) -> Net:
    """A rectifier that refuses some inputs, as estimators do that validate theirs."""

    def compute(arrays: Any) -> Any:
        if condition(arrays["x"]):
            raise ValueError("not for me")
        return {"y": np.maximum(arrays["x"], 0)}

    return Net(graph(RELU, zero=np.float32(0)), compute)


@pytest.mark.parametrize(
    "condition",
    [lambda x: not np.isfinite(x).all(), lambda x: len(x) == 1, lambda x: len(x) == 2, lambda x: (x == 0).any()],
    ids=["not finite", "one row", "two rows", "zeros"],
)
def test_what_a_source_refuses_is_left_out_also_where_it_is_the_second_model(
    condition: Any, registry: Any, tmp_path: Path
) -> None:
    registry.register("source", Source("source"))
    proof = modelport.verify(
        saved(tmp_path, "a.onnx", RELU, zero=np.float32(0)), refusing(condition), from_=("onnx", "source")
    )
    assert proof.verdict == "proven"
    assert any("not for me" in line for line in proof.refused)


def test_two_models_are_not_proven_alike_by_a_source_that_refuses_everything(registry: Any, tmp_path: Path) -> None:
    registry.register("source", Source("source"))
    proof = modelport.verify(
        saved(tmp_path, "a.onnx", RELU, zero=np.float32(0)), refusing(lambda x: True), from_=("onnx", "source")
    )
    assert proof.verdict == "incomplete"


def test_a_conversion_that_cannot_run_what_its_source_can_differs(fake: FakeFramework, tmp_path: Path) -> None:
    proof = modelport.verify(
        saved(tmp_path, "a.onnx", RELU, zero=np.float32(0)), refusing(lambda x: len(x) == 1), from_=("onnx", "fake")
    )
    assert proof.verdict == "failed"
