"""If, Loop and Scan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ops.sequence.optionals import Optional
from modelport_converters.onnx_to_tensorflow.ops.sequence.sequences import Sequence
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op

_ROUNDS = 4  # a dimension or rank that changes does so in the first round; each further state it feeds takes one more


def flat(value: Any, kind: Any = None) -> Any:
    """Return the tensor that stands for a value inside TensorFlow's control flow: for an optional where `kind` is one."""
    if isinstance(kind, Optional):
        value = Optional.of(value)
    return value.handle if isinstance(value, Sequence | Optional) else value


def like(kind: Any, tensor: Any) -> Any:
    """Return a tensor of TensorFlow's control flow as the kind of value that `kind` is."""
    return replace(kind, handle=tensor) if isinstance(kind, Sequence | Optional) else tensor


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
def loop(trips: Any = None, cond: Any = None, *initial: Any, body: Any) -> Any:
    """The last values of the loop's states, then what each round yields, stacked along a new first axis.

    Without the input `cond`, the condition that the body yields is ignored, as the schema says; ONNX Runtime minds it.
    """
    if trips is None and cond is None:
        raise Unsupported("it has neither a trip count nor a condition, so it never ends")
    limit = tf.constant(2**63 - 1, tf.int64) if trips is None else tf.cast(tf.reshape(trips, []), tf.int64)
    start = tf.constant(True) if cond is None else tf.reshape(cond, [])

    def step(index: Any, keep: Any, states: list[Any]) -> tuple[Any, list[Any], list[Any]]:
        again, *results = body(index, keep, *states)
        keep = keep if cond is None else tf.reshape(again, [])
        return keep, results[: len(states)], results[len(states) :]

    results = repeat(limit, start, list(initial), step)
    return tuple(_declared(value, output) for value, output in zip(results, body.graph.outputs[1:], strict=True))


def _declared(value: Any, output: ir.Value) -> Any:
    """Return what an optional holds where the body declares no optional: a state may be one at first and a plain value then."""
    holds = output.type is not None and not isinstance(output.type, ir.OptionalType)
    return value.value if isinstance(value, Optional) and holds else value


@op("Scan")
def scan(
    *values: Any,
    body: Any,
    num_scan_inputs: int,
    scan_input_axes: Any = (),
    scan_input_directions: Any = (),
    scan_output_axes: Any = (),
    scan_output_directions: Any = (),
    batched: int = 0,
) -> Any:
    """The last values of the states, then what each round yields, stacked; each round takes the next slice of the scan inputs.

    `batched` is set by `prepare` for the form of opset 8: every value has a batch dimension, which the body does not see.
    """
    count = len(values) - num_scan_inputs

    def run(values: Any) -> tuple[Any, ...]:
        taken = _each(values[count:], scan_input_axes, scan_input_directions)
        scanned = [_reversed(_moved(value, axis, 0), back) for value, axis, back in taken]

        def step(index: Any, keep: Any, states: list[Any]) -> tuple[Any, list[Any], list[Any]]:
            results = body(*states, *(tf.gather(value, index) for value in scanned))
            return keep, results[:count], results[count:]

        results = repeat(tf.shape(scanned[0], tf.int64)[0], tf.constant(True), list(values[:count]), step)
        made = _each(results[count:], scan_output_axes, scan_output_directions)
        return (*results[:count], *(_moved(_reversed(value, back), 0, axis) for value, axis, back in made))

    if not batched:
        return run(values)
    size = tf.shape(values[0], tf.int64)[0]
    return repeat(
        size, tf.constant(True), [], lambda index, keep, _: (keep, [], run([tf.gather(x, index) for x in values]))
    )


def _each(values: Any, axes: Any, directions: Any) -> list[tuple[Any, int, int]]:
    """Return each value with its axis and whether it is run through backwards."""
    nothing = [0] * len(values)
    return list(zip(values, axes or nothing, directions or nothing, strict=True))


def _reversed(value: Any, back: int) -> Any:
    return tf.reverse(value, [0]) if back else value


def _moved(value: Any, source: int, target: int) -> Any:
    """Move a dimension to another place."""
    rank = value.shape.rank
    if rank is None:
        raise Unsupported("the rank of what it scans or collects is not known")
    order = list(range(rank))
    order.insert(target % rank, order.pop(source % rank))
    return value if order == sorted(order) else tf.transpose(value, order)


def repeat(limit: Any, start: Any, initial: list[Any], step: Callable[..., Any]) -> tuple[Any, ...]:
    """Run `step` up to `limit` times while its condition holds.

    Args:
        limit: int64 scalar.
        start: bool scalar, whether to run at all.
        initial: the states: tensors, sequences or optionals.
        step: takes the round (int64), the condition and the states; returns the condition, the states and what is collected.

    Returns:
        The last states, then each collected tensor stacked along a new first axis.
    """
    shapes, scans = _settled(initial, step)
    lists = [
        tf.raw_ops.EmptyTensorList(element_shape=-1, max_num_elements=-1, element_dtype=scan.dtype) for scan in scans
    ]

    def body(index: Any, keep: Any, states: list[Any], lists: list[Any]) -> tuple[Any, ...]:
        values = [like(kind, state) for kind, state in zip(initial, states, strict=True)]
        keep, results, collected = step(index, keep, values)
        pushed = [
            tf.raw_ops.TensorListPushBack(input_handle=a, tensor=b) for a, b in zip(lists, collected, strict=True)
        ]
        return index + 1, keep, _flat(results, initial), pushed

    scalar = tf.TensorShape([])
    states, lists = tf.while_loop(
        lambda index, keep, *rest: keep & (index < limit),
        body,
        (tf.constant(0, tf.int64), start, [flat(value) for value in initial], lists),
        shape_invariants=(scalar, scalar, shapes, [scalar] * len(lists)),
    )[2:]
    stacked = [_stacked(handle, scan.dtype, scan.shape) for handle, scan in zip(lists, scans, strict=True)]
    return (*(like(kind, state) for kind, state in zip(initial, states, strict=True)), *stacked)


def _flat(values: list[Any], kinds: list[Any]) -> list[Any]:
    return [flat(value, kind) for value, kind in zip(values, kinds, strict=True)]


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
            return [tf.identity(value) for value in _flat(results, initial)], list(map(tf.identity, collected))

        results, scans = tf.function(trial, autograph=False).get_concrete_function(*specs).structured_outputs
        merged = [a.most_specific_compatible_shape(b.shape) for a, b in zip(shapes, results, strict=True)]
        if all(a.as_list() == b.as_list() if a.rank is not None else b.rank is None
               for a, b in zip(merged, shapes, strict=True)):  # fmt: skip
            return shapes, list(scans)
        shapes = merged
    raise Unsupported("the shapes of its states do not settle")


def _stacked(handle: Any, dtype: tf.DType, shape: tf.TensorShape) -> Any:
    """Stack a list; one without elements gives 0 for each dimension that is not known."""
    sizes: Any = -1
    if shape.rank is not None:
        unknown = tf.where(tf.raw_ops.TensorListLength(input_handle=handle) > 0, -1, 0)
        sizes = tf.convert_to_tensor([unknown if size is None else size for size in shape], tf.int32)
    result = tf.raw_ops.TensorListStack(input_handle=handle, element_shape=sizes, element_dtype=dtype, num_elements=-1)
    if shape.rank is not None:
        result.set_shape([None, *shape])
    return result
