"""The tests that every kind of planted fault inherits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import planted
import pytest
from planted import Fault, Planted, Sabotage


class PlantedFaults:
    """What holds for each of `faults`: it is real, its correct twin is proven, and every way of proving "
    "refuses it."""

    faults: Sequence[Planted]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        faults: Sequence[Planted] = metafunc.cls.faults
        if "way" in metafunc.fixturenames:
            cases = [_case(fault, way) for fault in faults for way in planted.WAYS]
            metafunc.parametrize(("fault", "way"), cases)
        elif "fault" in metafunc.fixturenames:
            metafunc.parametrize("fault", faults, ids=[fault.name for fault in faults])

    def test_the_witness_tells_the_wrong_export_from_the_source(self, fault: Planted) -> None:
        assert planted.is_wrong(fault)

    def test_the_correct_export_is_proven(self, fault: Planted) -> None:
        assert planted.proves(fault)

    def test_the_wrong_export_is_refused(self, fault: Planted, way: str, tmp_path: Path) -> None:
        assert planted.catches(fault, way, tmp_path)


def _case(fault: Fault | Sabotage, way: str) -> object:
    """One fault and one way of proving it; those that are known to be missed fail strictly, with the reason."""
    known = planted.missed().get(fault.name, {})
    marks = [pytest.mark.xfail(reason=known["reason"])] if way in known.get("ways", ()) else []
    return pytest.param(fault, way, id=f"{fault.name} - {way}", marks=marks)
