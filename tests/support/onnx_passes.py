"""An ONNX graph before and after a pass, on the same arrays in ONNX Runtime."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime


def model_of(text: str, opset: int = 18) -> onnx.ModelProto:
    """Return the model of a graph in onnx's text format, where an output may be `float[]`; raises where it is invalid."""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}]> {text}')
    model = onnx.shape_inference.infer_shapes(model)  # which finds the shapes of outputs that declare none
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return model


def inferred(proto: onnx.ModelProto) -> ir.Model:
    """Return a copy of a model as `onnx_ir` has it, with the types and shapes of all values."""
    return ir.from_proto(onnx.shape_inference.infer_shapes(proto))


def assert_unchanged(
    text: str,
    apply: Callable[[ir.Model], object],
    *arrays: Any,
    opset: int = 18,
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> Counter[str]:
    """Apply a pass, compare ONNX Runtime's results with those of the untouched graph, and count the operators left.

    Args:
        text: the graph.
        apply: the pass, in place.
        arrays: one for each input of the graph.
        opset: of the graph.
        rtol, atol: the tolerances.
    """
    before = model_of(text, opset)
    model = inferred(before)
    apply(model)
    after = ir.to_proto(model)
    onnx.checker.check_model(after, full_check=True)
    for result, expected in zip(run(after, *arrays), run(before, *arrays, optimized=False), strict=True):
        assert result.dtype == expected.dtype
        assert result.shape == expected.shape
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=atol)
    return Counter(node.op_type for node in model.graph)


def run(proto: onnx.ModelProto, *arrays: Any, optimized: bool = True) -> list[Any]:
    """Return ONNX Runtime's outputs; `optimized` says whether it may rewrite the graph."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {value.name: array for value, array in zip(session.get_inputs(), arrays, strict=True)})
