"""Planted faults: wrong exports that a proof has to refuse, each beside its correct twin and an input that tells them apart.

A `Fault` is two ONNX graphs, the right one standing for the source. A `Sabotage` is a real export of a framework, spoiled on its
way to the proof. Both say what is converted (`source`) and what it is rightly and wrongly exported as (`right`, `wrong`), and run
the witness on either side, without the prover's own cases.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
import onnxruntime
from fakes import FakeFramework, Net, graph, signature_of

import modelport
from modelport.errors import ModelportError, NotEquivalent
from modelport.loading.open_model import open_model
from modelport.pipeline import Conversion
from modelport.plugins import Plugin, registry
from modelport.spec import Options

Arrays = Mapping[str, np.ndarray]
WAYS = ("convert", "verify", "verify, the other way round")
_MISSED = Path(__file__).parents[1] / "planted" / "missed.toml"


@dataclass(frozen=True)
class Bound:
    """How far outputs of the witness have to lie apart: beyond any tolerance, or beyond a tenth of the "
    "right output's spread."""

    rtol: float = 1e-3
    atol: float = 1e-5
    of_spread: float | None = None

    def exceeded(self, right: np.ndarray, wrong: np.ndarray) -> bool:
        """Whether two outputs differ by more than this; shapes, integers and words have to be the same."""
        if right.shape != wrong.shape or right.dtype.kind != "f":
            return not np.array_equal(right, wrong)
        if self.of_spread is not None:
            return bool((np.abs(right - wrong) > self.of_spread * np.ptp(right, axis=0)).any())
        return not np.allclose(wrong, right, self.rtol, self.atol, equal_nan=True)


USUAL, DOUBLE = Bound(), Bound(rtol=1e-7, atol=0.0)
SPREAD = Bound(of_spread=0.1)


@dataclass(frozen=True)
class Fault:
    """A correct export and one with a fault; the source computes `reference`, or what the correct graph computes."""

    name: str
    correct: onnx.ModelProto
    faulty: onnx.ModelProto
    reference: Callable[[Any], Any] | None = None
    witness: Arrays = field(default_factory=dict)
    bound: Bound = USUAL
    framework = "fake"
    inputs = ()

    def source(self) -> Net:
        """A model of the fake framework that is exported rightly."""
        return Net(self.correct, self.reference or self.correct, signature_of(self.correct))

    def right(self) -> onnx.ModelProto:
        return self.correct

    def wrong(self) -> onnx.ModelProto:
        return self.faulty

    def compared(self) -> Any:
        """What `verify` is given for the source."""
        return self.source() if self.reference else self.correct

    def telling(self) -> Arrays:
        """The witness."""
        return self.witness

    def answer(self) -> Arrays:
        """What the source answers to the witness."""
        return self.reference(self.witness) if self.reference else run(self.correct, self.witness)


@dataclass(frozen=True)
class Export:
    """A small model of a real framework and what it is exported as; both are made when first asked for."""

    framework: str
    build: Callable[[], Any]
    inputs: tuple[str, ...] = ()

    @cached_property
    def model(self) -> Any:
        return self.build()

    @cached_property
    def conversion(self) -> Conversion:
        """The correct export with its proof; raises NotEquivalent where it is refused."""
        with exported_as(self.onnx):
            return convert(self.model, self)

    @cached_property
    def onnx(self) -> onnx.ModelProto:
        return convert(self.model, self, verify=False).model


@dataclass(frozen=True)
class Sabotage:
    """A real export that is spoiled on its way; where the fault lies in the source, `instead` builds what is converted.

    A witness that depends on what the model has learnt is looked for by a function of the fault.
    """

    name: str
    export: Export
    spoil: Callable[[onnx.ModelProto], object]
    witness: Arrays | Callable[[Sabotage], Arrays]
    bound: Bound = USUAL
    instead: Callable[[], Any] | None = None
    calls: int = 1

    @property
    def framework(self) -> str:
        return self.export.framework

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.export.inputs

    def source(self) -> Any:
        return self.instead() if self.instead else self.export.model

    compared = source

    def telling(self) -> Arrays:
        """The witness."""
        return self.witness(self) if callable(self.witness) else self.witness

    def right(self) -> onnx.ModelProto:
        return self.export.onnx

    def wrong(self) -> onnx.ModelProto:
        spoiled = onnx.ModelProto()
        spoiled.CopyFrom(self.export.onnx)
        self.spoil(spoiled)
        return spoiled

    def answer(self) -> Arrays:
        """What the source answers to the witness, called as often as the fault needs."""
        opened = open_model(self.source(), from_=self.framework, options=_options(self))
        for _ in range(self.calls):
            values = opened.run(dict(self.telling()))
        return values


Planted = Fault | Sabotage


# --- making faults -------------------------------------------------------------------------------


def pair(
    name: str, body: str, correct: str, faulty: str, *, witness: Arrays | None = None, bound: Bound = USUAL,
    reference: Callable[[Any], Any] | None = None, opset: int = 20, ml: int = 0, **weights: Any,
) -> Fault:  # fmt: skip
    """Two graphs that differ where the body says ``@``."""
    right, wrong = (graph(body.replace("@", text), opset=opset, ml=ml, **weights) for text in (correct, faulty))
    return Fault(name, right, wrong, reference, witness or {}, bound)


def weights_pair(
    name: str, body: str, weights: dict[str, Any], wrong: dict[str, Any], *, witness: Arrays | None = None,
    bound: Bound = USUAL, **options: Any,
) -> Fault:  # fmt: skip
    """One graph with right and with wrong weights."""
    right, spoiled = (graph(body, **values, **options) for values in (weights, {**weights, **wrong}))
    return Fault(name, right, spoiled, None, witness or {}, bound)


# --- running and proving -------------------------------------------------------------------------


def run(model: onnx.ModelProto, arrays: Arrays) -> Arrays:
    """Run a graph on ONNX Runtime as it stands."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(arrays)), strict=True))


def is_wrong(planted: Planted) -> bool:
    """Whether the witness tells the wrong export from the source; a side that fails on it is told too."""
    try:
        right = planted.answer()
        wrong = run(planted.wrong(), planted.telling())
    except Exception:
        return True
    pairs = zip(right.values(), wrong.values(), strict=True)
    return any(planted.bound.exceeded(np.asarray(mine), np.asarray(theirs)) for mine, theirs in pairs)


def convert(model: Any, planted: Planted | Export, **options: Any) -> Conversion:
    """Convert as a user does, with every setting left alone."""
    return modelport.convert(model, from_=planted.framework, inputs=planted.inputs, **options)


@contextmanager
def exported_as(wrong: onnx.ModelProto) -> Iterator[None]:
    """Give every plugin's export this graph for its result."""
    call = Plugin.call

    def patched(self: Plugin, hook: str, **arguments: Any) -> Any:
        return wrong if hook == "to_onnx" else call(self, hook, **arguments)

    with mock.patch.object(Plugin, "call", patched):
        yield


def catches(planted: Planted, way: str, folder: Path) -> bool:
    """Whether a proof of the wrong export refuses it, in one of the ways a user can ask for one."""
    if way == "convert":
        return _refused(planted)
    try:
        return not _agree(planted, planted.compared(), planted.wrong(), way, folder)
    except NotEquivalent:
        return True


def proves(planted: Planted, way: str, folder: Path) -> bool:
    """Whether the correct export is proven in one of these ways; one proof serves all faults of an export."""
    if isinstance(planted, Sabotage):
        return _export_proves(planted.export, way, folder)
    if way == "convert":
        return convert(planted.source(), planted).report.verdict == "proven"
    return _agree(planted, planted.compared(), planted.right(), way, folder)


_proven: dict[tuple[int, str], bool] = {}


def _export_proves(export: Export, way: str, folder: Path) -> bool:
    if way == "convert":
        return export.conversion.report.verdict == "proven"
    key = (id(export), way)
    if key not in _proven:
        _proven[key] = _agree(export, export.model, export.onnx, way, folder)
    return _proven[key]


def _agree(planted: Planted | Export, source: Any, exported: onnx.ModelProto, way: str, folder: Path) -> bool:
    """Whether `verify` proves a source and an export equal, in one direction or the other."""
    path, key = folder / "exported.onnx", planted.framework
    onnx.save(exported, path)
    if isinstance(source, onnx.ModelProto):
        onnx.save(source, folder / "source.onnx")
        source, key = folder / "source.onnx", "onnx"
    sides, keys = (source, path), (key, "onnx")
    if way != "verify":
        sides, keys = sides[::-1], keys[::-1]
    return modelport.verify(*sides, from_=keys, inputs=planted.inputs).verdict == "proven"


def _refused(planted: Planted) -> bool:
    with exported_as(planted.wrong()):
        try:
            conversion = convert(planted.source(), planted)
        except ModelportError as error:
            return error.exit_status in (4, 5)
    return conversion.report.verdict != "proven"


def _options(planted: Planted) -> Options:
    from modelport.signature import parse_inputs

    specs, examples = parse_inputs(planted.inputs)
    return Options(inputs=specs, examples=examples)


def register_fake() -> None:
    """Register the fake framework, whose sources are graphs and functions."""
    registry().register("fake", FakeFramework())


@cache
def missed() -> dict[str, dict[str, Any]]:
    """What is not proven or refused as it should be, by the fault's name: the ways concerned, and the reason."""
    return tomllib.loads(_MISSED.read_text())
