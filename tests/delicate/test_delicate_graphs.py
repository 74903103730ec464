"""Right but delicate graphs are proven against their references in NumPy."""

from __future__ import annotations

from pathlib import Path

import pytest
from delicate_case import Delicate, cases, parametrised, refusals

BACKWARDS = "what the second model refuses counts as a difference"
KERNEL = "ONNX Runtime has no bfloat16 kernel, and nothing else runs the model"
NAN = "an output that is NaN for every input counts as unproven"
NOISE = "the proof does not know how far rounding alone moves a float32 sum"
REFUSED: dict[str, str] = {
    "a cumulative sum of 10,000": NOISE,
    "a cumulative sum backwards, of 3,000": NOISE,
    "a difference of two long products": NOISE,
    "deviations from the mean around a large offset": NOISE,
    "an output of NaN beside a good one": NAN,
    "a bfloat16 mlp": KERNEL,
    "a model that refuses a batch of one": BACKWARDS,
    "a model that takes 10 rows at most": BACKWARDS,
}


@pytest.mark.parametrize("case", parametrised(cases("graphs"), REFUSED))
def test_a_right_model_is_not_refused(case: Delicate, tmp_path: Path) -> None:
    assert refusals(case, tmp_path) == []
