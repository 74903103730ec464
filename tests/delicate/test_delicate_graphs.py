"""Right but delicate graphs are proven against their references in NumPy."""

from __future__ import annotations

from pathlib import Path

import pytest
from delicate_case import Delicate, cases, parametrised, refusals

REFUSED: dict[str, str] = {}


@pytest.mark.parametrize("case", parametrised(cases("graphs"), REFUSED))
def test_a_right_model_is_not_refused(case: Delicate, tmp_path: Path) -> None:
    assert refusals(case, tmp_path) == []
