"""Optionals: values that may be absent, held as TensorFlow's optional variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ops.sequence.sequences import Sequence
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op
from modelport_converters.onnx_to_tensorflow.weights import to_dtype


@dataclass(frozen=True)
class Optional:
    """An optional as a value of the graph.

    Attributes:
        handle: scalar variant tensor, an optional of one component: a tensor, or the tensor list of a sequence.
        dtype: of the tensor, or of the sequence's elements.
        sequence: whether it holds a sequence.
    """

    handle: Any
    dtype: tf.DType
    sequence: bool

    @classmethod
    def of(cls, value: Any) -> Optional:
        """Return an optional that holds a tensor or a sequence; one that is an optional already is returned as it is."""
        if isinstance(value, Optional):
            return value
        sequence = isinstance(value, Sequence)
        handle = tf.raw_ops.OptionalFromValue(components=[value.handle if sequence else value])
        return cls(handle, value.dtype, sequence)

    @classmethod
    def empty(cls, kind: ir.TypeProtocol) -> Optional:
        """Return an empty optional for values of a type of ONNX."""
        return cls(tf.raw_ops.OptionalNone(), to_dtype(kind.dtype), isinstance(kind, ir.SequenceType))

    @property
    def present(self) -> Any:
        """Whether there is a value: bool scalar."""
        return tf.raw_ops.OptionalHasValue(optional=self.handle)

    @property
    def value(self) -> Any:
        """The tensor or sequence; running fails where there is none."""
        dtype, shape = (tf.variant, tf.TensorShape([])) if self.sequence else (self.dtype, tf.TensorShape(None))
        (held,) = tf.raw_ops.OptionalGetValue(optional=self.handle, output_types=[dtype], output_shapes=[shape])
        return Sequence(held, self.dtype) if self.sequence else held


@op("Optional")
def optional(value: Any = None, *, type: ir.TypeAndShape | None = None) -> Optional:  # noqa: A002
    """An optional that holds the value; an empty one of a type without it."""
    if value is not None:
        return Optional.of(value)
    if type is None or type.type is None:
        raise Unsupported("it has neither a value nor a type")
    return Optional.empty(type.type)


@op("OptionalGetElement")
def optional_get_element(value: Any) -> Any:
    """The value that an optional holds; a tensor or a sequence as it is."""
    return value.value if isinstance(value, Optional) else value


@op("OptionalHasElement")
def optional_has_element(value: Any = None) -> Any:
    """Whether there is a value: bool scalar; a tensor or a sequence is one, an absent input is none."""
    return value.present if isinstance(value, Optional) else tf.constant(value is not None)
