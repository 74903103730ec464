"""convert(): the stages in order, several hops, and nothing delivered unless every one of them has passed."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from fakes import Convert, FakeFramework, Net, ReadOnlyFramework, graph, signature_of
from onnx import numpy_helper

import modelport
from modelport import Signature, TensorSpec, errors, hookimpl
from modelport.artifact import read_provenance
from modelport.plugins import Registry

WEIGHT = np.arange(8, dtype=np.float32).reshape(4, 2)
BODY = "(float[N,4] x) => (float[N,2] y) { h = MatMul(x, w) y = Relu(h) }"


def model(**options: Any) -> onnx.ModelProto:
    return graph(BODY, w=WEIGHT, **options)


def wrong() -> onnx.ModelProto:
    return graph(BODY, w=WEIGHT + 1)


def on_disk(folder: Path, key: str = "fake") -> Path:
    path = folder / f"source.{key}"
    path.write_bytes(model().SerializeToString())
    return path


# --- one hop -------------------------------------------------------------------------------------


def test_a_file_becomes_a_proven_onnx_file(fake: FakeFramework, tmp_path: Path, target: Path) -> None:
    source = on_disk(tmp_path)
    conversion = modelport.convert(source, output=target)
    record = conversion.report
    assert conversion.path == target
    assert (record.status, record.verdict, record.route, record.opset) == ("delivered", "proven", ["fake", "onnx"], 20)
    assert [stage.name for stage in record.stages] == [
        "detect", "load", "signature", "export", "write", "check", "reference", "open", "prove", "deliver",
    ]  # fmt: skip
    assert record.inputs == ["x:float32[N,4]"]
    assert (record.files, record.size_bytes) == ([str(target)], target.stat().st_size)
    assert record.source_sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert record.notes == ["exported by the fake framework"]
    (proof,) = record.proofs
    assert {case.sizes["N"] for case in proof.cases} >= {1, 3, 5}
    assert numpy_helper.to_array(conversion.model.graph.initializer[0]).tolist() == WEIGHT.tolist()


def test_the_delivered_file_says_how_it_was_made(fake: FakeFramework, tmp_path: Path, target: Path) -> None:
    source = on_disk(tmp_path)
    modelport.convert(source, output=target)
    facts = read_provenance(onnx.load(target))
    assert facts["route"] == "fake -> onnx"
    assert facts["verdict"] == "proven"
    assert facts["version"] == modelport.__version__
    assert facts["source_sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert float(facts["max_abs_difference"]) < 1e-6
    assert f"numpy {np.__version__}" in facts["versions"]


def test_a_conversion_in_memory_returns_the_model(fake: FakeFramework) -> None:
    conversion = modelport.convert(Net(model()), from_="fake")
    assert conversion.path is None
    assert conversion.report.files == []
    assert isinstance(conversion.model, onnx.ModelProto)
    assert read_provenance(conversion.model)["verdict"] == "proven"


@pytest.mark.parametrize("exported", [13, 18, 20, 21])
@pytest.mark.parametrize("asked", [18, 20, 22])
def test_the_delivered_model_carries_exactly_the_opset_asked_for(
    exported: int, asked: int, convert: Convert, target: Path
) -> None:
    conversion = convert(model(opset=exported), opset=asked)
    assert [entry.version for entry in onnx.load(target).opset_import] == [asked]
    assert conversion.report.opset == asked


def test_the_source_is_asked_once_for_each_case_and_is_not_the_export(convert: Convert) -> None:
    net = Net(model(), reference=model())
    conversion = convert(net)
    proof = conversion.report.proofs[0]
    assert len(net.calls) == len(proof.cases) + proof.repeats


def test_without_proof_the_result_is_recorded_as_unproven(convert: Convert, target: Path) -> None:
    net = Net(wrong(), reference=model())
    conversion = convert(net, verify=False)
    assert (conversion.report.verdict, conversion.report.proofs, net.calls) == ("unproven", [], [])
    assert read_provenance(onnx.load(target))["verdict"] == "unproven"


def test_without_proof_the_model_is_checked_all_the_same(convert: Convert, target: Path) -> None:
    with pytest.raises(errors.CheckFailed):
        convert(Net(graph("(float[N,4] x) => (int64[N,4] y) { y = Relu(x) }")), verify=False)
    assert not target.exists()


def test_the_users_samples_are_what_it_is_proven_with_first(convert: Convert) -> None:
    rows = np.arange(40, dtype=np.float32).reshape(10, 4)
    net = Net(model())
    convert(net, samples=rows)
    assert net.calls[0]["x"].tolist() == rows.tolist()
    known = {tuple(row) for row in rows.tolist()}
    asked = [all(tuple(row) in known for row in call["x"].tolist()) for call in net.calls]
    assert asked.index(False) >= 3


def test_the_plugins_samples_are_what_it_is_proven_with(convert: Convert) -> None:
    net = Net(model(), draw=lambda seed: {"x": np.full((7, 4), 100 + seed, np.float32)})
    convert(net)
    assert {7, 1, 9} <= {len(call["x"]) for call in net.calls}
    assert {100.0, 101.0, 102.0} <= {float(call["x"][0, 0]) for call in net.calls if call["x"].size}


def test_a_difference_within_the_users_tolerance_is_proven(convert: Convert) -> None:
    net = Net(graph(BODY, w=WEIGHT * 1.01), reference=model())
    with pytest.raises(errors.NotEquivalent):
        convert(net)
    assert convert(net, rtol=0.02).report.verdict == "proven"


def test_an_export_whose_reference_refuses_a_size_is_not_proven(convert: Convert, target: Path) -> None:
    def batch_three(arrays: Any) -> Any:
        if len(arrays["x"]) != 3:
            raise ValueError("three rows only")
        return {"y": np.maximum(arrays["x"] @ WEIGHT, 0)}

    with pytest.raises(errors.ProofIncomplete, match="N does not run at three sizes") as caught:
        convert(Net(model(), batch_three))
    assert caught.value.exit_status == 5
    assert not target.exists()
    assert convert(Net(graph(BODY.replace("N", "3"), w=WEIGHT), batch_three)).report.verdict == "proven"


def test_progress_tells_the_start_and_the_end_of_every_stage(convert: Convert) -> None:
    heard: list[tuple[str, float | None]] = []
    record = convert(model(), progress=lambda name, seconds: heard.append((name, seconds))).report
    assert [name for name, seconds in heard if seconds is None] == [
        stage.name for stage in record.stages if stage.name != "detect"
    ]
    assert [(name, seconds) for name, seconds in heard if seconds is not None] == [
        (stage.name, stage.seconds) for stage in record.stages if stage.name != "detect"
    ]


@pytest.mark.parametrize("form", ["always", "never"])
def test_weights_go_where_the_user_wants_them(form: Any, convert: Convert, target: Path) -> None:
    weight = np.random.default_rng(0).standard_normal((64, 2)).astype(np.float32)
    conversion = convert(graph(BODY.replace("N,4", "N,64"), w=weight), external_data=form)
    assert target.with_name("model.onnx.data").exists() == (form == "always")
    assert numpy_helper.to_array(conversion.model.graph.initializer[0]).tolist() == weight.tolist()


# --- failures ------------------------------------------------------------------------------------


def test_a_failure_leaves_an_existing_target_untouched_and_tells_the_report(convert: Convert, target: Path) -> None:
    target.write_bytes(b"an earlier result")
    with pytest.raises(errors.NotEquivalent) as caught:
        convert(Net(wrong(), reference=model()))
    assert target.read_bytes() == b"an earlier result"
    assert list(target.parent.iterdir()) == [target]
    record = caught.value.report  # type: ignore[attr-defined]
    assert (record.status, record.verdict, record.error.kind, record.error.exit_status) == (
        "failed",
        "failed",
        "NotEquivalent",
        5,
    )
    assert record.proofs[0].outputs[0].max_abs > 1


@pytest.mark.parametrize(
    "stage", ["load", "signature", "export", "write", "check", "reference", "open", "prove", "deliver"]
)
def test_an_interruption_in_any_stage_leaves_nothing_behind(
    stage: str, fake: FakeFramework, tmp_path: Path, target: Path
) -> None:
    source = on_disk(tmp_path)

    def interrupt(name: str, seconds: float | None) -> None:
        if name == stage and seconds is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        modelport.convert(source, output=target, progress=interrupt)
    assert list(target.parent.iterdir()) == []
    assert caught.value.report.error.exit_status == 130  # type: ignore[attr-defined]


def test_a_disk_that_fills_up_leaves_nothing_behind(
    convert: Convert, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(errors.OutputNotWritable, match="no space left"):
        convert(model())
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"opset": 3}, errors.BadInput),
        ({"to": "onx"}, errors.UnknownFramework),
        ({"from_": "fkae"}, errors.UnknownFramework),
        ({"to": "readonly"}, errors.DirectionNotSupported),
        ({"from_": "readonly"}, errors.DirectionNotSupported),
        ({"options": {"dpeth": 3}}, errors.InvalidOption),
        ({"inputs": ["z:float32[N,4]"]}, errors.InvalidSignature),
        ({"inputs": ["x:float64[N,4]"]}, errors.InvalidSignature),
        ({"inputs": ["x:float32[N"]}, errors.InvalidSignature),
        ({"samples": np.zeros((3, 5), np.float32)}, errors.InvalidSamples),
        ({"samples": np.full((3, 4), np.nan, np.float32)}, errors.InvalidSamples),
        ({"samples": "missing.npz"}, errors.InvalidSamples),
    ],
)
def test_bad_requests_are_refused_before_anything_is_exported(
    options: dict[str, Any], kind: type, convert: Convert, registry: Registry, target: Path
) -> None:
    registry.register("readonly", ReadOnlyFramework())

    class Unexportable(Net):
        @property
        def exported(self) -> onnx.ModelProto:
            raise AssertionError("nothing may be exported")

        @exported.setter
        def exported(self, value: onnx.ModelProto) -> None: ...

    with pytest.raises(kind):
        convert(Unexportable(model(), model(), signature_of(model())), **options)
    assert list(target.parent.iterdir()) == []


def test_a_model_that_does_not_say_its_inputs_asks_for_them(convert: Convert) -> None:
    with pytest.raises(errors.SignatureNeeded):
        convert(Net(model(), signature=Signature(())))


def test_an_input_described_by_the_user_only_is_taken_at_the_users_word(convert: Convert) -> None:
    open_signature = Signature((TensorSpec("x", "", None),))
    conversion = convert(Net(model(), signature=open_signature), inputs=["x:float32[batch,4]"])
    assert conversion.report.inputs == ["x:float32[batch,4]"]
    assert {case.sizes["batch"] for case in conversion.report.proofs[0].cases} >= {1, 3, 5}


# --- several hops --------------------------------------------------------------------------------


@pytest.fixture
def second(registry: Registry) -> FakeFramework:
    framework = FakeFramework("second")
    registry.register("second", framework)
    return framework


def test_two_hops_are_proven_against_onnx_and_against_the_source(
    fake: Any, second: FakeFramework, tmp_path: Path, target: Path
) -> None:
    target = target.with_suffix(".second")
    record = modelport.convert(on_disk(tmp_path), output=target).report
    assert record.route == ["fake", "onnx", "second"]
    assert [(proof.reference.split()[0], proof.candidate.split()[0]) for proof in record.proofs] == [
        ("Fake", "ONNX"), ("ONNX", "Second"), ("Fake", "Second"),
    ]  # fmt: skip
    assert {proof.verdict for proof in record.proofs} == {"proven"}
    assert list(target.parent.iterdir()) == [target]
    assert record.files == [str(target)]


def test_the_result_of_two_hops_is_the_target_frameworks_own_model(fake: Any, second: FakeFramework) -> None:
    conversion = modelport.convert(Net(model()), from_="fake", to="second")
    assert isinstance(conversion.model, Net)
    x = np.ones((2, 4), np.float32)
    np.testing.assert_allclose(conversion.model.run({"x": x})["y"], np.maximum(x @ WEIGHT, 0))


@pytest.mark.parametrize("given", [None, np.ones((3, 4))])
def test_the_users_samples_reach_the_translation_in_the_dtype_of_the_input(
    given: Any, registry: Registry, fake: Any, target: Path
) -> None:
    seen: list[Any] = []

    class Calibrating(FakeFramework):
        @hookimpl
        def from_onnx(self, model: ir.Model, samples: Any) -> Net:
            seen.append(samples)
            return Net(ir.to_proto(model))

    registry.register("calibrating", Calibrating("calibrating"))
    modelport.convert(Net(model()), from_="fake", to="calibrating", samples=given)
    if given is None:
        assert seen == [None]
    else:
        assert (seen[0]["x"].dtype, seen[0]["x"].shape) == (np.float32, (3, 4))


def double_the_weights(proto: onnx.ModelProto) -> None:
    (tensor,) = proto.graph.initializer
    tensor.CopyFrom(numpy_helper.from_array(2 * numpy_helper.to_array(tensor), tensor.name))


def test_a_fault_in_the_second_hop_is_caught_and_nothing_is_delivered(
    fake: Any, second: FakeFramework, tmp_path: Path, target: Path
) -> None:
    second.spoil = double_the_weights
    with pytest.raises(errors.NotEquivalent, match="Second") as caught:
        modelport.convert(on_disk(tmp_path), output=target.with_suffix(".second"))
    assert list(target.parent.iterdir()) == []
    assert [proof.verdict for proof in caught.value.report.proofs] == ["proven", "failed"]  # type: ignore[attr-defined]


def test_a_fault_in_saving_is_caught_because_the_saved_file_is_what_is_proven(
    registry: Registry, fake: Any, tmp_path: Path, target: Path
) -> None:
    class Careless(FakeFramework):
        @hookimpl
        def save(self, model: Net, path: Path) -> list[Path]:
            double_the_weights(model.exported)
            path.write_bytes(model.exported.SerializeToString())
            return [path]

    registry.register("careless", Careless("careless"))
    with pytest.raises(errors.NotEquivalent):
        modelport.convert(on_disk(tmp_path), output=target.with_suffix(".careless"))
    assert list(target.parent.iterdir()) == []


def test_errors_of_two_hops_that_add_up_beyond_the_tolerance_are_caught(
    registry: Registry, fake: Any, target: Path
) -> None:
    def nudge(proto: onnx.ModelProto) -> None:
        (tensor,) = proto.graph.initializer
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.0008), tensor.name))

    registry.register("second", FakeFramework("second", spoil=nudge))
    exported = model()
    nudge(exported)
    with pytest.raises(errors.NotEquivalent, match=r"Second.* differs from Fake"):
        modelport.convert(Net(exported, reference=model()), from_="fake", output=target.with_suffix(".second"))


def test_a_framework_that_only_imports_takes_a_model_from_onnx(
    fake: Any, registry: Registry, tmp_path: Path, target: Path
) -> None:
    source = tmp_path / "source.onnx"
    onnx.save(model(opset=18), source)
    record = modelport.convert(source, output=target.with_suffix(".fake")).report
    assert (record.route, record.opset) == (["onnx", "fake"], 18)
    assert [proof.verdict for proof in record.proofs] == ["proven"] * len(record.proofs)


def test_options_reach_the_plugin_that_has_them(registry: Registry) -> None:
    seen = {}

    class Listening(FakeFramework):
        @hookimpl
        def to_onnx(self, model: Net, options: Any) -> onnx.ModelProto:  # type: ignore[override]
            seen.update({name: options[name] for name in options})
            return model.exported

    registry.register("listening", Listening("listening"))
    modelport.convert(Net(model()), from_="listening", options={"depth": "7"})
    assert seen == {"depth": 7, "mode": "fast", "strict": False, "rate": None}
