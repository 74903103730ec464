"""Sequences and optionals: lists of tensors of one element type, and values that may be absent."""

from __future__ import annotations

import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op
from modelport_converters.onnx_to_tensorflow.values import ANY_SHAPE, OptionalValue, SequenceValue, Value
from modelport_converters.onnx_to_tensorflow.weights import to_dtype


@op("SequenceEmpty")
def sequence_empty(*, dtype: int = 1) -> SequenceValue:
    """An empty sequence."""
    return SequenceValue.empty(to_dtype(ir.DataType(dtype)))


@op("SequenceConstruct")
def sequence_construct(*tensors: tf.Tensor) -> SequenceValue:
    """Construct a sequence of the tensors."""
    result = SequenceValue.empty(tensors[0].dtype)
    for tensor in tensors:
        result = result.append(tensor)
    return result


@op("SequenceLength")
def sequence_length(sequence: SequenceValue) -> tf.Tensor:
    """Size: the number of elements."""
    return tf.cast(sequence.length, tf.int64)


@op("SequenceAt")
def sequence_at(sequence: SequenceValue, position: tf.Tensor) -> tf.Tensor:
    """The tensor at a position of a sequence."""
    return sequence.at(sequence.place(position, sequence.length))


@op("SequenceInsert")
def sequence_insert(sequence: SequenceValue, tensor: tf.Tensor, position: tf.Tensor | None = None) -> SequenceValue:
    """Insert a tensor before a position of a sequence; at the end by default."""
    if position is None:
        return sequence.append(tensor)
    length = sequence.length
    position = tf.cast(tf.reshape(position, []), tf.int32)
    position = tf.where(position < 0, position + length, position)
    check = tf.debugging.Assert((position >= 0) & (position <= length), [position, length])
    with tf.control_dependencies([] if check is None else [check]):
        position = tf.identity(position)
    front = SequenceValue.empty(sequence.dtype).extend(sequence, 0, position)
    return front.append(tensor).extend(sequence, position, length)


@op("SequenceErase")
def sequence_erase(sequence: SequenceValue, position: tf.Tensor | None = None) -> SequenceValue:
    """Erase the tensor at a position of a sequence; the last by default."""
    length = sequence.length
    place = sequence.place(-1 if position is None else position, length)
    return SequenceValue.empty(sequence.dtype).extend(sequence, 0, place).extend(sequence, place + 1, length)


@op("ConcatFromSequence")
def concat_from_sequence(sequence: SequenceValue, *, axis: int, new_axis: int = 0) -> tf.Tensor:
    """Concatenate the tensors of a sequence along an axis, or stack them along a new one."""
    length, dtype = sequence.length, sequence.dtype
    rank = tf.rank(sequence.at(0)) + (1 if new_axis else 0)
    place = axis + rank if axis < 0 else tf.constant(axis)
    others = tf.range(1, rank)
    back = tf.concat([others[:place], [0], others[place:]], 0)
    if new_axis:
        stack = tf.raw_ops.TensorListStack(input_handle=sequence.handle, element_shape=ANY_SHAPE, element_dtype=dtype)
        return tf.transpose(stack, back)
    front = tf.concat([[place], tf.range(place), tf.range(place + 1, rank)], 0)
    moved = tf.while_loop(
        lambda index, handle: index < length,
        lambda index, handle: (
            index + 1, SequenceValue(handle, dtype).append(tf.transpose(sequence.at(index), front)).handle,
        ),
        (tf.constant(0), SequenceValue.empty(dtype).handle),
    )[1]  # fmt: skip
    joined = tf.raw_ops.TensorListConcatV2(
        input_handle=moved, element_shape=ANY_SHAPE, leading_dims=tf.zeros([0], tf.int64), element_dtype=dtype
    )[0]
    return tf.transpose(joined, back)


@op("SplitToSequence")
def split_to_sequence(
    x: tf.Tensor, split: tf.Tensor | None = None, *, axis: int = 0, keepdims: int = 1
) -> SequenceValue:
    """Split along an axis into a sequence: by one length (the last may be shorter), by given lengths, or into single slices."""
    axis %= x.shape.rank
    if split is None:
        moved = tf.transpose(x, [axis, *(other for other in range(x.shape.rank) if other != axis)])
        parts = tf.expand_dims(moved, axis + 1) if keepdims else moved
        shape = tf.constant([-1 if size is None else size for size in parts.shape[1:]], tf.int32)
        return SequenceValue(tf.raw_ops.TensorListFromTensor(tensor=parts, element_shape=shape), x.dtype)
    size, lengths = tf.shape(x)[axis], tf.cast(split, tf.int32)
    if lengths.shape.rank == 0:
        lengths = tf.minimum(lengths, size - tf.range(0, size, lengths))
    whole = tf.debugging.assert_equal(tf.reduce_sum(lengths), size, "SplitToSequence: the lengths do not add up")
    with tf.control_dependencies([] if whole is None else [whole]):
        starts = tf.cumsum(lengths, exclusive=True)
    along = tf.one_hot(axis, x.shape.rank, dtype=tf.int32)

    def part(index: tf.Tensor) -> tf.Tensor:
        return tf.slice(x, along * starts[index], tf.where(along == 1, lengths[index], tf.shape(x)))

    handle = tf.while_loop(
        lambda index, handle: index < tf.size(lengths),
        lambda index, handle: (index + 1, SequenceValue(handle, x.dtype).append(part(index)).handle),
        (tf.constant(0), SequenceValue.empty(x.dtype).handle),
    )[1]
    return SequenceValue(handle, x.dtype)


@op("Optional")
def optional(value: SequenceValue | tf.Tensor | None = None, *, type: ir.TypeAndShape | None = None) -> OptionalValue:  # noqa: A002
    """Optional that holds the value; an empty one of a type without it."""
    if value is not None:
        return OptionalValue.of(value)
    if type is None or type.type is None:
        raise Unsupported("it has neither a value nor a type")
    return OptionalValue.empty(type.type)


@op("OptionalGetElement")
def optional_get_element(value: Value) -> SequenceValue | tf.Tensor:
    """The value that an optional holds; a tensor or a sequence as it is."""
    return value.value if isinstance(value, OptionalValue) else value


@op("OptionalHasElement")
def optional_has_element(value: Value | None = None) -> tf.Tensor:
    """Whether there is a value: bool scalar; a tensor or a sequence is one, an absent input is none."""
    return value.present if isinstance(value, OptionalValue) else tf.constant(value is not None)
