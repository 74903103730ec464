"""Sequences: lists of tensors of one element type, each of a shape of its own, held as TensorFlow's tensor lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import op

_ANY = -1  # TensorFlow's element shape for a list of which nothing is known


@dataclass(frozen=True)
class Sequence:
    """A sequence as a value of the graph.

    Attributes:
        handle: scalar variant tensor, a tensor list.
        dtype: of the elements.
    """

    handle: Any
    dtype: tf.DType

    @classmethod
    def empty(cls, dtype: tf.DType) -> Sequence:
        """Return a sequence without elements."""
        return cls(tf.raw_ops.EmptyTensorList(element_shape=_ANY, max_num_elements=-1, element_dtype=dtype), dtype)

    @property
    def length(self) -> Any:
        """The number of elements: int32 scalar."""
        return tf.raw_ops.TensorListLength(input_handle=self.handle)

    def at(self, index: Any) -> Any:
        """Return an element, counted from 0 by an int32 scalar."""
        return tf.raw_ops.TensorListGetItem(
            input_handle=self.handle, index=index, element_shape=_ANY, element_dtype=self.dtype
        )

    def append(self, tensor: Any) -> Sequence:
        """Return the sequence with one more element."""
        return Sequence(tf.raw_ops.TensorListPushBack(input_handle=self.handle, tensor=tensor), self.dtype)

    def place(self, position: Any, size: Any) -> Any:
        """Return a position as an int32 scalar counted from the front; negative ones count back from `size`."""
        position = tf.cast(tf.reshape(position, []), tf.int32)
        position = tf.where(position < 0, position + size, position)
        check = tf.debugging.Assert((position >= 0) & (position < tf.maximum(size, 1)), [position, size])
        with tf.control_dependencies([] if check is None else [check]):
            return tf.identity(position)

    def extend(self, other: Sequence, start: Any, end: Any) -> Sequence:
        """Return the sequence followed by the elements of another from `start` up to `end`."""
        _, handle = tf.while_loop(
            lambda index, handle: index < end,
            lambda index, handle: (index + 1, Sequence(handle, self.dtype).append(other.at(index)).handle),
            (tf.convert_to_tensor(start), self.handle),
        )
        return Sequence(handle, self.dtype)


@op("SequenceEmpty")
def sequence_empty(*, dtype: int = 1) -> Sequence:
    """A sequence without elements."""
    import onnx_ir as ir

    from modelport_converters.onnx_to_tensorflow.weights import to_dtype

    return Sequence.empty(to_dtype(ir.DataType(dtype)))


@op("SequenceConstruct")
def sequence_construct(*tensors: Any) -> Sequence:
    """A sequence of the tensors."""
    result = Sequence.empty(tensors[0].dtype)
    for tensor in tensors:
        result = result.append(tensor)
    return result


@op("SequenceLength")
def sequence_length(sequence: Sequence) -> Any:
    """The number of elements."""
    return tf.cast(sequence.length, tf.int64)


@op("SequenceAt")
def sequence_at(sequence: Sequence, position: Any) -> Any:
    """The element at a position."""
    return sequence.at(sequence.place(position, sequence.length))


@op("SequenceInsert")
def sequence_insert(sequence: Sequence, tensor: Any, position: Any = None) -> Sequence:
    """The sequence with a tensor before a position; at the end by default."""
    if position is None:
        return sequence.append(tensor)
    length = sequence.length
    position = tf.cast(tf.reshape(position, []), tf.int32)
    position = tf.where(position < 0, position + length, position)
    check = tf.debugging.Assert((position >= 0) & (position <= length), [position, length])
    with tf.control_dependencies([] if check is None else [check]):
        position = tf.identity(position)
    front = Sequence.empty(sequence.dtype).extend(sequence, 0, position)
    return front.append(tensor).extend(sequence, position, length)


@op("SequenceErase")
def sequence_erase(sequence: Sequence, position: Any = None) -> Sequence:
    """The sequence without the element at a position; without the last by default."""
    length = sequence.length
    place = sequence.place(-1 if position is None else position, length)
    return Sequence.empty(sequence.dtype).extend(sequence, 0, place).extend(sequence, place + 1, length)


@op("ConcatFromSequence")
def concat_from_sequence(sequence: Sequence, *, axis: int, new_axis: int = 0) -> Any:
    """The elements joined along an axis, or stacked along a new one."""
    length, dtype = sequence.length, sequence.dtype
    rank = tf.rank(sequence.at(0)) + (1 if new_axis else 0)
    place = axis + rank if axis < 0 else tf.constant(axis)
    others = tf.range(1, rank)
    back = tf.concat([others[:place], [0], others[place:]], 0)
    if new_axis:
        stack = tf.raw_ops.TensorListStack(input_handle=sequence.handle, element_shape=_ANY, element_dtype=dtype)
        return tf.transpose(stack, back)
    front = tf.concat([[place], tf.range(place), tf.range(place + 1, rank)], 0)
    moved = tf.while_loop(
        lambda index, handle: index < length,
        lambda index, handle: (
            index + 1, Sequence(handle, dtype).append(tf.transpose(sequence.at(index), front)).handle,
        ),
        (tf.constant(0), Sequence.empty(dtype).handle),
    )[1]  # fmt: skip
    joined = tf.raw_ops.TensorListConcatV2(
        input_handle=moved, element_shape=_ANY, leading_dims=tf.zeros([0], tf.int64), element_dtype=dtype
    )[0]
    return tf.transpose(joined, back)


@op("SplitToSequence")
def split_to_sequence(x: Any, split: Any = None, *, axis: int = 0, keepdims: int = 1) -> Sequence:
    """A sequence of the parts along an axis: of one length (the last may be shorter), of given lengths, or single slices."""
    axis %= x.shape.rank
    if split is None:
        moved = tf.transpose(x, [axis, *(other for other in range(x.shape.rank) if other != axis)])
        parts = tf.expand_dims(moved, axis + 1) if keepdims else moved
        shape = tf.constant([-1 if size is None else size for size in parts.shape[1:]], tf.int32)
        return Sequence(tf.raw_ops.TensorListFromTensor(tensor=parts, element_shape=shape), x.dtype)
    size, lengths = tf.shape(x)[axis], tf.cast(split, tf.int32)
    if lengths.shape.rank == 0:
        lengths = tf.minimum(lengths, size - tf.range(0, size, lengths))
    whole = tf.debugging.assert_equal(tf.reduce_sum(lengths), size, "SplitToSequence: the lengths do not add up")
    with tf.control_dependencies([] if whole is None else [whole]):
        starts = tf.cumsum(lengths, exclusive=True)
    along = tf.one_hot(axis, x.shape.rank, dtype=tf.int32)

    def part(index: Any) -> Any:
        return tf.slice(x, along * starts[index], tf.where(along == 1, lengths[index], tf.shape(x)))

    handle = tf.while_loop(
        lambda index, handle: index < tf.size(lengths),
        lambda index, handle: (index + 1, Sequence(handle, x.dtype).append(part(index)).handle),
        (tf.constant(0), Sequence.empty(x.dtype).handle),
    )[1]
    return Sequence(handle, x.dtype)
