"""Simulated quantization."""

from __future__ import annotations

from modelport_converters.tensorflow_to_onnx.handler import Form, handler


@handler("FakeQuantWithMinMaxArgs", "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel")
def fake_quant(write: Form, x: str, *limits: str) -> str:
    """Numbers on a grid of 2^bits steps, whose range is moved so that 0 is on it (tf.quantization.fake_quant_...)."""
    least = 1 if write.attr("narrow_range", 0) else 0
    most = 2 ** int(write.attr("num_bits", 8)) - 1
    low, high = limits or (write.like(write.attr("min", -6.0)), write.like(write.attr("max", 6.0)))
    scale = write("Div", write("Sub", high, low), write.like(most - least))
    point = write("Sub", write.like(least), write("Div", low, scale))
    # halves go up, away from the even
    zero = write(
        "Floor", write("Add", write("Min", write("Max", point, write.like(least)), write.like(most)), write.like(0.5))
    )
    bottom = write("Mul", write("Sub", write.like(least), zero), scale)
    top = write("Mul", write("Sub", write.like(most), zero), scale)
    clamped = write("Min", write("Max", x, bottom), top)
    steps = write("Floor", write("Add", write("Div", write("Sub", clamped, bottom), scale), write.like(0.5)))
    return write("Add", write("Mul", steps, scale), bottom)
