"""``convert`` on saved models of every framework: what is delivered, what is proven, what is said."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

SAVED = [
    pytest.param("sklearn", "sklearn_files", "iris.skops", marks=pytest.mark.xdist_group("sklearn")),
    pytest.param("pytorch", "pytorch_files", "net.pt2", marks=pytest.mark.xdist_group("pytorch")),
    pytest.param("keras", "keras_files", "model.keras", marks=pytest.mark.xdist_group("tensorflow")),
    pytest.param("keras", "keras_files", "model.h5", marks=pytest.mark.xdist_group("tensorflow")),
    pytest.param("tensorflow", "keras_files", "saved", marks=pytest.mark.xdist_group("tensorflow")),
    pytest.param("onnx", "onnx_files", "doubling.onnx"),
]
TRUSTED = [
    pytest.param("sklearn_files", "iris.joblib", marks=pytest.mark.xdist_group("sklearn")),
    pytest.param("sklearn_files", "iris.pkl", marks=pytest.mark.xdist_group("sklearn")),
    pytest.param("pytorch_files", "pickled.pt", marks=pytest.mark.xdist_group("pytorch")),
    pytest.param("keras_files", "lambda.keras", marks=pytest.mark.xdist_group("tensorflow")),
]
ALIASES = [
    pytest.param("scikit-learn", "sklearn_files", "iris.skops", marks=pytest.mark.xdist_group("sklearn")),
    pytest.param("torch", "pytorch_files", "net.pt2", marks=pytest.mark.xdist_group("pytorch")),
    pytest.param("tf", "keras_files", "saved", marks=pytest.mark.xdist_group("tensorflow")),
]
INPUT = ("--input", "input:float32[N,4]")


def provenance(path: Path) -> dict[str, str]:
    """Read metadata_props with onnx alone."""
    return {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}


def assert_computes_what_was_expected(path: Path, folder: Path) -> None:
    """Run the file in ONNX Runtime and compare its last output with what the source framework gave in the fixture."""
    expected = np.load(folder / "expected.npz")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (feed,) = session.get_inputs()
    got = session.run(None, {feed.name: expected["x"]})[-1]
    np.testing.assert_allclose(got, expected["y"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("key", "files", "name"), SAVED)
def test_a_saved_model_becomes_a_proven_onnx_file_and_the_report_shows_the_proof(
    key: str, files: str, name: str, convert: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(files)
    target = tmp_path / "out.onnx"

    outcome = convert("--from", key, "--to", "onnx", folder / name, "-o", target, "--json")

    assert outcome.status == 0, outcome.err
    report = json.loads(outcome.out)
    assert (report["status"], report["verdict"], report["opset"]) == ("delivered", "proven", 20)
    assert report["route"] == list(dict.fromkeys([key, "onnx"]))
    assert report["files"] == [str(target)]
    (proof,) = report["proofs"]
    sizes = {tuple(case["sizes"].values()) for case in proof["cases"]}
    assert len(sizes) >= 3
    assert (1,) in sizes
    assert all(output["elements"] and not output["reason"] for output in proof["outputs"])
    assert {"detect", "load", "signature", "export", "check", "prove", "deliver"} <= {
        s["name"] for s in report["stages"]
    }
    assert [path.name for path in tmp_path.iterdir()] == ["out.onnx"]
    assert_computes_what_was_expected(target, folder)
    assert provenance(target)["modelport.verdict"] == "proven"


@pytest.mark.parametrize(("files", "name"), [case.values[1:] for case in SAVED[:1] + SAVED[-1:]])
def test_both_frameworks_are_known_from_the_files(
    files: str, name: str, convert: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    outcome = convert(request.getfixturevalue(files) / name, "-o", tmp_path / "out.onnx")

    assert outcome.status == 0, outcome.err
    assert "proven" in outcome.err
    assert str(tmp_path / "out.onnx") in outcome.err.replace("\n", "")
    assert not outcome.out


@pytest.mark.parametrize(("files", "name"), TRUSTED)
def test_a_file_that_carries_code_is_converted_once_trusted(
    files: str, name: str, convert: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    words = INPUT if files == "pytorch_files" else ()

    outcome = convert(request.getfixturevalue(files) / name, "-o", tmp_path / "out.onnx", "--trust", *words)

    assert outcome.status == 0, outcome.err
    assert "proven" in outcome.err


@pytest.mark.xdist_group("pytorch")
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_weights_are_loaded_into_what_the_factory_in_the_current_folder_builds(
    name: str, convert: Any, pytorch_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pytorch_files)

    outcome = convert(name, "-o", tmp_path / "out.onnx", "--model", "e2e_nets:net", *INPUT)

    assert outcome.status == 0, outcome.err
    assert_computes_what_was_expected(tmp_path / "out.onnx", pytorch_files)


@pytest.mark.xdist_group("pytorch")
def test_stdout_is_the_report_alone_where_an_exporter_of_pytorch_fails(
    convert: Any, pytorch_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(pytorch_files)
    words = ("--model", "e2e_nets:half_scripted_net", "--input", "x:float32[N,5,4]", "--json")
    monkeypatch.syspath_prepend(str(pytorch_files))
    torch.save(importlib.import_module("e2e_nets").half_scripted_net().state_dict(), tmp_path / "weights.pth")

    outcome = convert(tmp_path / "weights.pth", "-o", tmp_path / "out.onnx", *words)

    assert outcome.status == 0, outcome.err
    assert any("TorchScript failed" in note for note in json.loads(outcome.out)["notes"])


@pytest.mark.parametrize(("alias", "files", "name"), ALIASES)
def test_a_framework_is_known_by_its_aliases(
    alias: str, files: str, name: str, convert: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    words = ("--from", alias, "-o", tmp_path / "out.onnx", "--no-verify")

    assert convert(request.getfixturevalue(files) / name, *words).status == 0


def test_the_target_without_an_output_lies_beside_the_source(convert: Any, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "net.toy").write_text("{}")

    assert convert(tmp_path / "net.toy").status == 0
    assert provenance(tmp_path / "net.onnx")["modelport.verdict"] == "proven"


def test_an_existing_file_is_replaced_only_when_it_is_named(convert: Any, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "net.toy").write_text("{}")
    existing = tmp_path / "net.onnx"
    existing.write_bytes(b"what was there before")

    outcome = convert(tmp_path / "net.toy")

    assert outcome.status == 2
    assert "net.onnx exists already" in outcome.err
    assert "-o" in outcome.err
    assert existing.read_bytes() == b"what was there before"
    assert convert(tmp_path / "net.toy", "-o", existing).status == 0
    assert provenance(existing)["modelport.verdict"] == "proven"


def test_a_file_may_be_carried_to_another_opset_in_place(convert: Any, onnx_files: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes((onnx_files / "doubling.onnx").read_bytes())

    assert convert(path, "--opset", 21, "-o", path).status == 0
    assert {entry.domain: entry.version for entry in onnx.load(str(path)).opset_import}[""] == 21
    assert_computes_what_was_expected(path, onnx_files)


def test_quiet_says_nothing(convert: Any, onnx_files: Path, tmp_path: Path) -> None:
    outcome = convert("-q", onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx")

    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    assert (tmp_path / "out.onnx").is_file()


def test_quiet_still_prints_the_report_that_was_asked_for(convert: Any, onnx_files: Path, tmp_path: Path) -> None:
    outcome = convert("-q", "--json", onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx")

    assert json.loads(outcome.out)["status"] == "delivered"
    assert not outcome.err


def test_quiet_still_prints_errors(convert: Any, tmp_path: Path) -> None:
    assert "there is no such file" in convert("-q", tmp_path / "missing.onnx", "-o", tmp_path / "out.onnx").err


def test_progress_goes_to_stderr_one_line_a_stage(convert: Any, onnx_files: Path, tmp_path: Path) -> None:
    outcome = convert(onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx")

    lines = [line.split() for line in outcome.err.splitlines() if line.startswith("✓")]
    assert [words[1] for words in lines] == [
        "load", "signature", "export", "write", "check", "reference", "open", "prove", "deliver",
    ]  # fmt: skip
    assert not outcome.out


def test_skipping_the_proof_is_recorded_in_the_report_the_file_and_the_summary(
    convert: Any, onnx_files: Path, tmp_path: Path
) -> None:
    outcome = convert("--no-verify", "--json", onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx")

    report = json.loads(outcome.out)
    assert outcome.status == 0
    assert (report["status"], report["verdict"], report["proofs"]) == ("delivered", "unproven", [])
    assert provenance(tmp_path / "out.onnx")["modelport.verdict"] == "unproven"
    assert "unproven" in outcome.err


@pytest.mark.xdist_group("sklearn")
def test_samples_of_a_table_are_what_the_proof_runs_on(convert: Any, sklearn_files: Path, tmp_path: Path) -> None:
    words = ("--samples", sklearn_files / "iris.csv", "--json", "-o", tmp_path / "out.onnx")

    outcome = convert(sklearn_files / "iris.skops", *words)

    assert outcome.status == 0, outcome.err
    (proof,) = json.loads(outcome.out)["proofs"]
    assert proof["cases"][0]["label"].startswith("your samples")
    assert proof["cases"][0]["sizes"] == {"N": 150}


def test_samples_in_npz_are_what_the_proof_runs_on(convert: Any, onnx_files: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "samples.npz", x=np.ones((7, 4), np.float32))
    words = ("--samples", tmp_path / "samples.npz", "--json", "-o", tmp_path / "out.onnx")

    outcome = convert(onnx_files / "doubling.onnx", *words)

    assert json.loads(outcome.out)["proofs"][0]["cases"][0]["sizes"] == {"N": 7}


def test_an_option_reaches_its_plugin_as_its_declared_type(convert: Any, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "net.toy").write_text("{}")

    assert convert(tmp_path / "net.toy", "-O", "factor=2.5").status == 0


@pytest.mark.parametrize(
    ("name", "files"), [("doubling.onnx", ["out.onnx"]), ("repeating.onnx", ["out.onnx", "out.onnx.data"])]
)
def test_weights_are_kept_in_a_file_of_their_own_unless_they_are_tiny(
    name: str, files: list[str], convert: Any, onnx_files: Path, tmp_path: Path
) -> None:
    outcome = convert(onnx_files / name, "-o", tmp_path / "out.onnx", "--external-data", "always", "--json")

    assert outcome.status == 0, outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    assert [Path(path).name for path in json.loads(outcome.out)["files"]] == files
    session = onnxruntime.InferenceSession(str(tmp_path / "out.onnx"), providers=["CPUExecutionProvider"])
    source = onnxruntime.InferenceSession(str(onnx_files / name), providers=["CPUExecutionProvider"])
    x = {"x": np.ones((2, 4), np.float32)}
    np.testing.assert_array_equal(session.run(None, x)[0], source.run(None, x)[0])
