"""Converts a case of the table and compares ONNX Runtime with TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import tensorflow as tf
from tensorflow_case import Case

from modelport_converters.tensorflow_to_onnx.arrays import to_array
from modelport_converters.tensorflow_to_onnx.exporting import export, tensor_spec
from modelport_converters.tensorflow_to_onnx.lifting import lift

OPSET = 20
RTOL, ATOL = 1e-3, 1e-5
"""The tolerances of modelport's proof; float16 adds its epsilon."""


@dataclass(frozen=True)
class Port:
    """An input or output of a case."""

    name: str
    dtype: str
    shape: tuple[int | str, ...] | None


def traced(case: Case) -> tuple[Any, set[str]]:
    """Return the concrete function of a case, and the names of its operators."""
    specs = [tf.TensorSpec(array.shape, _dtype(array)) for array in case.inputs]
    function = tf.function(case.outputs, autograph=False).get_concrete_function(*specs)
    graph = function.graph.as_graph_def()
    bodies = [graph.node, *(item.node_def for item in graph.library.function)]
    return function, {node.op for body in bodies for node in body}


def exported(case: Case, function: Any) -> onnx.ModelProto:
    """Return the model of a case; sizes differ from input to input, and so do the names of their leading dimensions."""
    inputs = [
        Port(
            f"x{at}", _dtype(array).name, (f"x{at}_0", *array.shape[1:]) if case.dynamic and array.ndim else array.shape
        )
        for at, array in enumerate(case.inputs)
    ]
    outputs = [Port(f"y{at}", tensor.dtype.name, None) for at, tensor in enumerate(function.outputs)]
    own = tf.function(case.outputs, autograph=False).get_concrete_function(*map(tensor_spec, inputs))
    return ir.to_proto(export(lift(own).call, inputs, outputs, opset=OPSET, owner=_Owner(case)))


def compare(case: Case, function: Any) -> None:
    """Convert a case, check the model, run it in ONNX Runtime and compare every output."""
    tensors = [
        tf.constant(array.tolist() if array.dtype == object else array, _dtype(array), array.shape)
        for array in case.inputs
    ]
    expected = [to_array(tensor) for tensor in function(*tensors)]
    model = exported(case, function)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {f"x{index}": array for index, array in enumerate(case.inputs)}
    results = session.run([f"y{index}" for index in range(len(expected))], feed)
    for result, reference in zip(results, expected, strict=True):
        _assert_equal(np.asarray(result), reference)


def _assert_equal(result: Any, reference: Any) -> None:
    assert result.dtype == reference.dtype, f"dtype {result.dtype} is not {reference.dtype}"
    assert result.shape == reference.shape, f"shape {result.shape} is not {reference.shape}"
    if reference.dtype.kind != "f":
        np.testing.assert_array_equal(result, reference)
        return
    slack = float(np.finfo(reference.dtype).eps) if reference.dtype == np.float16 else 0.0
    np.testing.assert_allclose(result, reference, rtol=RTOL + slack, atol=ATOL + slack)


def _dtype(array: Any) -> tf.DType:
    return tf.string if array.dtype.kind in "OS" else tf.as_dtype(array.dtype)


class _Owner(tf.Module):
    """Holds the tables that a case makes, as the model that it stands for would."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.owned = getattr(case.call, "owner", None)
