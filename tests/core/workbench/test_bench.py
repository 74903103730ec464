"""bench(): what is measured, what is refused before measuring, what an interruption keeps. No speed is asserted."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fakes import FakeFramework, Net, graph

from modelport import errors, hookimpl, plugins
from modelport.workbench.bench import bench, plot
from modelport.workbench.bench.measuring import openings_for
from modelport.workbench.bench.records import Case

QUICK: dict[str, Any] = {"rounds": 6, "warmup": 0, "memory": False}


@pytest.fixture
def relu(tmp_path: Path) -> Path:
    """A file of x:float32[N,4]."""
    path = tmp_path / "relu.onnx"
    onnx.save(graph("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }"), path)
    return path


@pytest.fixture
def picky(tmp_path: Path) -> Path:
    """A file whose signature admits any N, and which runs for N = 2 alone."""
    path = tmp_path / "picky.onnx"
    model = graph("(float[N,4] x) => (float[2,4] y) { y = Add(x, w) }", w=np.ones((2, 4), np.float32))
    onnx.save(model, path)
    return path


class Timed(FakeFramework):
    """A framework that tells what is timed."""

    def __init__(self) -> None:
        super().__init__("timed")
        self.asked: list[tuple[str, int, dict[str, tuple[int, ...]]]] = []

    @hookimpl
    def framework(self) -> Any:
        from dataclasses import replace

        return replace(super().framework(), variants=("eager", "compiled"))

    @hookimpl
    def runner(self, model: Net, inputs: Any, variant: str, threads: int) -> Callable[[], object]:
        self.asked.append((variant, threads, {name: array.shape for name, array in inputs.items()}))
        return lambda: model.run(inputs)


@pytest.fixture
def timed(registry: plugins.Registry) -> Timed:
    plugin = Timed()
    registry.register("timed", plugin)
    return plugin


def test_every_variant_is_measured_at_every_shape(relu: Path) -> None:
    report = bench(relu, relu, shapes="x=1x4,8x4", **QUICK)
    assert [variant.name for variant in report.variants] == ["relu.onnx", "relu.onnx #2"]
    assert [(case.shapes, case.samples) for case in report.cases] == [({"x": [1, 4]}, 1), ({"x": [8, 4]}, 8)]
    for case in report.cases:
        first, second = case.timings
        assert (first.rounds, second.rounds, case.openings) == (6, 6, 3)
        assert first.ratio is None
        assert second.ratio is not None
        assert second.ratio.low <= second.ratio.value <= second.ratio.high
        assert second.p50 <= second.p90 <= second.p99
        assert second.throughput == pytest.approx(case.samples / second.p50)


def test_a_plugins_variants_get_threads_and_inputs_of_each_shape(timed: Timed) -> None:
    net = Net(graph("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }"))
    report = bench(net, from_=["timed"], variants=["eager", "compiled"], grid=["N=2"], threads=3, **QUICK)
    assert [variant.how for variant in report.variants] == ["eager", "compiled"]
    assert {(how, threads) for how, threads, _ in timed.asked} == {("eager", 3), ("compiled", 3)}
    assert all(given == {"x": (2, 4)} for *_, given in timed.asked)


def test_a_plugin_without_a_runner_is_measured_by_its_run_hook(fake: FakeFramework, relu: Path) -> None:
    net = Net(graph("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }"))
    report = bench(relu, net, from_=["onnx", "fake"], **QUICK)
    assert report.variants[1].how == "run"
    assert len(net.calls) > 6


def test_samples_are_repeated_to_the_shape(fake: FakeFramework) -> None:
    net = Net(graph("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }"))
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    bench(net, from_=["fake"], samples=x, grid=["N=3"], **QUICK)
    assert np.array_equal(net.calls[0]["x"], x[[0, 1, 0]])


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"providers": ["tensorrt"]}, errors.BadInput, "CPUExecutionProvider"),
        ({"shapes": "x=1x5"}, errors.InvalidSignature, "axis 1 of its input 'x' is 4, not 5"),
        ({"variants": ["eager"]}, errors.BadInput, "no model here has the variant 'eager'"),
        ({"plot": "missing/plot.png"}, errors.OutputNotWritable, "no such folder"),
        ({"plot": "plot.jpg"}, errors.InvalidOption, ".png or .svg"),
        ({"affinity": [99999]}, errors.BadInput, "99999"),
        ({"threads": -1}, errors.BadInput, "-1 threads"),
        ({"rounds": 1}, errors.BadInput, "1 rounds"),
        ({"seconds": 0.0}, errors.BadInput, "0.0 seconds"),
        ({"options": {"colour": "red"}}, errors.InvalidOption, "colour"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    asked: dict[str, Any], error: type[errors.ModelportError], says: str, relu: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(relu.parent)
    with pytest.raises(error) as caught:
        bench(relu, **{**QUICK, **asked})
    assert says in str(caught.value)


def test_a_model_that_does_not_run_is_refused_before_anything_is_measured(relu: Path, picky: Path) -> None:
    told: list[str] = []
    with pytest.raises(errors.BadInput, match=r"does not run on x \(3, 4\)") as caught:
        bench(relu, picky, grid=["N=2,3"], progress=lambda what, part: told.append(what), **QUICK)
    assert caught.value.where == "picky.onnx"
    assert not any(what.startswith("x=") for what in told)


def test_a_file_that_onnx_runtime_refuses_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "unknown.onnx"
    model = graph("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }")
    model.graph.node[0].op_type = "NoSuchOp"
    onnx.save(model, path)
    with pytest.raises(errors.CheckFailed, match="NoSuchOp"):
        bench(path, **QUICK)


def test_an_interruption_keeps_what_was_measured(relu: Path) -> None:
    def interrupt(what: str, part: float) -> None:
        if part > 0.75:
            raise KeyboardInterrupt

    report = bench(relu, relu, shapes="x=1x4,8x4", progress=interrupt, **{**QUICK, "rounds": 40})
    assert report.interrupted
    assert [case.samples for case in report.cases] == [1, 8]
    assert [timing.rounds for timing in report.cases[0].timings] == [40, 40]
    assert 2 <= report.cases[1].timings[0].rounds < 40


def test_an_interruption_before_anything_is_measured_passes_on(relu: Path) -> None:
    def interrupt(what: str, part: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench(relu, progress=interrupt, **QUICK)


def test_threads_and_cores_are_put_back(relu: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    cores = os.sched_getaffinity(0)
    report = bench(relu, threads=1, affinity=[min(cores)], **QUICK)
    assert (report.settings.threads, report.settings.affinity) == (1, [min(cores)])
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "TF_NUM_INTRAOP_THREADS" not in os.environ
    assert os.sched_getaffinity(0) == cores


def test_peak_memory_is_that_of_a_process_of_its_own(tmp_path: Path) -> None:
    """The model's own buffer of 200 MB counts; the 600 MB that this process comes to hold must not be charged to the child."""
    path = tmp_path / "wide.onnx"
    onnx.save(graph("(float[N,4] x) => (float[4] y) { w = Expand(x, s)  y = ReduceMax<keepdims=0>(w, a) }",
                    s=np.asarray([2**23 // 4 * 6, 4]), a=np.asarray([0])), path)  # fmt: skip

    def peak() -> int:
        return bench(path, grid=["N=1"], **{**QUICK, "memory": True, "rounds": 2}).variants[0].peak_bytes or 0

    before = peak()
    ballast = np.ones(600 * 2**20, np.uint8)
    assert before > 2e8
    assert peak() - before < ballast.nbytes // 2


def test_a_model_in_memory_has_no_peak_and_a_note(fake: FakeFramework) -> None:
    net = Net(graph("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }"))
    report = bench(net, from_=["fake"], **{**QUICK, "memory": True})
    assert report.variants[0].peak_bytes is None
    assert "in memory" in report.notes[0]


@pytest.mark.parametrize(
    ("rounds", "seconds", "to_open", "expected"),
    [(None, 2.0, 0.01, 10), (None, 2.0, 0.4, 5), (None, 2.0, 60.0, 3), (6, 2.0, 0.01, 3), (2, 2.0, 0.01, 1)],
)
def test_models_are_opened_anew_as_often_as_the_time_allows(
    rounds: int | None, seconds: float, to_open: float, expected: int
) -> None:
    assert openings_for(rounds, seconds, to_open) == expected


@pytest.mark.parametrize("shapes", ["x=2x4", "x=1x4,2x4,8x4"])
def test_a_plot_names_every_variant_and_unit(shapes: str, relu: Path) -> None:
    target = relu.with_name("plot.svg")
    bench(relu, relu, shapes=shapes, plot=target, **QUICK)
    text = " ".join(ET.parse(target).getroot().itertext())
    for words in ("relu.onnx", "relu.onnx #2", "milliseconds per call"):
        assert words in text


def test_a_png_plot_is_a_png(relu: Path) -> None:
    target = relu.with_name("plot.png")
    bench(relu, plot=target, **QUICK)
    assert target.read_bytes().startswith(b"\x89PNG")


def test_dimensions_that_vary_together_are_one_axis_and_the_shorter_one_makes_the_panels() -> None:
    cases = [Case("", {"N": n, "H": h, "W": h, "C": 3}, {}, n, 1, []) for n in (1, 16) for h in (32, 64, 128)]
    along, groups = plot.panels(cases)
    assert (along.label, along.sizes[:3]) == ("H = W", [32, 64, 128])
    assert groups == {"N = 1": [0, 1, 2], "N = 16": [3, 4, 5]}
