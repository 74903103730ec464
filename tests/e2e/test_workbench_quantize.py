"""``modelport quantize`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fakes import graph

WIDTH = 32


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """Two layers."""
    rng = np.random.default_rng(0)
    one, two = ((rng.standard_normal((WIDTH, WIDTH)) / 6).astype(np.float32) for _ in range(2))
    body = f"(float[N,{WIDTH}] x) => (float[N,{WIDTH}] y) {{ [first] a = MatMul(x, one) r = Relu(a) [head] y = MatMul(r, two) }}"
    path = tmp_path / "net.onnx"
    path.write_bytes(graph(body, one=one, two=two).SerializeToString())
    np.savez(tmp_path / "rows.npz", x=rng.standard_normal((100, WIDTH)).astype(np.float32))
    np.savez(tmp_path / "few.npz", x=np.ones((3, WIDTH), np.float32))
    return path


def test_it_prints_the_loss_the_size_and_the_speed(modelport: Any, net: Path, tmp_path: Path) -> None:
    outcome = modelport("quantize", net, "-o", tmp_path / "int8.onnx", "--timing-seconds", 0.1)
    assert outcome.status == 0, outcome.err
    assert not outcome.out
    for text in ("within budget", "y ", "size:", "time:", "95 %"):
        assert text in outcome.err


def test_json_holds_the_same_figures(modelport: Any, net: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    outcome = modelport(
        "quantize", net, "-o", target, "--mode", "static", "--samples", tmp_path / "rows.npz", "--exclude-node", "hea*",
        "--json", "-q", "--timing-seconds", 0, "--max-drop", 100,
    )  # fmt: skip
    report = json.loads(outcome.out)
    assert outcome.status == 0, outcome.err
    assert report["size_bytes"] == target.stat().st_size
    assert report["excluded"] == ["head"]
    assert report["errors"][0]["error"] < 0.1
    assert report["command"].startswith("modelport quantize")


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--max-error", 0), 5, "the relative error is"),
        (("--max-error", 0, "--auto"), 5, "no set of nodes"),
        (("--mode", "static"), 2, "needs samples"),
        (("--mode", "static", "--samples", "few.npz"), 2, "3 calibration samples are too few"),
        (("--samples", "missing.npz"), 2, "no such samples file"),
        (("--exclude", "Cnv"), 2, "matches no operator"),
        (("--exclude-node", "*"), 3, "leave nothing to quantise"),
        (("--io", "same"), 2, "are float32"),
    ],
)
def test_what_fails_says_what_to_do_and_leaves_nothing(
    modelport: Any, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[object, ...], status: int,
    says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    outcome = modelport("quantize", net, "-o", tmp_path / "int8.onnx", "--timing-seconds", 0, *words)
    assert outcome.status == status, outcome.err
    assert says in outcome.err
    assert "what to do: " in outcome.err
    assert "Traceback" not in outcome.err
    assert sorted(tmp_path.iterdir()) == before


def test_a_target_that_exists_survives_a_failure(modelport: Any, net: Path, target: Path) -> None:
    assert modelport("quantize", net, "-o", target, "--max-error", 0).status == 5
    assert target.read_bytes() == b"what was there before"
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_the_result_is_an_onnx_model_that_verify_takes(modelport: Any, net: Path, tmp_path: Path) -> None:
    target = tmp_path / "half.onnx"
    assert modelport("quantize", net, "-o", target, "--mode", "float16", "--timing-seconds", 0).status == 0
    onnx.checker.check_model(str(target), full_check=True)
    assert modelport("verify", net, target, "--rtol", 0.1, "--atol", 0.1).status == 0
