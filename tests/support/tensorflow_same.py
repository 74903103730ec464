"""A TensorFlow function and its ONNX form on the same arrays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import tensorflow as tf

from modelport.signature import TensorSpec
from modelport_converters.tensorflow_to_onnx.array_conversion import to_array, to_tensor
from modelport_converters.tensorflow_to_onnx.export import export
from modelport_converters.tensorflow_to_onnx.handler import NEWEST_OPSET


def assert_same(
    call: Callable[..., Sequence[tf.Tensor]],
    *arrays: np.ndarray[Any, Any],
    opset: int = 20,
    owner: Any = None,
    open_axes: Collection[int] | None = None,
    rtol: float = 1e-6,
    atol: float = 0.0,
) -> onnx.ModelProto:
    """Export a function, and compare ONNX Runtime's results with TensorFlow's.

    Args:
        call: takes a tensor for each array and returns a sequence of tensors.
        arrays: what it is called with.
        opset: asked for.
        owner: holds the lookup tables of the function.
        open_axes: the axes of the inputs that are of unknown size; None for all.
        rtol, atol: the tolerances for floats.
    """
    inputs = [
        TensorSpec(f"x{index}", dtype_name(array), _sizes(f"x{index}", array, open_axes))
        for index, array in enumerate(arrays)
    ]
    expected = [to_array(tensor) for tensor in call(*map(to_tensor, arrays, [value.dtype for value in inputs]))]
    outputs = [TensorSpec(f"y{index}", "float32", None) for index in range(len(expected))]
    model = ir.to_proto(export(call, inputs, outputs, opset=opset, owner=owner or tf.Module()))
    results = ran(model, **{value.name: array for value, array in zip(inputs, arrays, strict=True)})
    for result, reference in zip(results, expected, strict=True):
        assert_equal(result, reference, rtol, atol)
    return model


def ran(model: onnx.ModelProto, **arrays: Any) -> list[Any]:
    """Check a model and return what ONNX Runtime computes."""
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, arrays)


def assert_equal(result: Any, reference: Any, rtol: float, atol: float) -> None:
    """Compare arrays: floats within the tolerances, anything else exactly."""
    assert result.dtype == reference.dtype, f"dtype {result.dtype} is not {reference.dtype}"
    assert result.shape == reference.shape, f"shape {result.shape} is not {reference.shape}"
    if reference.dtype.kind == "f":
        np.testing.assert_allclose(result, reference, rtol=rtol, atol=atol)
    else:
        np.testing.assert_array_equal(result, reference)


def dtype_name(array: Any) -> str:
    """Return TensorFlow's name for the dtype of an array."""
    return "string" if array.dtype.kind in "OS" else array.dtype.name


def _sizes(name: str, array: np.ndarray[Any, Any], open_axes: Collection[int] | None) -> tuple[int | str, ...]:
    return tuple(
        f"{name}_{axis}" if open_axes is None or axis in open_axes else size for axis, size in enumerate(array.shape)
    )


def agrees(call, *arrays, opset=NEWEST_OPSET, open_axes=None, tolerance=1e-5):
    """Compare a function of one result with TensorFlow, and return the operators of its ONNX form."""
    model = assert_same(
        lambda *tensors: [call(*tensors)], *arrays, opset=opset, open_axes=open_axes, rtol=tolerance, atol=tolerance
    )
    return [node.op_type for node in model.graph.node]
