"""Runs what is written with onnx_builder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnxruntime

from modelport_converters.onnx_builder import Graph, Value, build_model, tensor_info


def computed(write: Callable[[Value], Value], rows: Any, opset: int = 20) -> Any:
    """Return what ONNX Runtime makes of `write(x)`, in the dtype that the value says it has."""
    graph = Graph(opset)
    result = write(graph.input("x", rows.dtype))
    graph.output("y", result)
    given = tensor_info("x", rows.dtype, [f"n{axis}" for axis in range(rows.ndim)])
    model = build_model(graph, "graph", [given], [tensor_info("y", result.dtype, None)])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": rows})[0]
