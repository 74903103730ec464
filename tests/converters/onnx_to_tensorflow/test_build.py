"""Building a TensorFlow module from an ONNX model: what is refused, and which weights become variables."""

from __future__ import annotations

import onnx_ir as ir
import pytest
from tf_models import parsed

from modelport.errors import CannotConvert


@pytest.mark.parametrize(
    ("graph", "word"),
    [
        ("g (seq(float[N]) s) => (int64 n) { n = SequenceLength(s) }", "input 's'"),
        ("g (float[N] x) => (seq(float[N]) s) { s = SequenceConstruct(x) }", "output 's'"),
        ("g (float[N] x) => (optional(float[N]) s) { s = Optional(x) }", "output 's'"),
    ],
)
def test_a_savedmodel_with_anything_but_tensors_at_its_border_is_refused(graph: str, word: str) -> None:
    from modelport_converters.onnx_to_tensorflow import build

    with pytest.raises(CannotConvert, match=f"the {word} is no tensor"):
        build.build(ir.from_proto(parsed(graph)))
