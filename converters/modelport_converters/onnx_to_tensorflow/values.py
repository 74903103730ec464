"""Values of a graph that are no tensors: sequences and optionals, held as variant tensors of TensorFlow.

A sequence is a tensor list, an optional an optional of one component.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.weights import to_dtype

ANY_SHAPE = -1
"""TensorFlow's element shape for a list of which nothing is known."""


@dataclass(frozen=True)
class SequenceValue:
    """A sequence of ONNX as a tensor list.

    Attributes:
        handle: scalar variant tensor, a tensor list.
        dtype: of the elements.
    """

    handle: tf.Tensor
    dtype: tf.DType

    @classmethod
    def empty(cls, dtype: tf.DType) -> SequenceValue:
        """Return a sequence without elements."""
        return cls(tf.raw_ops.EmptyTensorList(element_shape=ANY_SHAPE, max_num_elements=-1, element_dtype=dtype), dtype)

    @property
    def length(self) -> tf.Tensor:
        """The number of elements: int32 scalar."""
        return tf.raw_ops.TensorListLength(input_handle=self.handle)

    def at(self, index: int | tf.Tensor) -> tf.Tensor:
        """Return an element, counted from 0 by an int32 scalar."""
        return tf.raw_ops.TensorListGetItem(
            input_handle=self.handle, index=index, element_shape=ANY_SHAPE, element_dtype=self.dtype
        )

    def append(self, tensor: tf.Tensor) -> SequenceValue:
        """Return the sequence with one more element."""
        return SequenceValue(tf.raw_ops.TensorListPushBack(input_handle=self.handle, tensor=tensor), self.dtype)

    def place(self, position: int | tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        """Return a position as an int32 scalar counted from the front; negative ones count back from `size`."""
        position = tf.cast(tf.reshape(position, []), tf.int32)
        position = tf.where(position < 0, position + size, position)
        check = tf.debugging.Assert((position >= 0) & (position < tf.maximum(size, 1)), [position, size])
        with tf.control_dependencies([] if check is None else [check]):
            return tf.identity(position)

    def extend(self, other: SequenceValue, start: int | tf.Tensor, end: tf.Tensor) -> SequenceValue:
        """Return the sequence followed by the elements of another from `start` up to `end`."""
        _, handle = tf.while_loop(
            lambda index, handle: index < end,
            lambda index, handle: (index + 1, SequenceValue(handle, self.dtype).append(other.at(index)).handle),
            (tf.convert_to_tensor(start), self.handle),
        )
        return SequenceValue(handle, self.dtype)


@dataclass(frozen=True)
class OptionalValue:
    """An optional of ONNX as an optional variant.

    Attributes:
        handle: scalar variant tensor, an optional of one component: a tensor, or the tensor list of a sequence.
        dtype: of the tensor, or of the sequence's elements.
        sequence: whether it holds a sequence.
    """

    handle: tf.Tensor
    dtype: tf.DType
    sequence: bool

    @classmethod
    def of(cls, value: Value) -> OptionalValue:
        """Return an optional that holds a tensor or a sequence; one that is an optional already is returned as it is."""
        if isinstance(value, OptionalValue):
            return value
        sequence = isinstance(value, SequenceValue)
        handle = tf.raw_ops.OptionalFromValue(components=[value.handle if sequence else value])
        return cls(handle, value.dtype, sequence)

    @classmethod
    def empty(cls, kind: ir.TypeProtocol) -> OptionalValue:
        """Return an empty optional for values of a type of ONNX."""
        return cls(tf.raw_ops.OptionalNone(), to_dtype(kind.dtype), isinstance(kind, ir.SequenceType))

    @property
    def present(self) -> tf.Tensor:
        """Whether there is a value: bool scalar."""
        return tf.raw_ops.OptionalHasValue(optional=self.handle)

    @property
    def value(self) -> SequenceValue | tf.Tensor:
        """The tensor or sequence; running fails where there is none."""
        dtype, shape = (tf.variant, tf.TensorShape([])) if self.sequence else (self.dtype, tf.TensorShape(None))
        (held,) = tf.raw_ops.OptionalGetValue(optional=self.handle, output_types=[dtype], output_shapes=[shape])
        return SequenceValue(held, self.dtype) if self.sequence else held


Value: TypeAlias = "tf.Tensor | SequenceValue | OptionalValue"
"""What stands for a value of ONNX in a graph of TensorFlow."""


def flat(value: Value, kind: Value | None = None) -> tf.Tensor:
    """Return the tensor of a value that TensorFlow's control flow carries: a variant handle for a sequence or optional.

    A plain value is wrapped as an optional first where `kind` is one.
    """
    if isinstance(kind, OptionalValue):
        value = OptionalValue.of(value)
    return value.handle if isinstance(value, SequenceValue | OptionalValue) else value


def like(kind: Value, tensor: tf.Tensor) -> Value:
    """Return a tensor that TensorFlow's control flow carried as a value of the kind of `kind`: the inverse of `flat`."""
    return replace(kind, handle=tensor) if isinstance(kind, SequenceValue | OptionalValue) else tensor
