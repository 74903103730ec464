"""TensorFlow Lite operators that tf2onnx lacks."""

from __future__ import annotations

import math

from tf2onnx.handler import tfl_op

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler


@handler("TFL_GELU", since=9, register=tfl_op)  # Erf is there from opset 9, Gelu only from 20
def gelu(op: Operation, x: Value) -> Value:
    """X * Phi(x), or its approximation by tanh: Hendrycks and Gimpel, Gaussian Error Linear Units, equation 2."""
    if op.attr("approximate", False):
        bounded = fn.tanh((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi))
    else:
        bounded = op.graph.op("Erf", x * math.sqrt(0.5))
    return x * 0.5 * (bounded + 1.0)
