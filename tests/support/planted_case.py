"""The tests that every kind of planted fault inherits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import planted
import pytest
from planted import Planted


class PlantedFaults:
    """What holds for each of `faults`: it is real, its correct twin is proven, and every way of proving "
    "refuses it."""

    faults: Sequence[Planted]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        faults: Sequence[Planted] = metafunc.cls.faults
        ways = planted.WAYS
        if "right" in metafunc.fixturenames:
            pairs = [pytest.param(fault, way, id=f"{fault.name} - {way}") for fault in faults for way in ways]
            metafunc.parametrize(("right", "way"), pairs)
        elif "way" in metafunc.fixturenames:
            metafunc.parametrize(("fault", "way"), [_case(fault, way) for fault in faults for way in ways])
        elif "fault" in metafunc.fixturenames:
            metafunc.parametrize("fault", faults, ids=[fault.name for fault in faults])

    def test_the_witness_tells_the_wrong_export_from_the_source(self, fault: Planted) -> None:
        assert planted.is_wrong(fault)

    def test_the_correct_export_is_proven(self, right: Planted, way: str, tmp_path: Path) -> None:
        assert planted.proves(right, way, tmp_path)

    def test_the_wrong_export_is_refused(self, fault: Planted, way: str, tmp_path: Path) -> None:
        assert planted.catches(fault, way, tmp_path)


def _case(fault: Planted, way: str) -> object:
    """One fault and one way of proving it."""
    return pytest.param(fault, way, id=f"{fault.name} - {way}", marks=_marks(fault, way))


def _marks(fault: Planted, way: str) -> list[pytest.MarkDecorator]:
    """A strict failure, with its reason, where the fault is known to be judged wrongly."""
    known = planted.missed().get(fault.name, {})
    return [pytest.mark.xfail(reason=known["reason"], strict=True)] if way in known.get("ways", ()) else []
