"""Attention of com.microsoft, as ONNX Runtime's optimizer for transformers writes it."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ops.attention import (
    join_heads,
    rotary_embedding,
    scaled_dot_product,
    split_heads,
)
from modelport_converters.onnx_to_tensorflow.ops.contrib import DOMAIN
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op

_FILTER = -10000.0
"""The default of mask_filter_value: what a masked score gets added."""


@op("Attention", domain=DOMAIN)
def attention(
    x: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor | None = None, mask_index: tf.Tensor | None = None,
    past: tf.Tensor | None = None, attention_bias: tf.Tensor | None = None,
    *, num_heads: int, do_rotary: int = 0, mask_filter_value: float = _FILTER, qkv_hidden_sizes: Sequence[int] = (),
    scale: float = 0.0, unidirectional: int = 0,
) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
    """Self-attention with its input projections; also the key-value cache for the next step."""
    if do_rotary:
        raise Unsupported("do_rotary")
    joint = tf.tensordot(x, weights, 1)
    joint = joint if bias is None else tf.nn.bias_add(joint, bias)
    sizes = list(qkv_hidden_sizes) or [weights.shape[1] // 3] * 3
    q, k, v = (split_heads(part, num_heads) for part in tf.split(joint, sizes, -1))
    if past is not None:
        k, v = tf.concat([past[0], k], 2), tf.concat([past[1], v], 2)
    total = _sum(_mask(mask_index, q, k, mask_filter_value), attention_bias)
    total = _sum(total, _causal(q, k, mask_filter_value) if unidirectional else None)
    y, _ = scaled_dot_product(q, k, v, total, scale=scale or None)
    present = tf.stack([k, v]) if k.shape[-1] == v.shape[-1] else k
    return join_heads(tf.cast(y, x.dtype)), present


@op("MultiHeadAttention", domain=DOMAIN)
def multi_head_attention(
    query: tf.Tensor, key: tf.Tensor | None = None, value: tf.Tensor | None = None, bias: tf.Tensor | None = None,
    key_padding_mask: tf.Tensor | None = None, attention_bias: tf.Tensor | None = None,
    past_key: tf.Tensor | None = None, past_value: tf.Tensor | None = None,
    *, num_heads: int, mask_filter_value: float = _FILTER, scale: float = 0.0, unidirectional: int = 0,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:  # fmt: skip
    """Multi-head attention on projected queries, keys and values, which may be packed; also the key and value caches."""
    q, k, v = _unpacked(query, key, value, bias, num_heads)
    if past_key is not None:
        k, v = tf.concat([past_key, k], 2), tf.concat([past_value, v], 2)
    total = _sum(_mask(key_padding_mask, q, k, mask_filter_value), attention_bias)
    total = _sum(total, _causal(q, k, mask_filter_value) if unidirectional else None)
    y, _ = scaled_dot_product(q, k, v, total, scale=scale or None)
    return join_heads(tf.cast(y, query.dtype)), k, v


@op("RotaryEmbedding", domain=DOMAIN)
def contrib_rotary_embedding(
    x: tf.Tensor, position_ids: tf.Tensor, cos_cache: tf.Tensor, sin_cache: tf.Tensor,
    *, interleaved: int = 0, is_packed_batching: int = 0, num_heads: int = 0, rotary_embedding_dim: int = 0,
    scale: float = 1.0,
) -> tf.Tensor:  # fmt: skip
    """Rotary position embedding; position_ids are one for each token, or the position of the first."""
    if is_packed_batching:
        raise Unsupported("is_packed_batching")
    if position_ids.shape.rank == 1:
        tokens = tf.range(tf.shape(x)[-2], dtype=position_ids.dtype)
        batch = tf.shape(x)[0]
        position_ids = tf.broadcast_to(position_ids + tokens, [batch, tf.shape(tokens)[0]])
    heads = num_heads or (x.shape[-1] // (2 * cos_cache.shape[-1]))
    return rotary_embedding(
        x, cos_cache, sin_cache, position_ids, interleaved=interleaved, num_heads=heads, rotary_embedding_dim=rotary_embedding_dim
    )  # fmt: skip


def _unpacked(
    query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, bias: tf.Tensor | None, heads: int
) -> list[tf.Tensor | None]:
    """Return queries, keys and values as [batch, heads, sequence, size], with their biases."""
    if query.shape.rank == 5:  # [batch, sequence, heads, 3, size]
        parts = [tf.transpose(part, [0, 2, 1, 3]) for part in tf.unstack(query, axis=3)]
    elif key.shape.rank == 5:  # [batch, sequence, heads, 2, size]
        packed = [tf.transpose(part, [0, 2, 1, 3]) for part in tf.unstack(key, axis=3)]
        parts = [split_heads(query, heads), *packed]
    else:
        parts = [split_heads(part, heads) if part.shape.rank == 3 else part for part in (query, key, value)]
    if bias is None:
        return parts
    biases = tf.split(bias, [heads * part.shape[3] for part in parts])
    return [part + tf.reshape(own, [heads, 1, -1]) for part, own in zip(parts, biases, strict=True)]


def _mask(mask: tf.Tensor | None, q: tf.Tensor, k: tf.Tensor, value: float) -> tf.Tensor | None:
    """Return the attention bias of a mask: key lengths [batch], a key mask [batch, keys] of 0 and 1, or a mask of pairs."""
    if mask is None:
        return None
    if mask.shape.rank == 1:
        instances = tf.shape(q)[0]
        allowed = tf.range(tf.shape(k)[2]) < tf.cast(mask[:instances, None], tf.int32)
        if mask.shape[0] is None or mask.shape[0] != q.shape[0]:  # the ends, and perhaps the starts behind them
            starts = tf.concat([mask[instances : 2 * instances], tf.zeros([instances], mask.dtype)], 0)[:instances]
            allowed &= tf.range(tf.shape(k)[2]) >= tf.cast(starts[:, None], tf.int32)
        return _filtered(allowed[:, None, None], q, value)
    if mask.shape.rank == 2:
        return _filtered(mask[:, None, None] != 0, q, value)
    if mask.shape.rank == 3:
        return _filtered(mask[:, None] != 0, q, value)
    raise Unsupported(f"a mask of {mask.shape.rank} dimensions")


def _causal(q: tf.Tensor, k: tf.Tensor, value: float) -> tf.Tensor:
    count, keys = tf.shape(q)[2], tf.shape(k)[2]
    return _filtered(tf.range(keys) <= tf.range(count)[:, None] + keys - count, q, value)


def _filtered(allowed: tf.Tensor, q: tf.Tensor, value: float) -> tf.Tensor:
    return tf.where(allowed, tf.constant(0, q.dtype), tf.constant(value, q.dtype))


def _sum(one: tf.Tensor | None, two: tf.Tensor | None) -> tf.Tensor | None:
    return two if one is None else one if two is None else one + two
