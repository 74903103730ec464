"""Sorting: TopK and Unique."""

from __future__ import annotations

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import op
from modelport_converters.onnx_to_tensorflow.shapes import integers


@op("TopK")
def top_k(
    data: tf.Tensor,
    k: tf.Tensor,
    *,
    axis: int = -1,
    largest: int = 1,
    sorted: int = 1,  # noqa: A002
) -> tuple[tf.Tensor, tf.Tensor]:
    """Top k elements along axis, largest or smallest, and their indices; of equal ones the lower index comes first."""
    rank, known = data.shape.rank, integers(k)
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]
    moved = data if axis % rank == rank - 1 else tf.transpose(data, order)
    count = tf.cast(tf.reshape(k, []), tf.int32) if known is None else known[0]
    values, indices = tf.math.top_k(moved if largest else _reversed(moved), count, sorted=bool(sorted))
    values, indices = values if largest else _reversed(values), tf.cast(indices, tf.int64)
    if moved is data:
        return values, indices
    return tf.transpose(values, order), tf.transpose(indices, order)


def _reversed(data: tf.Tensor) -> tf.Tensor:
    """Negate the order of numbers: the complement of an integer never overflows."""
    return tf.bitwise.invert(data) if data.dtype.is_integer else -data


@op("Unique")
def unique(
    data: tf.Tensor,
    *,
    axis: int | None = None,
    sorted: int = 1,  # noqa: A002
    wanted: int = 1,
) -> tuple[tf.Tensor, ...]:
    """Unique elements, or slices along axis; also the first indices, the inverse indices and the counts."""
    place = 0 if axis is None else axis % data.shape.rank
    data = tf.reshape(data, [-1]) if axis is None else data
    kept, inverse, counts = tf.raw_ops.UniqueWithCountsV2(x=data, axis=[place], out_idx=tf.int64)
    number = tf.size(counts, tf.int64)
    first = tf.math.unsorted_segment_min(tf.range(tf.size(inverse, tf.int64), dtype=tf.int64), inverse, number)
    if sorted:
        order = _order(kept, place)
        kept, first, counts = tf.gather(kept, order, axis=place), tf.gather(first, order), tf.gather(counts, order)
        inverse = tf.gather(tf.argsort(order), tf.cast(inverse, tf.int64))
    kept.set_shape([None if at == place else known for at, known in enumerate(data.shape)])
    return tuple([kept, first, tf.cast(inverse, tf.int64), counts][:wanted])


def _order(data: tf.Tensor, axis: int) -> tf.Tensor:
    """Return the argsort of the slices along axis, lexicographic."""
    if data.shape.rank == 1 and data.dtype not in (tf.string, tf.bool):
        return tf.argsort(data, stable=True)
    rank = data.shape.rank
    keys = tf.transpose(data, [axis, *(at for at in range(rank) if at != axis)])
    if data.dtype == tf.string:
        longest = tf.reduce_max(tf.concat([tf.reshape(tf.strings.length(data), [-1]), [1]], 0))
        keys = tf.io.decode_raw(keys, tf.uint8, fixed_length=longest)
    keys = tf.cast(keys, tf.int32) if keys.dtype in (tf.bool, tf.uint8) else keys
    count = tf.shape(keys)[0]
    keys = tf.reshape(keys, [count, tf.reduce_prod(tf.shape(keys)[1:])])

    def by_column(column: tf.Tensor, order: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return column - 1, tf.gather(order, tf.argsort(tf.gather(keys[:, column], order), stable=True))

    start = [tf.shape(keys)[1] - 1, tf.range(count)]
    return tf.while_loop(lambda column, _: column >= 0, by_column, start, [tf.TensorShape([]), tf.TensorShape([None])])[
        1
    ]
