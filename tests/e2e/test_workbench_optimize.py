"""``modelport optimize`` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from fakes import graph

BODY = "(float[N,4] x) => (float[N,4] y) { i = Identity(x)  a = Relu(i)  b = Relu(i)  y = Add(a, b) }"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modelport", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(graph(BODY).SerializeToString())
    return path


def test_optimize_prints_what_changed_and_the_speed(source: Path, tmp_path: Path) -> None:
    done = run(
        "optimize", source, "-o", tmp_path / "fast.onnx", "--json", "--proof-seconds", "0", "--timing-seconds", "0.2"
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["before"]["nodes"] == 4
    assert record["after"]["nodes"] == len(onnx.load(tmp_path / "fast.onnx").graph.node) < 4
    assert record["speed"]["ratio"]["low"] <= record["speed"]["ratio"]["value"] <= record["speed"]["ratio"]["high"]
    for words in ("Identity", "all nodes", "proven", "ms before", "95 %"):
        assert words in done.stderr
    assert "leaked" not in done.stderr


def test_a_graph_without_attention_ends_with_status_3_and_no_file(source: Path, tmp_path: Path) -> None:
    done = run("optimize", source, "-o", tmp_path / "fast.onnx", "--level", "transformer", "--proof-seconds", "0")
    assert done.returncode == 3
    assert "no attention was found" in done.stderr
    assert "leaked" not in done.stderr
    assert not (tmp_path / "fast.onnx").exists()


def test_convert_optimises_on_the_way(source: Path, tmp_path: Path) -> None:
    done = run("convert", source, "-o", tmp_path / "fast.onnx", "--optimize", "portable", "--proof-seconds", "0")
    assert done.returncode == 0, done.stderr
    assert "4 nodes became" in done.stderr
