"""``modelport bench`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelport.workbench import timing

QUICK = ("--rounds", 6, "--warmup", 0)


def test_a_table_for_each_shape_says_how_it_was_measured(modelport: Any, onnx_files: Path) -> None:
    done = modelport(
        "bench", onnx_files / "doubling.onnx", onnx_files / "tripling.onnx", "--grid", "N=1,3", "--threads", 1, *QUICK
    )
    assert done.status == 0, done.err
    for words in ("x=1x4", "x=3x4", "doubling.onnx", "tripling.onnx", "p50 ms", "95 % interval", "peak memory", "threads: 1",
                  "CPUExecutionProvider", "onnxruntime"):  # fmt: skip
        assert words in done.out


def test_json_holds_the_report_and_the_command(modelport: Any, onnx_files: Path) -> None:
    done = modelport("bench", onnx_files / "doubling.onnx", "--no-memory", "--json", *QUICK)
    report = json.loads(done.out)
    assert report["cases"][0]["timings"][0]["rounds"] == 6
    assert report["variants"][0]["peak_bytes"] is None
    assert report["command"].startswith("modelport bench ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--provider", "cuda9"), "installed: "),
        (("--shapes", "x=1x5"), "contradicts"),
        (("--plot", "missing/p.png"), "no such folder"),
        (("--affinity", "a"), "list of cores"),
    ],
)
def test_bad_input_is_refused(words: tuple[str, ...], says: str, modelport: Any, onnx_files: Path) -> None:
    done = modelport("bench", onnx_files / "doubling.onnx", *words, *QUICK)
    assert done.status == 2
    assert says in done.err
    assert not done.out


def test_ctrl_c_prints_what_was_measured(modelport: Any, onnx_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interleave, times = timing.interleave, []

    def interrupted(*words: Any, **options: Any) -> Any:
        times.append(interleave(*words, **options))
        if len(times) == 2:
            raise KeyboardInterrupt
        return times[-1]

    monkeypatch.setattr(timing, "interleave", interrupted)
    done = modelport("bench", onnx_files / "doubling.onnx", "--grid", "N=1,2,3", *QUICK)
    assert done.status == 130
    assert "x=1x4, 4 rounds, 2 openings" in done.out
    assert "interrupted" in done.out
    assert "x=2x4" not in done.out


@pytest.mark.parametrize("variant", ["eager", "compiled"])
def test_pytorch_runs_eager_and_compiled_beside_onnx(variant: str, modelport: Any, pytorch_files: Path) -> None:
    done = modelport("bench", pytorch_files / "net.pt2", "--variant", variant, "--no-memory", *QUICK, "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["variants"][0]["how"] == variant


def test_keras_saved_model_and_scikit_learn_run(modelport: Any, keras_files: Path, sklearn_files: Path) -> None:
    words = ("--variant", "call", "--variant", "compiled", "--no-memory", *QUICK, "--json")
    done = modelport("bench", keras_files / "model.keras", keras_files / "saved", *words)
    assert done.status == 0, done.err
    assert [variant["how"] for variant in json.loads(done.out)["variants"]] == ["call", "compiled", "run"]
    done = modelport("bench", sklearn_files / "iris.skops", "--no-memory", *QUICK)
    assert done.status == 0, done.err
