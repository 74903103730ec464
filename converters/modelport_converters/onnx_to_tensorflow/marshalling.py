"""Marshalling of NumPy arrays, lists and None to the tensors, sequences and optionals of a model traced in process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow import build
from modelport_converters.onnx_to_tensorflow.values import OptionalValue, SequenceValue, Value, flat, like
from modelport_converters.onnx_to_tensorflow.weights import to_dtype
from modelport_converters.tensorflow_to_onnx.array_conversion import to_array, to_tensor

Marshalled: TypeAlias = "np.ndarray | list[np.ndarray] | None"
"""A tensor, a sequence or an optional outside the graph."""


def trace(model: ir.Model) -> Callable[[list[Marshalled]], list[Marshalled]]:
    """Trace a model whose inputs and outputs may be sequences and optionals, which no SavedModel takes.

    The result is called with the inputs in order and returns the outputs in order.

    A tensor is an array, a sequence a list of arrays, an optional either of them or None.

    Args:
        model: of any opset; left as it was.

    Raises:
        UnsupportedOps: with every operator that TensorFlow cannot express.
    """
    prepared, walk, layout = build.opened(model)
    inputs = list(prepared.graph.inputs)
    kinds: list[Value] = []

    def traced(*handles: tf.Tensor) -> list[tf.Tensor]:
        given = [_kind(value.type, handle) for value, handle in zip(inputs, handles, strict=True)]
        kinds[:] = [layout.plain(value) for value in walk(*given)]
        return [tf.identity(flat(value)) for value in kinds]

    with tf.device("/cpu:0"):
        function = tf.function(traced, input_signature=[_spec(value) for value in inputs], autograph=False)
        function.get_concrete_function()

    def call(arrays: list[Marshalled]) -> list[Marshalled]:
        handles = [flat(_pack(value.type, array)) for value, array in zip(inputs, arrays, strict=True)]
        return [_unpack(like(kind, handle)) for kind, handle in zip(kinds, function(*handles), strict=True)]

    return call


def _spec(value: ir.Value) -> tf.TensorSpec:
    if isinstance(value.type, ir.SequenceType | ir.OptionalType):
        return tf.TensorSpec([], tf.variant)
    return build.input_spec(value)


def _kind(kind: ir.TypeProtocol | None, handle: tf.Tensor) -> Value:
    """Wrap a traced handle as a tensor, sequence or optional by its ONNX type."""
    if isinstance(kind, ir.OptionalType):
        return OptionalValue(handle, to_dtype(kind.dtype), isinstance(kind.elem_type, ir.SequenceType))
    return SequenceValue(handle, to_dtype(kind.dtype)) if isinstance(kind, ir.SequenceType) else handle


def _pack(kind: ir.TypeProtocol | None, value: Marshalled) -> Value:
    assert kind is not None  # prepared
    if isinstance(kind, ir.OptionalType):
        return OptionalValue.empty(kind.elem_type) if value is None else OptionalValue.of(_pack(kind.elem_type, value))
    if isinstance(kind, ir.SequenceType):
        sequence = SequenceValue.empty(to_dtype(kind.dtype))
        assert value is not None  # of an optional alone
        for item in value:
            sequence = sequence.append(_pack(kind.elem_type, item))
        return sequence
    return to_tensor(np.asarray(value), to_dtype(kind.dtype).name)


def _unpack(value: Value) -> Marshalled:
    if isinstance(value, OptionalValue):
        return _unpack(value.value) if value.present else None
    if isinstance(value, SequenceValue):
        return [to_array(value.at(index)) for index in range(int(value.length))]
    return to_array(value)
