"""Models that are right and numerically delicate, and the question whether a proof refuses them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeFramework

import modelport
from modelport import plugins
from modelport.errors import ModelportError

FAKE = "fake"
MODULES = {
    "graphs": ("ties", "sums", "specials", "integers", "shapes"),
    "sklearn": ("sklearn", "sklearn_steps"),
    "keras": ("keras",),
    "pytorch": ("pytorch", "pytorch_sums"),
    "tensorflow": ("tensorflow",),
}
"""Where the models of each kind of source stand: in tests/support/delicate_NAME.py."""


@dataclass(frozen=True)
class Delicate:
    """A right model that a proof could take for a wrong one.

    Attributes:
        name: what is delicate about it, in words.
        kind: the family of the difficulty, for the score.
        make: returns the source model.
        why: why the conversion is right.
        framework: the key of the source's framework; `fake` for a graph beside a reference in NumPy.
        to: the key of the target's framework.
        inputs: the --input notation.
        options: the plugin's options; `modelport.verify` takes none, so such a case is converted and not verified.
    """

    name: str
    kind: str
    make: Callable[[], Any]
    why: str
    framework: str = FAKE
    to: str = "onnx"
    inputs: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def cases(source: str) -> list[Delicate]:
    """Return the models of one kind of source; its framework is imported by this alone."""
    return [case for name in MODULES[source] for case in import_module(f"delicate_{name}").CASES]


class FakeSource(FakeFramework):
    """A framework that is converted from and never to."""

    from_onnx = None


@contextmanager
def with_fakes() -> Iterator[None]:
    """Register the fake framework, and drop the registry that holds it afterwards."""
    plugins.registry.cache_clear()
    plugins.registry().register(FAKE, FakeSource(FAKE))
    try:
        yield
    finally:
        plugins.registry.cache_clear()


def refusals(case: Delicate, folder: Path) -> list[str]:
    """Convert at default settings, then verify the source against the result and the result against the source.

    Returns:
        What was refused and why; empty for a model whose conversion is proven and whose two verifications agree.
    """
    target = folder / ("model.onnx" if case.to == "onnx" else "model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflow and the like are what these models are about
        source = case.make()
        try:
            conversion = modelport.convert(
                source, output=target, from_=case.framework, to=case.to, inputs=case.inputs, options=dict(case.options)
            )
        except ModelportError as error:
            return [f"convert: {type(error).__name__}: {error.what}"]
        if conversion.report.verdict != "proven":
            return [f"convert: {conversion.report.verdict}"]
        if case.options:
            return []
        return [*_verified(case, source, target, "forwards"), *_verified(case, source, target, "backwards")]


def _verified(case: Delicate, source: Any, target: Path, direction: str) -> list[str]:
    models, keys = (source, target), (case.framework, case.to)
    if direction == "backwards":
        models, keys = models[::-1], keys[::-1]
    try:
        proof = modelport.verify(*models, from_=keys, inputs=case.inputs)
    except ModelportError as error:
        return [f"verify {direction}: {type(error).__name__}: {error.what}"]
    if proof.verdict == "proven":
        return []
    reasons = [f"{figures.output}: {figures.reason}" for figures in proof.outputs if figures.reason]
    return [f"verify {direction}: {proof.verdict}: {'; '.join([*reasons, *proof.notes])}"]


def parametrised(cases: list[Delicate], refused: Mapping[str, str]) -> list[Any]:
    """Return the cases as parameters of a test; those known to be refused are strict expected failures."""
    unknown = set(refused) - {case.name for case in cases}
    assert not unknown, f"no such cases: {sorted(unknown)}"
    return [
        pytest.param(
            case,
            id=case.name,
            marks=[pytest.mark.xfail(reason=refused[case.name], strict=True)] if case.name in refused else [],
        )
        for case in cases
    ]
