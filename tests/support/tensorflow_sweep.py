"""Converts a case of the table and compares ONNX Runtime with TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import tensorflow as tf
from tensorflow_case import Case
from tensorflow_same import assert_equal, dtype_name, ran

from modelport.signature import TensorSpec
from modelport_converters.tensorflow_to_onnx.array_conversion import to_array, to_tensor
from modelport_converters.tensorflow_to_onnx.export import export
from modelport_converters.tensorflow_to_onnx.interface import tensor_spec
from modelport_converters.tensorflow_to_onnx.tracing.graph_defs import node_defs
from modelport_converters.tensorflow_to_onnx.tracing.variable_lifting import lift

OPSET = 20
RTOL, ATOL = 1e-3, 1e-5
"""The tolerances of modelport's proof; float16 adds its epsilon."""


def traced(case: Case) -> tuple[Any, set[str]]:
    """Return the concrete function of a case, and the names of its operators."""
    specs = [tf.TensorSpec(array.shape, dtype_name(array)) for array in case.inputs]
    function = tf.function(case.outputs, autograph=False).get_concrete_function(*specs)
    return function, {node.op for node in node_defs(function.graph.as_graph_def())}


def exported(case: Case, function: Any) -> onnx.ModelProto:
    """Return the model of a case; sizes differ from input to input, and so do the names of their leading dimensions."""
    inputs = [
        TensorSpec(
            f"x{at}", dtype_name(array), (f"x{at}_0", *array.shape[1:]) if case.dynamic and array.ndim else array.shape
        )
        for at, array in enumerate(case.inputs)
    ]
    outputs = [TensorSpec(f"y{at}", tensor.dtype.name, None) for at, tensor in enumerate(function.outputs)]
    own = tf.function(case.outputs, autograph=False).get_concrete_function(*map(tensor_spec, inputs))
    return ir.to_proto(export(lift(own).call, inputs, outputs, opset=OPSET, owner=_Owner(case)))


def compare(case: Case, function: Any) -> None:
    """Convert a case, check the model, run it in ONNX Runtime and compare every output."""
    expected = [
        to_array(tensor) for tensor in function(*(to_tensor(array, dtype_name(array)) for array in case.inputs))
    ]
    results = ran(exported(case, function), **{f"x{index}": array for index, array in enumerate(case.inputs)})
    for result, reference in zip(results, expected, strict=True):
        slack = float(np.finfo(reference.dtype).eps) if reference.dtype == np.float16 else 0.0
        assert_equal(np.asarray(result), reference, RTOL + slack, ATOL + slack)


class _Owner(tf.Module):
    """Holds the tables that a case makes, as the model that it stands for would."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.owned = getattr(case.call, "owner", None)
