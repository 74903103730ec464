"""Col2Im, the fold operation: overlapping blocks summed into an image."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import op
from modelport_converters.onnx_to_tensorflow.shapes import Size, integers, product, reshaped, sizes
from modelport_converters.onnx_to_tensorflow.widening import widened

_segment_sum = widened(tf.math.unsorted_segment_sum, {"bool": "int32"})


@op("Col2Im")
def col2im(
    data: tf.Tensor, image_shape: tf.Tensor, block_shape: tf.Tensor,
    *, dilations: Sequence[int] = (), pads: Sequence[int] = (), strides: Sequence[int] = (),
) -> tf.Tensor:  # fmt: skip
    """Col2Im: sum columns [batch, channels * block, blocks] into the image that the sliding blocks were taken from."""
    rank = image_shape.shape[0]
    image, block = (_items(item, rank) for item in (image_shape, block_shape))
    dilations, strides, pads = dilations or [1] * rank, strides or [1] * rank, pads or [0] * 2 * rank
    ids: int | tf.Tensor = 0
    inside: bool | tf.Tensor = True
    for axis in range(rank):
        reach = image[axis] + pads[axis] + pads[axis + rank] - dilations[axis] * (block[axis] - 1)
        starts = tf.range((reach - 1) // strides[axis] + 1, dtype=tf.int64) * strides[axis] - pads[axis]
        place = tf.range(block[axis], dtype=tf.int64)[:, None] * dilations[axis] + starts
        ones = [1] * (rank - 1)
        size_of_both = [*ones[:axis], tf.shape(place)[0], *ones, tf.shape(place)[1], *ones[axis:]]
        place = tf.reshape(place, size_of_both)
        inside &= (place >= 0) & (place < image[axis])
        ids = ids * image[axis] + place
    batch, depth, _ = sizes(data)
    depth = depth // product(block)
    columns = tf.transpose(reshaped(data, [product([batch, depth]), tf.size(ids, tf.int64)]))
    flat = tf.reshape(tf.where(inside, ids, -1), [-1])  # what has a negative number is left out of the sum
    pixels = _segment_sum(columns, flat, product(image))
    return reshaped(tf.transpose(pixels), [batch, depth, *image])


def _items(value: tf.Tensor, count: int) -> list[Size]:
    known = integers(value)
    return [tf.cast(value[at], tf.int64) for at in range(count)] if known is None else list(known)
