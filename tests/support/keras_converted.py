"""Converting a Keras model in a test, and what came of it."""

from __future__ import annotations

from typing import Any

import onnxruntime

import modelport


def convert(model: Any, *inputs: str, **given: Any) -> Converted:
    """Return what is proven: the inputs and the outputs as they are declared, and a session."""
    conversion = modelport.convert(model, to="onnx", inputs=inputs, proof_seconds=0, **given)
    assert conversion.report.verdict == "proven"
    return Converted(conversion)


class Converted:
    """The finished conversion, its inputs and outputs as they are declared, and the operators in it."""

    def __init__(self, conversion: modelport.Conversion) -> None:
        self.report = conversion.report
        self.proto = conversion.model
        self.inputs = [declared(value) for value in self.proto.graph.input]
        self.outputs = [declared(value) for value in self.proto.graph.output]
        self.operators = {node.op_type for node in self.proto.graph.node}

    def run(self, **arrays: Any) -> list[Any]:
        session = onnxruntime.InferenceSession(self.proto.SerializeToString())
        return session.run(None, arrays)


def declared(value: Any) -> str:
    sizes = [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
    return f"{value.name}{sizes}".replace("'", "").replace(" ", "")
