"""The proof within a conversion: every engine is observed once, whatever samples the user gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import Convert, FakeFramework, Net, graph

import modelport
from modelport.errors import InputsRefused, NotEquivalent, PluginFailed
from modelport.plugins import Registry
from modelport.session import _OrtSession as Session
from modelport.spec import Framework, Option, hookimpl


@pytest.fixture
def second(registry: Registry) -> FakeFramework:
    """Another framework, that ONNX is carried on to."""
    framework = FakeFramework("second")
    registry.register("second", framework)
    return framework


@pytest.fixture
def hub_runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The inputs that ONNX Runtime is run on."""
    runs: list[Any] = []
    run = Session.run

    def counted(self: Session, inputs: Any) -> Any:
        runs.append(inputs)
        return run(self, inputs)

    monkeypatch.setattr(Session, "run", counted)
    return runs


RELU = "(float[N,4] x) => (float[N,4] y) { y = Relu(x) }"
IDENTITY = "(float[N,4] x) => (float[N,4] y) { y = Identity(x) }"


def test_each_engine_runs_each_case_once_in_two_hops(
    fake: FakeFramework, second: FakeFramework, hub_runs: list[Any], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[int] = Counter()
    run = Net.run

    def counted(self: Net, arrays: Any) -> Any:
        calls[id(self)] += 1
        return run(self, arrays)

    monkeypatch.setattr(Net, "run", counted)
    source = Net(graph(RELU))

    proofs = modelport.convert(source, from_="fake", output=target.with_suffix(".second")).report.proofs

    cases = len(proofs[0].cases)
    assert [len(proof.cases) for proof in proofs] == [cases] * 3
    assert len(hub_runs) == cases
    assert calls.pop(id(source)) == cases + proofs[0].repeats
    assert list(calls.values()) == [cases]


def test_one_row_of_samples_does_not_hide_what_other_inputs_show(convert: Convert, target: Path) -> None:
    wrong = Net(graph(RELU), reference=graph(IDENTITY))
    with pytest.raises(NotEquivalent, match="y"):
        convert(wrong, samples=np.ones((1, 4), np.float32))
    assert not target.exists()


def test_samples_alone_are_the_minimum_where_the_source_refuses_generated_inputs(convert: Convert) -> None:
    def counts(arrays: Any) -> Any:
        if (arrays["x"] < 0).any() or (arrays["x"] != np.round(arrays["x"])).any():
            raise ValueError("counts only")
        return {"y": np.maximum(arrays["x"], 0)}

    report = convert(Net(graph(RELU), reference=counts), samples=np.arange(12, dtype=np.float32).reshape(3, 4)).report

    assert report.verdict == "proven"
    assert any("counts only" in line for line in report.proofs[0].refused)


class Rounding(FakeFramework):
    """A target that takes absolute values for Relu, where the option `round` asks for a loss as well as where it does not."""

    def __init__(self) -> None:
        super().__init__("rounding", spoil=lambda proto: setattr(proto.graph.node[0], "op_type", "Abs"))

    @hookimpl
    def framework(self) -> Framework:
        return replace(super().framework(), options=(Option("round", "bool", False, "Lose digits.", lossy=True),))


@pytest.mark.parametrize("lossy", [True, False])
def test_a_loss_that_the_user_asks_for_is_proven_on_the_samples_alone(
    lossy: bool, fake: FakeFramework, registry: Registry, target: Path
) -> None:
    registry.register("rounding", Rounding())
    arguments = {"samples": np.ones((3, 4), np.float32), "options": {"round": lossy}}

    def convert() -> Any:
        return modelport.convert(
            Net(graph(RELU)), from_="fake", output=target.with_suffix(".rounding"), **arguments
        ).report

    if not lossy:
        with pytest.raises(NotEquivalent, match="Rounding"):
            convert()
        return
    report = convert()
    against_source, *against_target = report.proofs
    assert report.verdict == "proven"
    assert any(case.label == "normal" for case in against_source.cases)
    assert {case.label.partition(",")[0] for proof in against_target for case in proof.cases} == {"your samples"}
    assert "-O round=True gives up digits: the result is proven on your samples alone" in report.notes


def test_onnx_failing_on_one_case_is_named_and_not_a_fault_of_ours(
    fake: FakeFramework, second: FakeFramework, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Session.run

    def failing(self: Session, inputs: Any) -> Any:
        if len(inputs["x"]) == 1:
            raise RuntimeError("no kernel for one row")
        return run(self, inputs)

    monkeypatch.setattr(Session, "run", failing)
    with pytest.raises(NotEquivalent, match=r"N=1.*no kernel for one row") as caught:
        modelport.convert(Net(graph(RELU)), from_="fake", output=target.with_suffix(".second"))
    assert caught.value.exit_status == 5
    assert not list(target.parent.iterdir())


def test_the_delivered_model_is_read_once(convert: Convert) -> None:
    conversion = convert(Net(graph(RELU)))
    assert conversion.model is conversion.model


def test_a_fault_of_the_sources_plugin_is_named_and_not_booked_as_a_difference(
    registry: Registry, target: Path
) -> None:
    class Faulty(FakeFramework):
        @hookimpl
        def run(self, model: Net, inputs: Any) -> Any:
            raise KeyError("a bug")

    registry.register("faulty", Faulty("faulty"))
    with pytest.raises(PluginFailed, match=r"(?s)Faulty.*'run'.*a bug") as caught:
        modelport.convert(Net(graph(RELU)), from_="faulty", output=target)
    assert caught.value.exit_status == 3
    assert not target.exists()


def test_a_fault_of_the_targets_plugin_is_named_and_not_booked_as_a_difference(
    fake: FakeFramework, registry: Registry, target: Path
) -> None:
    class Faulty(FakeFramework):
        @hookimpl
        def run(self, model: Net, inputs: Any) -> Any:
            raise KeyError("a bug")

    registry.register("faulty", Faulty("faulty"))
    with pytest.raises(PluginFailed, match=r"(?s)Faulty.*'run'.*a bug"):
        modelport.convert(Net(graph(RELU)), from_="fake", output=target.with_suffix(".faulty"))
    assert not list(target.parent.iterdir())


def test_inputs_that_the_target_does_not_admit_and_the_source_does_are_a_difference(
    fake: FakeFramework, registry: Registry, target: Path
) -> None:
    class Picky(FakeFramework):
        @hookimpl
        def run(self, model: Net, inputs: Any) -> Any:
            if len(inputs["x"]) == 1:
                raise InputsRefused("two rows at least")
            return model.run(inputs)

    registry.register("picky", Picky("picky"))
    with pytest.raises(NotEquivalent, match=r"N=1.*two rows at least"):
        modelport.convert(Net(graph(RELU)), from_="fake", output=target.with_suffix(".picky"))
