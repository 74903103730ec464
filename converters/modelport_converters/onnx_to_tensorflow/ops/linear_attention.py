"""Attention whose state does not grow with the sequence, and the causal convolution before it."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ops.normalization import wide
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op

_RULES = {"linear": (False, False), "gated": (True, False), "delta": (False, True), "gated_delta": (True, True)}
"""Whether the state decays, and whether it learns the difference from what it already returns for a key."""


@op("LinearAttention")
def linear_attention(
    query: Any, key: Any, value: Any, past_state: Any = None, decay: Any = None, beta: Any = None,
    *, q_num_heads: int, kv_num_heads: int, chunk_size: int = 64, scale: float = 0.0, update_rule: str = "gated_delta",
) -> Any:  # fmt: skip
    """Run the recurrence over a matrix for each head of keys; also that matrix after the last step."""
    if update_rule not in _RULES:
        raise Unsupported(f"update_rule={update_rule}")
    gated, delta = _RULES[update_rule]
    if (gated and decay is None) or (delta and beta is None):
        raise Unsupported(f"update_rule={update_rule} without decay or beta")
    keys, values = key.shape[-1] // kv_num_heads, value.shape[-1] // kv_num_heads
    factor = scale or 1.0 / math.sqrt(query.shape[-1] // q_num_heads)
    steps = [
        _steps(query, [kv_num_heads, q_num_heads // kv_num_heads, keys]) * factor,
        _steps(key, [kv_num_heads, 1, keys]),
        _steps(value, [kv_num_heads, 1, values]),
        tf.exp(_steps(decay, [kv_num_heads, -1, 1])) if gated else None,
        _steps(beta, [beta.shape[-1], 1, 1]) if delta else None,
    ]
    batch = tf.shape(query)[0]
    first = tf.zeros([batch, kv_num_heads, keys, values]) if past_state is None else past_state
    outputs, state = _recurrence(steps, wide(tf.cast(first, steps[0].dtype) if past_state is None else first))
    joined = tf.reshape(tf.transpose(outputs, [1, 0, 2, 3, 4]), [batch, tf.shape(query)[1], q_num_heads * values])
    return tf.cast(joined, query.dtype), tf.cast(state, query.dtype if past_state is None else past_state.dtype)


def _steps(x: Any, sizes: list[int]) -> Any:
    """Return [batch, time, features] in float32 or wider as [time, batch, *sizes]."""
    shape = tf.shape(x)
    return tf.transpose(tf.reshape(wide(x), [shape[0], shape[1], *sizes]), [1, 0, 2, 3, 4])


def _recurrence(steps: list[Any], first: Any) -> Any:
    """Return what the queries read at each step, and the last state.

    Args:
        steps: queries [time, batch, heads, group, k], keys [.., 1, k], values [.., 1, v], and decay and beta or None.
        first: the state before the first step, [batch, heads, k, v].
    """
    given = tuple(item for item in steps if item is not None)
    places = [index for index, item in enumerate(steps) if item is not None]
    state_type = first.dtype

    def step(before: Any, now: Any) -> Any:
        own: list[Any] = [None] * len(steps)
        for place, item in zip(places, now, strict=True):
            own[place] = tf.cast(item, state_type)
        q, k, v, decay, beta = own
        state = before[1] if decay is None else decay * before[1]
        learnt = v if beta is None else beta * (v - tf.matmul(k, state))
        state += tf.matmul(k, learnt, transpose_a=True)
        return tf.matmul(q, state), state

    start = tf.matmul(tf.zeros_like(steps[0][0], state_type), first)
    outputs, states = tf.scan(step, given, (start, first), parallel_iterations=1)
    return outputs, states[-1]


@op("CausalConvWithState")
def causal_conv_with_state(
    x: Any, weight: Any, bias: Any = None, past_state: Any = None, *, activation: str = "none"
) -> Any:
    """Convolve each channel with the positions up to the present one; also the last of them, for the next call."""
    if activation not in ("none", "silu", "swish"):
        raise Unsupported(f"activation={activation}")
    shape, taps = tf.shape(x), weight.shape[2]
    before = tf.zeros([shape[0], shape[1], taps - 1], x.dtype) if past_state is None else past_state
    padded = tf.concat([before, x], 2)
    y = tf.add_n([wide(padded[..., at : at + shape[2]]) * wide(weight[:, :, at]) for at in range(taps)])
    y = y if bias is None else y + wide(bias)[:, None]
    y = y if activation == "none" else tf.nn.silu(y)
    return tf.cast(y, x.dtype), padded[..., shape[2] :]
