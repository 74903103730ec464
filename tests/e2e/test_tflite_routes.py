"""``convert --to tflite`` from other frameworks: what LiteRT computes is what the source computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.xdist_group("tensorflow")

SOURCES = [
    pytest.param("pytorch", "pytorch_files", "net.pt2"),
    pytest.param("keras", "keras_files", "model.keras"),
    pytest.param("tensorflow", "keras_files", "saved"),
]


def interpreted(path: Path, x: Any) -> Any:
    """Run a file with one input and one output in LiteRT's own way."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(str(path))
    ((_, names),) = interpreter.get_signature_list().items()
    (name,) = names["inputs"]
    (result,) = interpreter.get_signature_runner()(**{name: x}).values()
    return result


@pytest.mark.parametrize(("key", "files", "name"), SOURCES)
def test_a_source_reaches_tflite_and_is_compared_with_itself(
    key: str, files: str, name: str, convert: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(files)
    target = tmp_path / "out.tflite"

    outcome = convert("--from", key, "--to", "tflite", folder / name, "-o", target, "--json")

    assert outcome.status == 0, outcome.err
    report = json.loads(outcome.out)
    assert report["route"] == [key, "onnx", "tflite"]
    assert report["verdict"] == "proven"
    last = report["proofs"][-1]
    assert last["candidate"].startswith("TensorFlow Lite")
    assert last["reference"] == report["proofs"][0]["reference"]
    assert len({tuple(case["sizes"].values()) for case in last["cases"]}) >= 3
    expected = np.load(folder / "expected.npz")
    np.testing.assert_allclose(interpreted(target, expected["x"]), expected["y"], rtol=1e-4, atol=1e-6)


def test_the_target_is_known_from_its_suffix_and_the_converters_chatter_is_kept_off_the_terminal(
    convert: Any, onnx_files: Path, tmp_path: Path
) -> None:
    outcome = convert(onnx_files / "doubling.onnx", "-o", tmp_path / "out.tflite")

    assert outcome.status == 0, outcome.err
    lines = [line for line in outcome.err.splitlines() if line.strip()]
    assert all(line.startswith(("✓", "proven", "output", "y ", "onnx -> tflite")) for line in lines), outcome.err
    assert convert(tmp_path / "out.tflite", "-o", tmp_path / "back.onnx").status == 0


def test_full_int8_calibrates_on_the_samples(convert: Any, onnx_files: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    words = (onnx_files / "repeating.onnx", "-o", tmp_path / "out.tflite", "-O", "int8=full")

    assert convert(*words, "--samples", tmp_path / "x.npy", "--rtol", 0, "--atol", 0.2).status == 0
    np.testing.assert_allclose(interpreted(tmp_path / "out.tflite", x), x @ np.ones((4, 100)), rtol=0, atol=0.2)


REFUSED = [
    pytest.param(("-O", "int8=full"), "--samples", id="no samples"),
    pytest.param(("-O", "int8=half"), "one of none, dynamic, full", id="no such choice"),
]


@pytest.mark.parametrize(("words", "says"), REFUSED)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    words: tuple[str, ...], says: str, refused: Any, onnx_files: Path
) -> None:
    refused(onnx_files / "doubling.onnx", "--to", "tflite", *words, status=2, says=(says,))


@pytest.mark.parametrize("content", [b"no model", b"\x1c\x00\x00\x00TFL3" + bytes(64)])
def test_a_damaged_file_is_refused(content: bytes, refused: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    refused(path, status=2, says=("net.tflite",))
