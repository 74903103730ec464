"""Running a translated model in process on sequences and optionals."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from tf_models import parsed


def some(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


OUTWARD = """g (seq(float[N]) s, optional(float[M]) o) => (seq(float[N]) t, optional(float[M]) p, bool present) {
  t = SequenceErase(s)
  p = Identity(o)
  present = OptionalHasElement(o) }"""


@pytest.mark.parametrize("held", [some(4), None])
def test_a_model_run_in_process_takes_and_returns_sequences_and_optionals(held: Any) -> None:
    from modelport_converters.onnx_to_tensorflow import marshalling

    items = [some(2), some(5), some(0)]
    sequence, optional, present = marshalling.trace(ir.from_proto(parsed(OUTWARD)))([items, held])
    assert len(sequence) == 2
    np.testing.assert_array_equal(sequence[1], items[1])
    assert (optional is None) if held is None else (optional == held).all()
    assert present == (held is not None)
