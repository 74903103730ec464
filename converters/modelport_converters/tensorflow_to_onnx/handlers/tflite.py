"""TensorFlow Lite operators that tf2onnx lacks."""

from __future__ import annotations

import math

from tf2onnx.handler import tfl_op

from modelport_converters.tensorflow_to_onnx.handler import Form, handler


@handler("TFL_GELU", since=9, register=tfl_op)  # Erf is there from opset 9, Gelu only from 20
def gelu(write: Form, x: str) -> str:
    """Return x * Phi(x), or its approximation by tanh: Hendrycks and Gimpel, Gaussian Error Linear Units, equation 2."""
    if write.attr("approximate", False):
        cubic = write("Mul", write("Mul", write("Mul", x, x), x), write.like(0.044715))
        bounded = write("Tanh", write("Mul", write("Add", x, cubic), write.like(math.sqrt(2 / math.pi))))
    else:
        bounded = write("Erf", write("Mul", x, write.like(math.sqrt(0.5))))
    return write("Mul", write("Mul", x, write.like(0.5)), write("Add", bounded, write.like(1)))
