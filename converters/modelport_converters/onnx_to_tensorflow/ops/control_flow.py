"""If, Loop and Scan."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_graph.translate import Body
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op
from modelport_converters.onnx_to_tensorflow.shapes import Size
from modelport_converters.onnx_to_tensorflow.values import OptionalValue, Value, flat, like

Round = tuple[tf.Tensor, Sequence[Value], Sequence[tf.Tensor]]
"""What a round of a loop returns: the condition, the states and what is collected."""

_ROUNDS = 4  # a dimension or rank that changes does so in the first round; each further state it feeds takes one more


@op("If")
def if_(cond: tf.Tensor, *, then_branch: Body, else_branch: Body) -> tuple[Value, ...]:
    """If: the outputs of one of two branches; with a static condition only that branch is traced."""
    known = tf.get_static_value(cond)
    if known is not None:
        return tuple((then_branch if known.reshape(-1)[0] else else_branch)())
    kinds: list[Value] = []

    def branch(body: Body) -> Callable[[], list[tf.Tensor]]:
        def outputs() -> list[tf.Tensor]:
            kinds[:] = body()
            return [tf.identity(flat(value)) for value in kinds]

        return outputs

    results = tf.cond(tf.reshape(cond, []), branch(then_branch), branch(else_branch))
    results = results if isinstance(results, list | tuple) else [results]
    return tuple(like(kind, result) for kind, result in zip(kinds, results, strict=True))


@op("Loop")
def loop(
    trips: tf.Tensor | None = None, cond: tf.Tensor | None = None, *initial: Value, body: Body
) -> tuple[Value, ...]:
    """Loop: the last values of the loop-carried dependencies, then the scan outputs, stacked along a new first axis.

    Without the input `cond`, the condition that the body yields is ignored, as the schema says; ONNX Runtime minds it.
    """
    if trips is None and cond is None:
        raise Unsupported("it has neither a trip count nor a condition, so it never ends")
    limit = tf.constant(2**63 - 1, tf.int64) if trips is None else tf.cast(tf.reshape(trips, []), tf.int64)
    start = tf.constant(True) if cond is None else tf.reshape(cond, [])

    def step(index: tf.Tensor, keep: tf.Tensor, states: list[Value]) -> Round:
        again, *results = body(index, keep, *states)
        keep = keep if cond is None else tf.reshape(again, [])
        return keep, results[: len(states)], results[len(states) :]

    results = repeat(limit, start, list(initial), step)
    return tuple(_declared(value, output) for value, output in zip(results, body.graph.outputs[1:], strict=True))


def _declared(value: Value, output: ir.Value) -> Value:
    """Return what an optional holds where the body declares no optional: a state may be one at first and a plain value then."""
    holds = output.type is not None and not isinstance(output.type, ir.OptionalType)
    return value.value if isinstance(value, OptionalValue) and holds else value


@op("Scan")
def scan(
    *values: tf.Tensor, body: Body, num_scan_inputs: int, scan_input_axes: Sequence[int] = (),
    scan_input_directions: Sequence[int] = (), scan_output_axes: Sequence[int] = (),
    scan_output_directions: Sequence[int] = (), batched: int = 0,
) -> tuple[Value, ...]:  # fmt: skip
    """Scan: the last state variables, then the scan outputs, stacked; each iteration takes the next slice of the scan inputs.

    `batched` is set by `prepare` for the form of opset 8: every value has a batch dimension, which the body does not see.
    """
    count = len(values) - num_scan_inputs

    def run(values: Sequence[tf.Tensor]) -> tuple[Value, ...]:
        taken = _each(values[count:], scan_input_axes, scan_input_directions)
        scanned = [_reversed(_moved(value, axis, 0), back) for value, axis, back in taken]

        def step(index: tf.Tensor, keep: tf.Tensor, states: list[Value]) -> Round:
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


def _each(values: Sequence[Value], axes: Sequence[int], directions: Sequence[int]) -> list[tuple[Value, int, int]]:
    """Return each value with its axis and whether it is run through backwards."""
    nothing = [0] * len(values)
    return list(zip(values, axes or nothing, directions or nothing, strict=True))


def _reversed(value: Value, back: int) -> Value:
    return tf.reverse(value, [0]) if back else value


def _moved(value: tf.Tensor, source: int, target: int) -> tf.Tensor:
    """Move a dimension to another place."""
    rank = value.shape.rank
    if rank is None:
        raise Unsupported("the rank of what it scans or collects is not known")
    order = list(range(rank))
    order.insert(target % rank, order.pop(source % rank))
    return value if order == sorted(order) else tf.transpose(value, order)


def repeat(limit: tf.Tensor, start: tf.Tensor, initial: list[Value], step: Callable[..., Round]) -> tuple[Value, ...]:
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

    def body(
        index: tf.Tensor, keep: tf.Tensor, states: list[tf.Tensor], lists: list[tf.Tensor]
    ) -> tuple[tf.Tensor, ...]:
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


def _flat(values: Sequence[Value], kinds: list[Value]) -> list[tf.Tensor]:
    return [flat(value, kind) for value, kind in zip(values, kinds, strict=True)]


def _settled(initial: list[Value], step: Callable[..., Round]) -> tuple[list[tf.TensorShape], list[tf.TensorSpec]]:
    """Return the shape invariants of the states, and the specs of the scan outputs, by tracing the body until they settle."""
    shapes = [tf.TensorShape(flat(value).shape) for value in initial]
    dtypes = [flat(value).dtype for value in initial]
    for _ in range(_ROUNDS):
        specs = [tf.TensorSpec(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]

        def trial(*states: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
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


def _stacked(handle: tf.Tensor, dtype: tf.DType, shape: tf.TensorShape) -> tf.Tensor:
    """Stack a list; one without elements gives 0 for each dimension that is not known."""
    sizes: Size = -1
    if shape.rank is not None:
        unknown = tf.where(tf.raw_ops.TensorListLength(input_handle=handle) > 0, -1, 0)
        sizes = tf.convert_to_tensor([unknown if size is None else size for size in shape], tf.int32)
    result = tf.raw_ops.TensorListStack(input_handle=handle, element_shape=sizes, element_dtype=dtype, num_elements=-1)
    if shape.rank is not None:
        result.set_shape([None, *shape])
    return result
