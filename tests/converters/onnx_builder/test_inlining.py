"""Models that another translator has written, inside a graph."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from built import computed
from onnx import parser

from modelport_converters.onnx_builder import Value, inline

ABSOLUTE = parser.parse_model(
    """<ir_version: 8, opset_import: ["": 18]>
    absolute (float[N] x) => (float s, float[N] y) <float[1] nought = {0}> {
        s = ReduceSum <keepdims = 0> (x)
        negative = Less (s, nought)
        one = Squeeze (negative)
        y = If (one) <
            then_branch = then () => (float[N] t) { minus = Neg (x) t = Add (minus, nought) },
            else_branch = other () => (float[N] e) { e = Add (x, nought) }
        >
    }"""
)
"""x, or -x where its sum is negative, by the branches of an If that capture what is outside."""


def test_a_model_is_inlined_twice_without_its_names_meeting():
    def write(x: Value) -> Value:
        first, second = (inline(one, onnx.ModelProto.FromString(ABSOLUTE.SerializeToString()))[1] for one in (x, -x))
        return first + 2.0 * second

    session = onnxruntime.InferenceSession(ABSOLUTE.SerializeToString(), providers=["CPUExecutionProvider"])
    for values in ([1.0, 2.0], [-3.0, 1.0]):
        x = np.array(values, np.float32)
        alone, other = (session.run(["y"], {"x": one})[0] for one in (x, -x))
        np.testing.assert_array_equal(computed(write, x), alone + 2 * other)
