"""Attention, rotary embeddings and linear attention.

Inside this module queries, keys and values are [batch, heads, sequence, size of a head].
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ops.normalization import wide
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op
from modelport_converters.onnx_to_tensorflow.weights import to_dtype

_RAW, _SOFTCAPPED, _BIASED, _PROBABILITIES = range(4)
"""What the attribute qk_matmul_output_mode asks for."""


@op("Attention")
def attention(
    q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, attn_mask: tf.Tensor | None = None, past_key: tf.Tensor | None = None,
    past_value: tf.Tensor | None = None, nonpad_kv_seqlen: tf.Tensor | None = None,
    *, is_causal: int = 0, kv_num_heads: int | None = None, left_window_size: int = -1, q_num_heads: int | None = None,
    qk_matmul_output_mode: int = 0, right_window_size: int = -1, scale: float | None = None, softcap: float = 0.0,
    softmax_precision: int | None = None, wanted: int = 1,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:  # fmt: skip
    """Multi-head attention: softmax(scale Q K' + mask) V; also the key and value caches, and the scores of one stage."""
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
    q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, bias: tf.Tensor | None = None,
    *, scale: float | None = None, softcap: float = 0.0, precision: tf.DType | None = None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:  # fmt: skip
    """Scaled dot-product attention in float32 or wider: the result, and the scores raw, soft-capped, biased and softmaxed."""
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


def split_heads(x: tf.Tensor, heads: int) -> tf.Tensor:
    """Return [batch, sequence, heads * size] as [batch, heads, sequence, size]."""
    shape = tf.shape(x)
    return tf.transpose(tf.reshape(x, [shape[0], shape[1], heads, x.shape[2] // heads]), [0, 2, 1, 3])


def join_heads(x: tf.Tensor) -> tf.Tensor:
    """Return [batch, heads, sequence, size] as [batch, sequence, heads * size]."""
    shape = tf.shape(x)
    return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [shape[0], shape[2], x.shape[1] * x.shape[3]])


def additive(allowed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Return the additive form of a boolean mask: 0 where it is true, minus infinity elsewhere."""
    return tf.where(allowed, tf.constant(0, dtype), tf.constant(-math.inf, dtype))


def _bias(
    q: tf.Tensor, k: tf.Tensor, mask: tf.Tensor | None, past: int | tf.Tensor, lengths: tf.Tensor | None,
    windows: tuple[int, int],
) -> tf.Tensor | None:  # fmt: skip
    """Return the attention bias (mask, padding, causal and local windows), which broadcasts to the scores, or None.

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


def _padded(mask: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    """Return a mask as long as the keys: what it leaves out is masked."""
    if mask.shape[-1] is not None and mask.shape[-1] == k.shape[2]:
        return mask
    missing = tf.maximum(tf.shape(k)[2] - tf.shape(mask)[-1], 0)
    nothing: bool | tf.Tensor = False if mask.dtype == tf.bool else tf.constant(-math.inf, mask.dtype)
    return tf.pad(mask, [*[[0, 0]] * (mask.shape.rank - 1), [0, missing]], constant_values=nothing)


def _zero_where_masked(y: tf.Tensor, bias: tf.Tensor | None) -> tf.Tensor:
    """Return zero instead of NaN for the queries that see no key."""
    if bias is None:
        return y
    blind = tf.math.is_inf(tf.reduce_max(bias, -1, keepdims=True))
    return tf.where(blind, tf.constant(0, y.dtype), y)


@op("RotaryEmbedding")
def rotary_embedding(
    x: tf.Tensor, cos_cache: tf.Tensor, sin_cache: tf.Tensor, position_ids: tf.Tensor | None = None,
    *, interleaved: int = 0, num_heads: int | None = None, rotary_embedding_dim: int = 0,
) -> tf.Tensor:  # fmt: skip
    """Rotary position embedding; x is [batch, heads, sequence, size] or [batch, sequence, heads * size]."""
    if x.shape.rank == 3:
        if not num_heads:
            raise Unsupported("inputs of three dimensions without num_heads")
        shape = tf.shape(x)
        held = tf.reshape(x, [shape[0], shape[1], num_heads, x.shape[2] // num_heads])
        return tf.reshape(
            _rotated(held, cos_cache, sin_cache, position_ids, 2, interleaved, rotary_embedding_dim), shape
        )
    return _rotated(x, cos_cache, sin_cache, position_ids, 1, interleaved, rotary_embedding_dim)


def _rotated(
    x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor, positions: tf.Tensor | None, heads_axis: int, interleaved: int,
    size: int,
) -> tf.Tensor:  # fmt: skip
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
    query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, past_state: tf.Tensor | None = None,
    decay: tf.Tensor | None = None, beta: tf.Tensor | None = None,
    *, q_num_heads: int, kv_num_heads: int, chunk_size: int = 64, scale: float = 0.0, update_rule: str = "gated_delta",
) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
    """Linear attention, a recurrence over a state [batch, kv heads, key size, value size]; also the last state."""
    if update_rule not in _RULES:
        raise Unsupported(f"update_rule={update_rule}")
    gated, delta = _RULES[update_rule]
    decay, beta = decay if gated else None, beta if delta else None
    if (gated and decay is None) or (delta and beta is None):
        raise Unsupported(f"update_rule={update_rule} without decay or beta")
    keys, values = key.shape[-1] // kv_num_heads, value.shape[-1] // kv_num_heads
    factor = scale or 1.0 / math.sqrt(query.shape[-1] // q_num_heads)
    steps = [
        _steps(query, [kv_num_heads, q_num_heads // kv_num_heads, keys]) * factor,
        _steps(key, [kv_num_heads, 1, keys]),
        _steps(value, [kv_num_heads, 1, values]),
        None if decay is None else tf.exp(_steps(decay, [kv_num_heads, -1, 1])),
        None if beta is None else _steps(beta, [beta.shape[-1], 1, 1]),
    ]
    batch = tf.shape(query)[0]
    first = tf.zeros([batch, kv_num_heads, keys, values]) if past_state is None else past_state
    outputs, state = _recurrence(steps, wide(tf.cast(first, steps[0].dtype) if past_state is None else first))
    joined = tf.reshape(tf.transpose(outputs, [1, 0, 2, 3, 4]), [batch, tf.shape(query)[1], q_num_heads * values])
    return tf.cast(joined, query.dtype), tf.cast(state, query.dtype if past_state is None else past_state.dtype)


def _steps(x: tf.Tensor, sizes: list[int]) -> tf.Tensor:
    """Return [batch, time, features] in float32 or wider as [time, batch, *sizes]."""
    shape = tf.shape(x)
    return tf.transpose(tf.reshape(wide(x), [shape[0], shape[1], *sizes]), [1, 0, 2, 3, 4])


def _recurrence(steps: list[tf.Tensor | None], first: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Run the recurrence of linear attention; return the outputs of every step and the last state.

    Args:
        steps: queries [time, batch, heads, group, k], keys [.., 1, k], values [.., 1, v], and decay and beta or None.
        first: the state before the first step, [batch, heads, k, v].
    """
    given = tuple(item for item in steps if item is not None)
    places = [index for index, item in enumerate(steps) if item is not None]
    state_type = first.dtype

    def step(before: Sequence[tf.Tensor], now: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        own: list[tf.Tensor] = [None] * len(steps)
        for place, item in zip(places, now, strict=True):
            own[place] = tf.cast(item, state_type)
        q, k, v, decay, beta = own
        state = before[1] if decay is None else decay * before[1]
        learnt = v if beta is None else beta * (v - tf.matmul(k, state))
        state += tf.matmul(k, learnt, transpose_a=True)
        return tf.matmul(q, state), state

    queries = given[0]
    start = tf.matmul(tf.zeros_like(queries[0], state_type), first)
    outputs, states = tf.scan(step, given, (start, first), parallel_iterations=1)
    return outputs, states[-1]
