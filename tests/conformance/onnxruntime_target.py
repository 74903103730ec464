"""ONNX Runtime as a target of the suite, to see what others pass."""

from __future__ import annotations

import onnx
import onnxruntime
from suite import Call


def session(model: onnx.ModelProto) -> Call:
    """Open a session on the CPU."""
    opened = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda inputs: opened.run(
        None, dict(zip([value.name for value in opened.get_inputs()], inputs, strict=False))
    )
