"""A TensorFlow function and its ONNX form on the same arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import tensorflow as tf

from modelport_converters.tensorflow_to_onnx.arrays import to_array, to_tensor
from modelport_converters.tensorflow_to_onnx.exporting import export


@dataclass(frozen=True)
class Value:
    """An input or output of the exported function."""

    name: str
    dtype: str
    shape: tuple[int | str, ...] | None


def assert_same(
    call: Callable[..., Sequence[tf.Tensor]],
    *arrays: np.ndarray[Any, Any],
    opset: int = 20,
    owner: Any = None,
    fixed: bool = False,
    rtol: float = 1e-6,
    atol: float = 0.0,
) -> onnx.ModelProto:
    """Export a function, its sizes open or `fixed` but for the first, and compare ONNX Runtime's results with TensorFlow's."""
    dtypes = ["string" if array.dtype == object else array.dtype.name for array in arrays]
    expected = [to_array(tensor) for tensor in call(*map(to_tensor, arrays, dtypes))]
    inputs = [
        Value(f"x{index}", dtype, _sizes(f"x{index}", array, fixed))
        for index, (array, dtype) in enumerate(zip(arrays, dtypes, strict=True))
    ]
    outputs = [Value(f"y{index}", "float32", None) for index in range(len(expected))]
    exported = export(call, inputs, outputs, opset=opset, owner=owner or tf.Module())
    model = ir.to_proto(exported) if isinstance(exported, ir.Model) else exported
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    results = session.run(None, {value.name: array for value, array in zip(inputs, arrays, strict=True)})
    for result, reference in zip(results, expected, strict=True):
        assert (result.dtype, result.shape) == (reference.dtype, reference.shape)
        if reference.dtype == object:
            assert result.tolist() == reference.tolist()
        else:
            np.testing.assert_allclose(result, reference, rtol=rtol, atol=atol)
    return model


def _sizes(name: str, array: np.ndarray[Any, Any], fixed: bool) -> tuple[int | str, ...]:
    sizes = array.shape if fixed else [f"{name}_{axis}" for axis in range(array.ndim)]
    return ("N", *sizes[1:]) if array.ndim else ()
