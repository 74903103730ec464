"""The interface of an exported model: names, order and dimensions of its inputs and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modelport.signature import TensorSpec


def tensor_spec(spec: TensorSpec) -> tf.TensorSpec:
    """Return TensorFlow's specification of an input; symbolic dimensions are dynamic (None)."""
    shape = None if spec.shape is None else [None if isinstance(size, str) else size for size in spec.shape]
    return tf.TensorSpec(shape, tf.as_dtype(spec.dtype))


def set_interface(
    model: onnx.ModelProto,
    function: tf.types.experimental.ConcreteFunction,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
) -> None:
    """Give inputs and outputs their order and dimensions, and put back inputs that the computation does not use.

    Args:
        model: changed in place; its outputs are in the order of `outputs`.
        function: what it was converted from.
        inputs: as they are to be declared.
        outputs: what names the dimensions that are dynamic in the trace.
    """
    leading = {spec.shape[0] for spec in inputs if spec.shape}
    batch = leading.pop() if len(leading) == 1 else None
    present = {value.name: value for value in model.graph.input}
    values = []
    for spec, tensor in zip(inputs, function.inputs, strict=False):  # what follows are the captures
        value = present.get(spec.name) or _value(spec.name, tensor)
        if spec.shape is not None:
            set_dims(value, spec.shape)
        values.append(value)
    del model.graph.input[:]
    model.graph.input.extend(values)
    for value, spec, tensor in zip(model.graph.output, outputs, function.outputs, strict=True):
        if tensor.shape.rank is not None:
            set_dims(value, _output_dims(spec, tensor.shape.as_list(), batch))


def set_dims(value: onnx.ValueInfoProto, dims: Iterable[int | str]) -> None:
    """Declare the dimensions of an input or output: sizes and symbolic names."""
    shape = value.type.tensor_type.shape
    del shape.dim[:]
    shape.SetInParent()  # a scalar has a shape without dimensions
    for size in dims:
        shape.dim.add(**({"dim_param": size} if isinstance(size, str) else {"dim_value": size}))


def _output_dims(spec: TensorSpec, traced: Sequence[int | None], batch: int | str | None) -> list[int | str]:
    """Return the traced sizes; a dynamic one is the batch of the inputs, or what the signature calls it."""
    wanted = spec.shape if spec.shape is not None and len(spec.shape) == len(traced) else [None] * len(traced)
    dims: list[int | str] = []
    for axis, (size, name) in enumerate(zip(traced, wanted, strict=True)):
        symbol = batch if axis == 0 and isinstance(batch, str) else name
        dims.append(size if size is not None else symbol if isinstance(symbol, str) else f"{spec.name}_{axis}")
    return dims


def _value(name: str, tensor: tf.Tensor) -> onnx.ValueInfoProto:
    elem_type = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype.as_numpy_dtype))
    return onnx.helper.make_tensor_value_info(name, elem_type, tensor.shape.as_list())
