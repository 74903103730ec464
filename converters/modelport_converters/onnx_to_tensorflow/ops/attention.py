"""Attention, rotary embeddings and linear attention.

Inside this module queries, keys and values are [batch, heads, sequence, size of a head].
"""

from __future__ import annotations

import math
from typing import Any

import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ops.normalization import wide
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op
from modelport_converters.onnx_to_tensorflow.weights import to_dtype

_RAW, _SOFTCAPPED, _BIASED, _PROBABILITIES = range(4)
"""What the attribute qk_matmul_output_mode asks for."""


@op("Attention")
def attention(
    q: Any, k: Any, v: Any, attn_mask: Any = None, past_key: Any = None, past_value: Any = None, nonpad_kv_seqlen: Any = None,
    *, is_causal: int = 0, kv_num_heads: int | None = None, left_window_size: int = -1, q_num_heads: int | None = None,
    qk_matmul_output_mode: int = 0, right_window_size: int = -1, scale: float | None = None, softcap: float = 0.0,
    softmax_precision: int | None = None, wanted: int = 1,
) -> Any:  # fmt: skip
    """Softmax(scale Q K' + mask) V; also the keys and values with those of the past, and a stage of the scores."""
    flat, dtype = q.shape.rank == 3, q.dtype
    if flat:
        if not q_num_heads or not kv_num_heads:
            raise Unsupported("inputs of three dimensions without q_num_heads and kv_num_heads")
        q, k, v = split_heads(q, q_num_heads), split_heads(k, kv_num_heads), split_heads(v, kv_num_heads)
    past = 0 if past_key is None else tf.shape(past_key)[2]
    k = k if past_key is None else tf.concat([past_key, k], 2)
    v = v if past_value is None else tf.concat([past_value, v], 2)
    windows = (left_window_size, 0 if is_causal and right_window_size != 0 else right_window_size)
    bias = _bias(wide(q), k, attn_mask, past, nonpad_kv_seqlen, windows)
    precision = None if softmax_precision is None else to_dtype(ir.DataType(softmax_precision))
    y, stages = scaled_dot_product(q, k, v, bias, scale=scale, softcap=softcap, precision=precision)
    y = _zero_where_masked(y, bias)
    if qk_matmul_output_mode == _PROBABILITIES and wanted > 3:
        stages[_PROBABILITIES] = _zero_where_masked(stages[_PROBABILITIES], bias)
    y = tf.cast(y, v.dtype)
    return join_heads(y) if flat else y, k, v, tf.cast(stages[qk_matmul_output_mode], dtype)


def scaled_dot_product(
    q: Any, k: Any, v: Any, bias: Any = None, *, scale: float | None = None, softcap: float = 0.0, precision: Any = None
) -> tuple[Any, list[Any]]:
    """Return softmax(scale Q K' + bias) V in float32 or wider, and the scores raw, soft-capped, biased and as probabilities."""
    groups = q.shape[1] // k.shape[1]
    if groups > 1:  # each head of keys serves several heads of queries
        k, v = tf.repeat(k, groups, 1), tf.repeat(v, groups, 1)
    factor = scale or 1.0 / math.sqrt(q.shape[3])
    raw = tf.matmul(wide(q) * factor, wide(k), transpose_b=True)
    capped = softcap * tf.tanh(raw / softcap) if softcap else raw
    biased = capped if bias is None else capped + tf.cast(bias, capped.dtype)
    softmax_in = tf.cast(biased, precision) if precision is not None and precision.size > biased.dtype.size else biased
    probabilities = tf.cast(tf.nn.softmax(softmax_in), biased.dtype)
    return tf.matmul(probabilities, wide(v)), [raw, capped, biased, probabilities]


def split_heads(x: Any, heads: int) -> Any:
    """Return [batch, sequence, heads * size] as [batch, heads, sequence, size]."""
    shape = tf.shape(x)
    return tf.transpose(tf.reshape(x, [shape[0], shape[1], heads, x.shape[2] // heads]), [0, 2, 1, 3])


def join_heads(x: Any) -> Any:
    """Return [batch, heads, sequence, size] as [batch, sequence, heads * size]."""
    shape = tf.shape(x)
    return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [shape[0], shape[2], x.shape[1] * x.shape[3]])


def additive(allowed: Any, dtype: Any) -> Any:
    """Return 0 where a boolean mask is true and minus infinity elsewhere."""
    return tf.where(allowed, tf.constant(0, dtype), tf.constant(-math.inf, dtype))


def _bias(q: Any, k: Any, mask: Any, past: Any, lengths: Any, windows: tuple[int, int]) -> Any:
    """Return what is added to the scores, of a shape that broadcasts to theirs, or None.

    Args:
        q: queries, whose type and length count.
        k: keys.
        mask: boolean or additive, perhaps shorter than the keys.
        past: the number of keys before the first query's own.
        lengths: the number of keys of each instance that are no padding; then queries are the last of them.
        windows: how many keys to the left and to the right of a query's position it sees; negative for all.
    """
    count, keys = tf.shape(q)[2], tf.shape(k)[2]
    parts = []
    if mask is not None:
        mask = _padded(mask, k)
        parts.append(additive(mask, q.dtype) if mask.dtype == tf.bool else tf.cast(mask, q.dtype))
    if lengths is not None:
        lengths = tf.reshape(tf.cast(lengths, tf.int32), [-1, 1, 1, 1])
        past = lengths - count
        parts.append(additive(tf.range(keys) < lengths, q.dtype))
    distance = tf.range(keys) - (tf.range(count)[:, None] + past)
    parts += [additive(distance >= -windows[0], q.dtype)] if windows[0] >= 0 else []
    parts += [additive(distance <= windows[1], q.dtype)] if windows[1] >= 0 else []
    total = None
    for part in parts:
        total = part if total is None else total + part
    return total


def _padded(mask: Any, k: Any) -> Any:
    """Return a mask as long as the keys: what it leaves out is masked."""
    if mask.shape[-1] is not None and mask.shape[-1] == k.shape[2]:
        return mask
    missing = tf.maximum(tf.shape(k)[2] - tf.shape(mask)[-1], 0)
    nothing: Any = False if mask.dtype == tf.bool else tf.constant(-math.inf, mask.dtype)
    return tf.pad(mask, [*[[0, 0]] * (mask.shape.rank - 1), [0, missing]], constant_values=nothing)


def _zero_where_masked(y: Any, bias: Any) -> Any:
    """Return zero instead of NaN for the queries that see no key."""
    if bias is None:
        return y
    blind = tf.math.is_inf(tf.reduce_max(bias, -1, keepdims=True))
    return tf.where(blind, tf.constant(0, y.dtype), y)


@op("RotaryEmbedding")
def rotary_embedding(
    x: Any, cos_cache: Any, sin_cache: Any, position_ids: Any = None,
    *, interleaved: int = 0, num_heads: int | None = None, rotary_embedding_dim: int = 0,
) -> Any:  # fmt: skip
    """Rotate pairs of features by angles that grow with the position; x has heads as its second dimension or in its last."""
    if x.shape.rank == 3:
        if not num_heads:
            raise Unsupported("inputs of three dimensions without num_heads")
        shape = tf.shape(x)
        held = tf.reshape(x, [shape[0], shape[1], num_heads, x.shape[2] // num_heads])
        return tf.reshape(
            _rotated(held, cos_cache, sin_cache, position_ids, 2, interleaved, rotary_embedding_dim), shape
        )
    return _rotated(x, cos_cache, sin_cache, position_ids, 1, interleaved, rotary_embedding_dim)


def _rotated(x: Any, cos: Any, sin: Any, positions: Any, heads_axis: int, interleaved: int, size: int) -> Any:
    if positions is not None:
        cos, sin = tf.gather(cos, positions), tf.gather(sin, positions)
    cos, sin = tf.expand_dims(cos, heads_axis), tf.expand_dims(sin, heads_axis)
    turned, kept = tf.split(x, [size, x.shape[-1] - size], -1) if size else (x, None)
    if interleaved:
        pairs = tf.reshape(turned, tf.concat([tf.shape(turned)[:-1], [turned.shape[-1] // 2, 2]], 0))
        one, two = tf.unstack(pairs, axis=-1)
        result = tf.reshape(tf.stack([cos * one - sin * two, sin * one + cos * two], -1), tf.shape(turned))
    else:
        one, two = tf.split(turned, 2, -1)
        result = tf.concat([cos * one - sin * two, sin * one + cos * two], -1)
    return result if kept is None else tf.concat([result, kept], -1)


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
