"""ONNX's own backend suite, and how one of its cases is put to a target.

A target is a function that takes a model and returns a call from inputs to outputs, both lists in the order of the model; what it
refuses, it refuses in the first step. A case passes within the tolerance that the suite gives it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.backend.test.loader as loader
from onnx import numpy_helper
from onnx.backend.test.runner import Runner

from modelport.errors import CannotConvert

RANDOM = re.compile(r"node/test_(bernoulli|training_dropout(_default)?(_mask)?$)")
"""Cases whose expected values are one draw of NumPy's generator: only their types and shapes can be compared."""

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")

Call = Callable[[list[Any]], list[Any]]
Target = Callable[[onnx.ModelProto], Call]


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        name: the case.
        family: the operator of a node case, else the kind.
        status: "passed", "random" (ran, and could not be compared by value), "refused" (before running, with a reason), "wrong"
            or "failed".
        reason: why it did not pass.
    """

    name: str
    family: str
    status: str
    reason: str = ""


@cache
def cases() -> dict[str, Any]:
    """Return the 2,024 cases by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {f"{kind}/{case.name}": case for kind in KINDS for case in loader.load_model_tests(kind=kind)}


def model_of(case: Any) -> onnx.ModelProto:
    """Return the model of a case."""
    return case.model if case.model is not None else onnx.load(str(Path(case.model_dir) / "model.onnx"))


def tensors_only(name: str) -> bool:
    """Tell whether the inputs and outputs of a case are tensors, rather than sequences or optionals."""
    graph = model_of(cases()[name]).graph
    return all(value.type.WhichOneof("value") == "tensor_type" for value in (*graph.input, *graph.output))


def data_of(case: Any, model: onnx.ModelProto) -> Iterator[tuple[list[Any], list[Any]]]:
    """Yield the inputs and the expected outputs of a case's data sets."""
    for inputs, outputs in case.data_sets or ():
        yield [_array(value) for value in inputs], [_array(value) for value in outputs]
    for folder in sorted(Path(case.model_dir).glob("test_data_set_*")) if case.model_dir else ():
        yield _read_all(folder, "input", model.graph.input), _read_all(folder, "output", model.graph.output)


def run_case(name: str, target: Target) -> Outcome:
    """Put one case to a target."""
    case = cases()[name]
    model = model_of(case)
    family = model.graph.node[0].op_type if name.startswith("node/") else name.split("/")[0]
    try:
        call = target(model)
    except CannotConvert as error:
        return Outcome(name, family, "refused", " ".join(str(error.what).split()))
    except Exception as error:  # whatever a target does wrong is what this run is to find
        return Outcome(name, family, "failed", _told(error))
    try:
        sets = list(data_of(case, model))
        assert sets, "the case has no data"
        for inputs, expected in sets:
            compare = assert_same_kind if RANDOM.match(name) else assert_similar
            compare(expected, call(inputs), case.rtol, case.atol)
    except AssertionError as error:
        return Outcome(name, family, "wrong", _told(error))
    except Exception as error:
        return Outcome(name, family, "failed", _told(error))
    return Outcome(name, family, "random" if RANDOM.match(name) else "passed")


def assert_same_kind(expected: list[Any], found: list[Any], rtol: float, atol: float) -> None:
    """Compare types and shapes only."""
    assert [(a.dtype, a.shape) for a in found] == [(a.dtype, a.shape) for a in expected]


def assert_similar(expected: list[Any], found: list[Any], rtol: float, atol: float) -> None:
    """Compare as the suite does, which itself cannot compare sequences of scalars or empty optionals."""
    assert len(expected) == len(found), f"{len(found)} outputs or elements, where {len(expected)} are expected"
    for wanted, given in zip(expected, found, strict=True):
        if isinstance(wanted, list):
            assert isinstance(given, list), "no sequence"
            assert_similar(wanted, given, rtol, atol)
        elif wanted is None or given is None:
            assert wanted is given, "an optional is empty, or should be"
        else:
            Runner.assert_similar_outputs([wanted], [given], rtol, atol)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _read_all(folder: Path, kind: str, values: Sequence[onnx.ValueInfoProto]) -> list[Any]:
    """Read the files of a data set: old models name their initializers as inputs too, and have no files for them."""
    count = len(list(folder.glob(f"{kind}_*.pb")))
    return [_read(folder / f"{kind}_{at}.pb", value) for at, value in enumerate(values[:count])]


def _read(path: Path, value: onnx.ValueInfoProto) -> Any:
    kind = value.type.WhichOneof("value")
    data = path.read_bytes()
    if kind == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return np.asarray(numpy_helper.to_array(onnx.TensorProto.FromString(data)))


def _array(value: Any) -> Any:
    """Return the array of a tensor that the suite holds as a message (types that NumPy lacks)."""
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
