"""Running a model in process whose inputs and outputs may be sequences and optionals, which a SavedModel does not take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow import build
from modelport_converters.onnx_to_tensorflow.ops.control_flow import flat, like
from modelport_converters.onnx_to_tensorflow.ops.sequence.optionals import Optional
from modelport_converters.onnx_to_tensorflow.ops.sequence.sequences import Sequence
from modelport_converters.onnx_to_tensorflow.weights import to_dtype
from modelport_converters.tensorflow_to_onnx.array_conversion import to_array, to_tensor


def trace(model: ir.Model) -> Callable[[list[Any]], list[Any]]:
    """Return the model as a call from inputs to outputs, both in order.

    A tensor is an array, a sequence a list of arrays, an optional either of them or None.

    Args:
        model: of any opset; left as it was.

    Raises:
        UnsupportedOps: with every operator that TensorFlow cannot express.
    """
    prepared, walk, layout = build.opened(model)
    inputs = list(prepared.graph.inputs)
    kinds: list[Any] = []

    def traced(*handles: Any) -> list[Any]:
        given = [_kind(value.type, handle) for value, handle in zip(inputs, handles, strict=True)]
        kinds[:] = [layout.plain(value) for value in walk(*given)]
        return [tf.identity(flat(value)) for value in kinds]

    with tf.device("/cpu:0"):
        function = tf.function(traced, input_signature=[_spec(value) for value in inputs], autograph=False)
        function.get_concrete_function()

    def call(arrays: list[Any]) -> list[Any]:
        handles = [flat(_pack(value.type, array)) for value, array in zip(inputs, arrays, strict=True)]
        return [_unpack(like(kind, handle)) for kind, handle in zip(kinds, function(*handles), strict=True)]

    return call


def _spec(value: ir.Value) -> tf.TensorSpec:
    if isinstance(value.type, ir.SequenceType | ir.OptionalType):
        return tf.TensorSpec([], tf.variant)
    return build.input_spec(value)


def _kind(kind: Any, handle: Any) -> Any:
    """Return a tensor as the kind of value that a type of ONNX names."""
    if isinstance(kind, ir.OptionalType):
        return Optional(handle, to_dtype(kind.dtype), isinstance(kind.elem_type, ir.SequenceType))
    return Sequence(handle, to_dtype(kind.dtype)) if isinstance(kind, ir.SequenceType) else handle


def _pack(kind: Any, value: Any) -> Any:
    if isinstance(kind, ir.OptionalType):
        return Optional.empty(kind.elem_type) if value is None else Optional.of(_pack(kind.elem_type, value))
    if isinstance(kind, ir.SequenceType):
        sequence = Sequence.empty(to_dtype(kind.dtype))
        for item in value:
            sequence = sequence.append(_pack(kind.elem_type, item))
        return sequence
    return to_tensor(np.asarray(value), to_dtype(kind.dtype).name)


def _unpack(value: Any) -> Any:
    if isinstance(value, Optional):
        return _unpack(value.value) if value.present else None
    if isinstance(value, Sequence):
        return [to_array(value.at(index)) for index in range(int(value.length))]
    return to_array(value)
