"""If and Loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op
from modelport_converters.onnx_to_tensorflow.sequence import Sequence

_ROUNDS = 4  # a dimension or rank that changes does so in the first round; each further state it feeds takes one more


def flat(value: Any) -> Any:
    """Return the tensor that stands for a value inside TensorFlow's control flow."""
    return value.handle if isinstance(value, Sequence) else value


def like(value: Any, tensor: Any) -> Any:
    """Return a tensor of TensorFlow's control flow as the kind of value that `value` is."""
    return Sequence(tensor, value.dtype) if isinstance(value, Sequence) else tensor


@op("If")
def if_(cond: Any, *, then_branch: Any, else_branch: Any) -> Any:
    """The outputs of one of two graphs; where the condition is known, only that one is translated."""
    known = tf.get_static_value(cond)
    if known is not None:
        return tuple((then_branch if known.reshape(-1)[0] else else_branch)())
    kinds: list[Any] = []

    def branch(body: Any) -> Callable[[], list[Any]]:
        def outputs() -> list[Any]:
            kinds[:] = body()
            return [tf.identity(flat(value)) for value in kinds]

        return outputs

    results = tf.cond(tf.reshape(cond, []), branch(then_branch), branch(else_branch))
    results = results if isinstance(results, list | tuple) else [results]
    return tuple(like(kind, result) for kind, result in zip(kinds, results, strict=True))


@op("Loop")
def loop(trips: Any, cond: Any = None, *initial: Any, body: Any) -> Any:
    """The last values of the loop's states, then what each round yields, stacked along a new first axis."""
    if trips is None and cond is None:
        raise Unsupported("it has neither a trip count nor a condition, so it never ends")
    limit = tf.constant(2**63 - 1, tf.int64) if trips is None else tf.cast(tf.reshape(trips, []), tf.int64)
    start = tf.constant(True) if cond is None else tf.reshape(cond, [])

    def step(index: Any, keep: Any, states: list[Any]) -> tuple[Any, list[Any], list[Any]]:
        again, *results = body(index, keep, *states)
        keep = keep if cond is None else tf.reshape(again, [])
        return keep, results[: len(states)], results[len(states) :]

    return repeat(limit, start, list(initial), step)


def repeat(limit: Any, start: Any, initial: list[Any], step: Callable[..., Any]) -> tuple[Any, ...]:
    """Run `step` up to `limit` times while its condition holds.

    Args:
        limit: int64 scalar.
        start: bool scalar, whether to run at all.
        initial: the states, tensors or sequences.
        step: takes the round (int64), the condition and the states; returns the condition, the states and what is collected.

    Returns:
        The last states, then each collected tensor stacked along a new first axis.
    """
    shapes, scans = _settled(initial, step)
    lists = [
        tf.raw_ops.EmptyTensorList(element_shape=-1, max_num_elements=-1, element_dtype=scan.dtype) for scan in scans
    ]
    sizes = [_sizes(scan.shape) for scan in scans]

    def body(index: Any, keep: Any, states: list[Any], lists: list[Any], sizes: list[Any]) -> tuple[Any, ...]:
        values = [like(kind, state) for kind, state in zip(initial, states, strict=True)]
        keep, results, collected = step(index, keep, values)
        pushed = [
            tf.raw_ops.TensorListPushBack(input_handle=a, tensor=b) for a, b in zip(lists, collected, strict=True)
        ]
        sizes = [tf.shape(scan) for scan in collected]
        return index + 1, keep, [flat(value) for value in results], pushed, sizes

    states, lists, sizes = tf.while_loop(
        lambda index, keep, *rest: keep & (index < limit),
        body,
        (tf.constant(0, tf.int64), start, [flat(value) for value in initial], lists, sizes),
        shape_invariants=(
            tf.TensorShape([]), tf.TensorShape([]), shapes, [tf.TensorShape([])] * len(lists), [size.shape for size in sizes],
        ),
    )[2:]  # fmt: skip
    stacked = [
        _stacked(handle, size, scan.dtype, scan.shape) for handle, size, scan in zip(lists, sizes, scans, strict=True)
    ]
    return (*(like(kind, state) for kind, state in zip(initial, states, strict=True)), *stacked)


def _settled(initial: list[Any], step: Callable[..., Any]) -> tuple[list[Any], list[Any]]:
    """Return the shapes that hold for the states in every round, and the specifications of what is collected."""
    shapes = [tf.TensorShape(flat(value).shape) for value in initial]
    dtypes = [flat(value).dtype for value in initial]
    for _ in range(_ROUNDS):
        specs = [tf.TensorSpec(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]

        def trial(*states: Any) -> tuple[list[Any], list[Any]]:
            values = [like(kind, state) for kind, state in zip(initial, states, strict=True)]
            index, keep = tf.zeros([], tf.int64), tf.ones([], tf.bool)
            _, results, collected = step(tf.raw_ops.PlaceholderWithDefault(input=index, shape=[]), keep, values)
            return [tf.identity(flat(value)) for value in results], [tf.identity(value) for value in collected]

        results, scans = tf.function(trial, autograph=False).get_concrete_function(*specs).structured_outputs
        merged = [a.most_specific_compatible_shape(b.shape) for a, b in zip(shapes, results, strict=True)]
        if all(a.as_list() == b.as_list() if a.rank is not None else b.rank is None
               for a, b in zip(merged, shapes, strict=True)):  # fmt: skip
            return shapes, list(scans)
        shapes = merged
    raise Unsupported("the shapes of its states do not settle")


def _sizes(shape: tf.TensorShape) -> Any:
    if shape.rank is None:
        raise Unsupported("the rank of what it collects is not known")
    return tf.constant([size or 0 for size in shape], tf.int32, shape=[shape.rank])


def _stacked(handle: Any, sizes: Any, dtype: tf.DType, shape: tf.TensorShape) -> Any:
    """Stack a list; one without elements gives 0 for each dimension that is not known."""
    result = tf.raw_ops.TensorListStack(input_handle=handle, element_shape=sizes, element_dtype=dtype, num_elements=-1)
    result.set_shape([None, *shape])
    return result
