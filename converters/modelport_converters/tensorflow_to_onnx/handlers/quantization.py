"""Simulated quantization."""

from __future__ import annotations

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler


@handler("FakeQuantWithMinMaxArgs", "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel")
def fake_quant(op: Operation, x: Value, *limits: Value) -> Value:
    """Quantize to 2^bits levels and dequantize, the range nudged so that 0 is a level (tf.quantization.fake_quant_...)."""
    least, most = int(bool(op.attr("narrow_range", 0))), (1 << int(op.attr("num_bits", 8))) - 1
    low, high = limits or tuple(op.graph.constant(op.attr(*bound), x.dtype) for bound in (("min", -6.0), ("max", 6.0)))
    scale = (high - low) / (most - least)
    zero = fn.floor(fn.clip(least - low / scale, least, most) + 0.5)  # halves go up, away from the even
    bottom, top = (least - zero) * scale, (most - zero) * scale
    return fn.floor((fn.clip(x, bottom, top) - bottom) / scale + 0.5) * scale + bottom
