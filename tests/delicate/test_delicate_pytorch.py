"""Right but delicate PyTorch modules are proven."""

from __future__ import annotations

from pathlib import Path

import pytest
from delicate_case import Delicate, cases, parametrised, refusals

DIVISION = "torch.onnx divides integers in float32, which is wrong beyond 2**24: not a false alarm"
KERNEL = "ONNX Runtime has no bfloat16 kernel, and nothing else runs the model"
NAN = "an output that is NaN for every input counts as unproven"
NOISE = "the proof does not know how far rounding alone moves a float32 sum"
TIES = "of equal values PyTorch takes another index than ONNX, and indices are compared exactly"
REFUSED: dict[str, str] = {
    "an output of NaN beside a good one": NAN,
    "scores of beams that are tied": TIES,
    "topk and sort of rounded scores": TIES,
    "long sums of one sign and of both": NOISE,
    "a bfloat16 mlp": KERNEL,
    "integers divided": DIVISION,
}


@pytest.mark.parametrize("case", parametrised(cases("pytorch"), REFUSED))
def test_a_right_model_is_not_refused(case: Delicate, tmp_path: Path) -> None:
    assert refusals(case, tmp_path) == []
