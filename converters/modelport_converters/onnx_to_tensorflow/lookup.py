"""Static lookup tables, as constants and a binary search: a hash table would be a resource to initialize on loading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_graph.registry import Unsupported

_BUCKETS = 2**63 - 1


def position(x: tf.Tensor, items: Sequence[str | int]) -> tf.Tensor:
    """Return the index of each element of a tensor in a list of distinct strings or integers, int64; -1 where it is absent.

    Strings are found by their hash and then compared, so that one that only shares a hash is not found.
    """
    text = x.dtype == tf.string
    if text:
        with tf.init_scope():
            numbers = tf.strings.to_hash_bucket_fast(tf.constant(list(items), tf.string), _BUCKETS).numpy()
    else:
        numbers = np.array(items, np.int64)
    if len(np.unique(numbers)) < len(items):
        raise Unsupported("two of its strings share a hash")
    order = np.argsort(numbers)
    searched = tf.strings.to_hash_bucket_fast(x, _BUCKETS) if text else tf.cast(x, tf.int64)
    at = sorted_position(tf.constant(numbers[order]), searched)
    place = tf.gather(tf.constant(order.astype(np.int64)), tf.maximum(at, 0))
    same = tf.gather(tf.constant(list(items), tf.string), place) == x if text else tf.constant(True)
    return tf.where((at >= 0) & same, place, tf.constant(-1, tf.int64))


def sorted_position(items: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Return the index of each element of a tensor in a sorted vector that is not empty, int64; -1 where it is absent."""
    flat = tf.reshape(x, [-1])
    at = tf.minimum(tf.searchsorted(items, flat, out_type=tf.int64), tf.size(items, out_type=tf.int64) - 1)
    found = tf.where(tf.gather(items, at) == flat, at, tf.constant(-1, tf.int64))
    return tf.reshape(found, tf.shape(x)) if x.shape.rank != 1 else found
