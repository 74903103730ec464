"""Recurrent layers.

Inside this module a sequence is [time, batch, features] and a state [batch, hidden]; layout 1 is transposed at the borders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ops.recurrent.activations import Function, activations_of
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op
from modelport_converters.onnx_to_tensorflow.widening import HALVES, widened

Layer = Callable[..., tuple[tf.Tensor, list[tf.Tensor]]]
"""One direction of a layer: takes the inputs, the states and the weights, and returns the outputs and the last states."""

Step = Callable[[tf.Tensor, Sequence[tf.Tensor]], Sequence[tf.Tensor]]
"""From the input of one step and the states to the states after it; the first state is the output."""

_REVERSED = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}

_LSTM_DEFAULTS = ("sigmoid", "tanh", "tanh")

_BLOCK_GATES = (0, 2, 3, 1)
"""ONNX's gates (input, output, forget, cell) in the order of BlockLSTMV2: input, forget, cell, output."""


@op("RNN")
def rnn(
    x: tf.Tensor, w: tf.Tensor, r: tf.Tensor, b: tf.Tensor | None = None, sequence_lens: tf.Tensor | None = None,
    initial_h: tf.Tensor | None = None,
    *, activation_alpha: Sequence[float] = (), activation_beta: Sequence[float] = (),
    activations: Sequence[str] = ("Tanh", "Tanh"), clip: float | None = None, direction: str = "forward",
    hidden_size: int | None = None, layout: int = 0,
) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
    """Simple recurrent layer: H = f(X W' + H R' + b)."""
    functions = activations_of(activations, activation_alpha, activation_beta, clip)

    def one(
        index: int, x: tf.Tensor, states: Sequence[tf.Tensor], w: tf.Tensor, r: tf.Tensor, b: tf.Tensor | None
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        function = functions[index]
        return _loop(lambda now, old: [function(now + tf.matmul(old[0], r, transpose_b=True))], _project(x, w, b), states,
                     sequence_lens)  # fmt: skip

    return _layer(one, x, [w, r, b], [initial_h], sequence_lens, direction, layout)


@op("GRU")
def gru(
    x: tf.Tensor, w: tf.Tensor, r: tf.Tensor, b: tf.Tensor | None = None, sequence_lens: tf.Tensor | None = None,
    initial_h: tf.Tensor | None = None,
    *, activation_alpha: Sequence[float] = (), activation_beta: Sequence[float] = (), activations: Sequence[str] = (),
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None, layout: int = 0,
    linear_before_reset: int = 0,
) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
    """Gated recurrent unit; the gates stand in the order update, reset, hidden."""
    functions = activations_of(activations or ("Sigmoid", "Tanh") * 2, activation_alpha, activation_beta, clip)
    step = _gru_after if linear_before_reset else _gru_before

    def one(
        index: int, x: tf.Tensor, states: Sequence[tf.Tensor], w: tf.Tensor, r: tf.Tensor, b: tf.Tensor | None
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        own = None if b is None else tf.split(b, 2)
        pre = _project(x, w, None if own is None else own[0] if linear_before_reset else tf.concat(own, 0))
        return _loop(
            step(r, None if own is None else own[1], *functions[2 * index : 2 * index + 2]), pre, states, sequence_lens
        )

    return _layer(one, x, [w, r, b], [initial_h], sequence_lens, direction, layout)


@op("LSTM")
def lstm(
    x: tf.Tensor, w: tf.Tensor, r: tf.Tensor, b: tf.Tensor | None = None, sequence_lens: tf.Tensor | None = None,
    initial_h: tf.Tensor | None = None, initial_c: tf.Tensor | None = None, p: tf.Tensor | None = None,
    *, activation_alpha: Sequence[float] = (), activation_beta: Sequence[float] = (), activations: Sequence[str] = (),
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None, input_forget: int = 0,
    layout: int = 0,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:  # fmt: skip
    """Long short-term memory; the gates stand in the order input, output, forget, cell, peepholes without the last."""
    names = [name.lower() for name in activations] or [*_LSTM_DEFAULTS] * 2
    functions = activations_of(names, activation_alpha, activation_beta, clip)
    unclipped = activations_of(names, activation_alpha, activation_beta, None)
    functions[2::3] = unclipped[2::3]  # as ONNX Runtime, which clips the gates only

    def one(
        index: int, x: tf.Tensor, states: Sequence[tf.Tensor], w: tf.Tensor, r: tf.Tensor, b: tf.Tensor | None,
        p: tf.Tensor | None,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:  # fmt: skip
        mine = slice(3 * index, 3 * index + 3)
        if tuple(names[mine]) == _LSTM_DEFAULTS and not clip and not input_forget and x.dtype == tf.float32:
            return _block_lstm(x, states, w, r, b, p, sequence_lens)
        step = _lstm_step(r, p, functions[mine], bool(input_forget))
        return _loop(step, _project(x, w, b), states, sequence_lens)

    return _layer(one, x, [w, r, b, p], [initial_h, initial_c], sequence_lens, direction, layout)


# --- steps -------------------------------------------------------------------------------------------------------------


def _gru_before(r: tf.Tensor, b: tf.Tensor | None, f: Function, g: Function) -> Step:
    """GRU step with the reset gate applied before the recurrent product; the biases are in the input."""
    gates, hidden = tf.split(r, [2 * r.shape[-1], r.shape[-1]])

    def step(now: tf.Tensor, states: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        (h,) = states
        own, candidate = tf.split(now, [2 * r.shape[-1], r.shape[-1]], -1)
        update, reset = tf.split(f(own + tf.matmul(h, gates, transpose_b=True)), 2, -1)
        new = g(candidate + tf.matmul(reset * h, hidden, transpose_b=True))
        return [new + update * (h - new)]

    return step


def _gru_after(r: tf.Tensor, b: tf.Tensor | None, f: Function, g: Function) -> Step:
    """GRU step with the reset gate applied after the recurrent product (linear_before_reset)."""

    def step(now: tf.Tensor, states: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        (h,) = states
        sizes = [2 * r.shape[-1], r.shape[-1]]
        moved = tf.matmul(h, r, transpose_b=True)
        gates, hidden = tf.split(moved if b is None else tf.nn.bias_add(moved, b), sizes, -1)
        own, candidate = tf.split(now, sizes, -1)
        update, reset = tf.split(f(own + gates), 2, -1)
        new = g(candidate + reset * hidden)
        return [new + update * (h - new)]

    return step


def _lstm_step(r: tf.Tensor, p: tf.Tensor | None, functions: Sequence[Function], input_forget: bool) -> Step:
    f, g, h = functions
    peep_in, peep_out, peep_forget = [0, 0, 0] if p is None else tf.split(p, 3)

    def add(gate: tf.Tensor, peephole: int | tf.Tensor, cell: tf.Tensor) -> tf.Tensor:
        return gate if p is None else gate + peephole * cell

    def step(now: tf.Tensor, states: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        hidden, cell = states
        into, out, forget, candidate = tf.split(now + tf.matmul(hidden, r, transpose_b=True), 4, -1)
        into = f(add(into, peep_in, cell))
        forget = 1 - into if input_forget else f(add(forget, peep_forget, cell))
        cell = forget * cell + into * g(candidate)
        return [f(add(out, peep_out, cell)) * h(cell), cell]

    return step


def _block_lstm(
    x: tf.Tensor, states: Sequence[tf.Tensor], w: tf.Tensor, r: tf.Tensor, b: tf.Tensor | None, p: tf.Tensor | None,
    lengths: tf.Tensor | None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:  # fmt: skip
    """LSTM with default activations by the fused kernel, BlockLSTMV2."""
    hidden = r.shape[-1]
    both = tf.reshape(tf.concat([w, r], 1), [4, hidden, -1])
    kernel = tf.transpose(tf.reshape(tf.gather(both, _BLOCK_GATES), [4 * hidden, -1]))
    bias = tf.zeros([4 * hidden]) if b is None else _gates(tf.add_n(tf.split(b, 2)), hidden)
    peep_in, peep_out, peep_forget = tf.split(tf.zeros([3 * hidden]) if p is None else p, 3)
    steps = tf.shape(x)[0] if lengths is None else tf.reduce_max(lengths)
    result = tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.cast(steps, tf.int64), x=x, cs_prev=states[1], h_prev=states[0], w=kernel, b=bias,
        wci=peep_in, wcf=peep_forget, wco=peep_out, cell_clip=0.0, use_peephole=p is not None,
    )  # fmt: skip
    if lengths is None:
        return result.h, [result.h[-1], result.cs[-1]]
    y = tf.where(tf.transpose(tf.sequence_mask(lengths, tf.shape(x)[0]))[..., None], result.h, 0)
    return y, [_at_end(values, lengths, old) for values, old in zip((result.h, result.cs), states, strict=True)]


def _gates(bias: tf.Tensor, hidden: int) -> tf.Tensor:
    return tf.reshape(tf.gather(tf.reshape(bias, [4, hidden]), _BLOCK_GATES), [-1])


def _at_end(values: tf.Tensor, lengths: tf.Tensor, initial: tf.Tensor) -> tf.Tensor:
    """Return each sequence's value at its last step, or the initial one where it has none."""
    last = tf.stack([tf.maximum(lengths - 1, 0), tf.range(tf.shape(lengths)[0])], 1)
    return tf.where(lengths[:, None] > 0, tf.gather_nd(values, last), initial)


# --- sequences ---------------------------------------------------------------------------------------------------------


def _layer(
    one: Layer, x: tf.Tensor, weights: Sequence[tf.Tensor | None], initial: Sequence[tf.Tensor | None],
    lengths: tf.Tensor | None, direction: str, layout: int,
) -> tuple[tf.Tensor, ...]:  # fmt: skip
    """Run one or two directions; stack their outputs and their last states."""
    if direction not in _REVERSED:
        raise Unsupported(f"direction={direction}")
    states = [value if value is None or not layout else tf.transpose(value, [1, 0, 2]) for value in initial]
    call = widened(_directions, HALVES)
    found = call(
        tf.transpose(x, [1, 0, 2]) if layout else x, *weights, *states, run=(one, len(weights), lengths, direction)
    )
    if not layout:
        return tuple(found)
    return tf.transpose(found[0], [2, 0, 1, 3]), *(tf.transpose(value, [1, 0, 2]) for value in found[1:])


def _directions(
    x: tf.Tensor, *operands: tf.Tensor | None, run: tuple[Layer, int, tf.Tensor | None, str]
) -> tuple[tf.Tensor, ...]:
    one, count, lengths, direction = run
    weights, initial = operands[:count], operands[count:]
    assert weights[1] is not None  # the recurrence, which every layer has
    hidden = weights[1].shape[-1]
    outputs, lasts = [], []
    for index, reverse in enumerate(_REVERSED[direction]):
        zeros = tf.zeros([tf.shape(x)[1], hidden], x.dtype)
        states = [zeros if value is None else value[index] for value in initial]
        own = [None if weight is None else weight[index] for weight in weights]
        y, last = one(index, _turned(x, lengths) if reverse else x, states, *own)
        outputs.append(_turned(y, lengths) if reverse else y)
        lasts.append(last)
    return tf.stack(outputs, 1), *(tf.stack(values, 0) for values in zip(*lasts, strict=True))


def _turned(x: tf.Tensor, lengths: tf.Tensor | None) -> tf.Tensor:
    """Reverse sequences up to their lengths."""
    if lengths is not None:
        return tf.reverse_sequence(x, lengths, seq_axis=0, batch_axis=1)
    return tf.gather(x, tf.range(tf.shape(x)[0] - 1, -1, -1))  # tf.reverse takes three times as long on a CPU


def _project(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor | None) -> tf.Tensor:
    """Project the inputs of all time steps: X W' plus both halves of the bias; b may have one half only."""
    y = tf.tensordot(x, w, [[2], [1]])
    if b is None:
        return y
    return tf.nn.bias_add(y, b if b.shape[0] == w.shape[0] else tf.add_n(tf.split(b, 2)))


def _loop(
    step: Step, inputs: tf.Tensor, states: Sequence[tf.Tensor], lengths: tf.Tensor | None
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Run the time steps; return all outputs and the last states; beyond a sequence's length outputs are zero and states stay."""
    count = tf.shape(inputs)[0]
    source = tf.TensorArray(inputs.dtype, count, element_shape=inputs.shape[1:]).unstack(inputs)
    shape = tf.TensorShape([None, states[0].shape[-1]])

    def body(time: tf.Tensor, outputs: tf.TensorArray, *old: tf.Tensor) -> tuple[Any, ...]:
        new = step(source.read(time), old)
        output = new[0]
        if lengths is not None:
            alive = (time < tf.cast(lengths, time.dtype))[:, None]
            output = tf.where(alive, output, tf.zeros([], output.dtype))
            new = [tf.where(alive, value, before) for value, before in zip(new, old, strict=True)]
        return time + 1, outputs.write(time, output), *new

    outputs = tf.TensorArray(inputs.dtype, count, element_shape=shape)
    _, outputs, *last = tf.while_loop(
        lambda time, *_: time < count, body, [tf.constant(0), outputs, *states], parallel_iterations=1,
        shape_invariants=[tf.TensorShape([]), None, *[shape] * len(states)],
    )  # fmt: skip
    return outputs.stack(), last
