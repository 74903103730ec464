"""Right but delicate estimators of scikit-learn are proven."""

from __future__ import annotations

from pathlib import Path

import pytest
from delicate_case import Delicate, cases, parametrised, refusals

BACKWARDS = "what the second model refuses counts as a difference"
REFUSED: dict[str, str] = {
    "unknown categories refused": BACKWARDS,
    "a box-cox transformer of positive numbers": BACKWARDS,
    "factors that are not negative": BACKWARDS,
    "a chi-squared kernel of features": BACKWARDS,
}


@pytest.mark.parametrize("case", parametrised(cases("sklearn"), REFUSED))
def test_a_right_model_is_not_refused(case: Delicate, tmp_path: Path) -> None:
    assert refusals(case, tmp_path) == []
