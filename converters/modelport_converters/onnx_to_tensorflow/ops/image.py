"""Image operators: grid sampling, regions of interest, decoding and non-maximum suppression; images are channels-last."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

import tensorflow as tf

from modelport_converters.onnx_graph import resampling
from modelport_converters.onnx_to_tensorflow.numpy_functions import TENSORS
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, op
from modelport_converters.onnx_to_tensorflow.shapes import Size, integers, reshaped, sizes
from modelport_converters.onnx_to_tensorflow.widening import HALVES, widened

_LUMA = (19595, 38470, 7471)
"""Weights of red, green and blue in a grey level, in 65536ths: 0.299, 0.587, 0.114 of ITU-R BT.601."""


# --- sampling at a grid -----------------------------------------------------------------------------------


@op("GridSample", layout=LayoutRule.SPATIAL)
def grid_sample(
    x: tf.Tensor, grid: tf.Tensor, *, align_corners: int = 0, mode: str = "linear", padding_mode: str = "zeros"
) -> tf.Tensor:
    """Grid sampling: interpolate x at the normalized positions of the grid, [..., (x, y, z)], innermost dimension first."""
    points = tf.cast(grid, tf.float32) if grid.dtype.name in HALVES else grid
    wide = tf.cast(x, tf.float32) if x.dtype.name in HALVES else x
    own = sizes(wide, tf.int32)
    flat = reshaped(wide, [own[0], functools.reduce(lambda one, other: one * other, own[1:-1]), own[-1]])
    places = [
        _taps(points[..., -1 - axis], size, mode, padding_mode, bool(align_corners))
        for axis, size in enumerate(own[1:-1])
    ]
    total = []
    for combination in itertools.product(*(zip(*place, strict=True) for place in places)):
        index, weight, exists = combination[0]
        for size, (own_index, own_weight, own_exists) in zip(own[2:-1], combination[1:], strict=True):
            index, weight, exists = index * size + own_index, weight * own_weight, exists & own_exists
        total.append(_weighted(tf.gather(flat, index, axis=1, batch_dims=1), weight, exists, mode))
    return tf.cast(total[0] if len(total) == 1 else tf.add_n(total), x.dtype)


def _taps(
    grid: tf.Tensor, size: int | tf.Tensor, mode: str, padding: str, align: bool
) -> tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]:
    """Return for one dimension the indices, weights and whether there is such an element; one of each for every tap."""
    span = size if isinstance(size, int) else tf.cast(size, grid.dtype)
    points = resampling.from_normalized(grid, span, align)
    if mode == "nearest":
        index, weights = tf.round(points)[..., None], tf.ones_like(points)[..., None]
    else:
        index, weights = resampling.taps(points, span, mode=mode, xp=TENSORS)
    index = resampling.apply_padding_mode(index, span, padding, align, TENSORS)
    exists = (index >= 0) & (index <= span - 1)
    whole = tf.clip_by_value(tf.cast(index, tf.int32), 0, size - 1)
    return tf.unstack(whole, axis=-1), tf.unstack(weights, axis=-1), tf.unstack(exists, axis=-1)


def _weighted(values: tf.Tensor, weight: tf.Tensor, exists: tf.Tensor, mode: str) -> tf.Tensor:
    if mode == "nearest":
        return tf.where(exists[..., None], values, tf.zeros([], values.dtype))
    weight = tf.where(exists, weight, tf.zeros([], weight.dtype))
    return values * tf.cast(weight[..., None], values.dtype)


@op("AffineGrid")
def affine_grid(theta: tf.Tensor, size: tf.Tensor, *, align_corners: int = 0) -> tf.Tensor:
    """The sampling grid of each affine matrix for an image of the given size, as GridSample takes it."""
    return widened(_affine_grid, HALVES)(theta, size, align_corners=bool(align_corners))


def _affine_grid(theta: tf.Tensor, size: tf.Tensor, *, align_corners: bool) -> tf.Tensor:
    count = theta.shape[-1] - 1
    wanted = integers(size) or list(tf.unstack(size, num=count + 2))
    axes = [_positions(item, align_corners, theta.dtype) for item in wanted[2:]]
    mesh = tf.meshgrid(*axes, indexing="ij")
    places = tf.reshape(tf.stack([*mesh[::-1], tf.ones_like(mesh[0])], -1), [-1, count + 1])
    return reshaped(tf.einsum("pk,nck->npc", places, theta), [*sizes(theta)[:1], *wanted[2:], count])


def _positions(size: tf.Tensor, align_corners: bool, dtype: tf.DType) -> tf.Tensor:
    span = tf.cast(size, tf.float64)
    return tf.cast(resampling.positions(span, align_corners, TENSORS), dtype)


# --- regions of interest ----------------------------------------------------------------------------------


@op("RoiAlign", layout=LayoutRule.SPATIAL)
def roi_align(
    x: tf.Tensor, rois: tf.Tensor, batch_indices: tf.Tensor,
    *, coordinate_transformation_mode: str = "half_pixel", mode: str = "avg", output_height: int = 1,
    output_width: int = 1, sampling_ratio: int = 0, spatial_scale: float = 1.0,
) -> tf.Tensor:  # fmt: skip
    """RoI align: pool the bins of each region over bilinear samples; a region is x1, y1, x2, y2."""
    half = coordinate_transformation_mode == "half_pixel"
    corners = tf.cast(rois, tf.float32) * spatial_scale - (0.5 if half else 0.0)
    start = tf.gather(corners, [1, 0], axis=1)
    extent = tf.gather(corners, [3, 2], axis=1) - start
    step = (extent if half else tf.maximum(extent, 1.0)) / [float(output_height), float(output_width)]
    shape, image = (output_height, output_width), tf.cast(batch_indices, tf.int32)
    if mode == "avg":  # samples up to one element beyond the border take the border's value
        padded = tf.pad(tf.cast(x, tf.float32), [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
        if sampling_ratio > 0:
            return tf.cast(_means(padded, start, step, image, shape, [sampling_ratio] * 2), x.dtype)
    grid = tf.cast(tf.math.ceil(step), tf.int32) if sampling_ratio == 0 else tf.fill(tf.shape(step), sampling_ratio)

    def pooled(region: Sequence[tf.Tensor]) -> tf.Tensor:
        first, bins, number, counts = region
        at_least = tf.maximum(counts, 1)
        if mode == "avg":
            y = _means(padded, first[None], bins[None], number[None], shape, tf.unstack(at_least))[0]
        else:
            y = _maxima(tf.cast(x[number], tf.float32), first, bins, shape, at_least)
        return tf.where(tf.reduce_min(counts) > 0, y, 0.0)

    spec = tf.TensorSpec([*shape, x.shape[-1]], tf.float32)
    return tf.cast(tf.map_fn(pooled, (start, step, image, grid), fn_output_signature=spec), x.dtype)


def _means(
    padded: tf.Tensor, start: tf.Tensor, step: tf.Tensor, image: tf.Tensor, shape: Sequence[int], counts: Sequence[Size]
) -> tf.Tensor:
    """The mean of counts[0] x counts[1] samples in each bin of each region; outside the padding samples are 0."""
    height, width = shape
    last = tf.cast(tf.shape(padded)[1:3], tf.float32) - 1.0
    per_bin = tf.cast(tf.stack(counts), tf.float32)
    first = start + 0.5 * step / per_bin + 1.0
    end = start + step * [float(height), float(width)] - 0.5 * step / per_bin + 1.0
    boxes = tf.concat([first / last, end / last], 1)
    crop = tf.stack([height * counts[0], width * counts[1]])
    samples = tf.image.crop_and_resize(padded, boxes, image, crop)
    split = reshaped(samples, [*sizes(boxes)[:1], height, counts[0], width, counts[1], *sizes(padded)[3:]])
    return tf.reduce_mean(split, [2, 4])


def _maxima(image: tf.Tensor, start: tf.Tensor, step: tf.Tensor, shape: Sequence[int], counts: tf.Tensor) -> tf.Tensor:
    """The largest of the weighted elements around the samples in each bin; ONNX does not add them up first."""
    ways, inside = [], []
    for axis in (0, 1):
        count = counts[axis]
        at = tf.range(shape[axis] * count)
        points = start[axis] + (tf.cast(at, tf.float32) + 0.5) * step[axis] / tf.cast(count, tf.float32)
        size = tf.cast(tf.shape(image)[axis], tf.float32)
        inside.append((points >= -1.0) & (points <= size))
        index, weights = resampling.taps(tf.clip_by_value(points, 0.0, size - 1.0), size, mode="linear", xp=TENSORS)
        index = tf.cast(tf.minimum(index, size - 1.0), tf.int32)
        ways.append([(index[:, tap], weights[:, tap]) for tap in (0, 1)])
    values = [
        tf.gather(tf.gather(image, i), j, axis=1) * (wi[:, None] * wj[None])[..., None]
        for (i, wi), (j, wj) in itertools.product(*ways)
    ]
    found = tf.where((inside[0][:, None] & inside[1][None])[..., None], functools.reduce(tf.maximum, values), 0.0)
    split = reshaped(found, [shape[0], counts[0], shape[1], counts[1], *sizes(image)[2:]])
    return tf.reduce_max(split, [1, 3])


@op("MaxRoiPool", layout=LayoutRule.SPATIAL)
def max_roi_pool(
    x: tf.Tensor, rois: tf.Tensor, *, pooled_shape: Sequence[int], spatial_scale: float = 1.0
) -> tf.Tensor:
    """RoI max pooling: the maximum of each bin of each region; a region is batch index, x1, y1, x2, y2, all inclusive."""
    own = tf.shape(x)[1:3]
    scaled = tf.cast(rois[:, 1:], tf.float32) * spatial_scale
    corners = tf.cast(tf.sign(scaled) * tf.floor(tf.abs(scaled) + 0.5), tf.int32)

    def pooled(region: Sequence[tf.Tensor]) -> tf.Tensor:
        number, corner = region
        y: tf.Tensor = x[number]
        for axis in (0, 1):
            start = corner[1 - axis]
            extent = tf.maximum(corner[3 - axis] - start + 1, 1)
            y = _binned(y, axis, start, tf.cast(extent, tf.float32) / pooled_shape[axis], pooled_shape[axis], own[axis])
        return tf.where(y == x.dtype.min, tf.zeros([], x.dtype), y)  # a bin without elements

    spec = tf.TensorSpec([*pooled_shape, x.shape[-1]], x.dtype)
    return tf.map_fn(pooled, (tf.cast(rois[:, 0], tf.int32), corners), fn_output_signature=spec)


def _binned(image: tf.Tensor, axis: int, start: tf.Tensor, step: tf.Tensor, count: int, size: tf.Tensor) -> tf.Tensor:
    """The largest elements of `count` bins, which may overlap, along one dimension of an image."""
    bins = []
    for at in range(count):
        low = tf.clip_by_value(tf.cast(tf.floor(at * step), tf.int32) + start, 0, size)
        high = tf.clip_by_value(tf.cast(tf.math.ceil((at + 1) * step), tf.int32) + start, 0, size)
        part = image[low:high] if axis == 0 else image[:, low:high]
        bins.append(tf.maximum(tf.reduce_max(part, axis), image.dtype.min))
    return tf.stack(bins, axis)


# --- decoding ---------------------------------------------------------------------------------------------


@op("ImageDecoder")
def image_decoder(encoded_stream: tf.Tensor, *, pixel_format: str = "RGB") -> tf.Tensor:
    """The pixels of an image file, height x width x channels.

    BMP, GIF, JPEG, PNG and WebP, and of the portable formats the binary ones of 8 bits. The format is known only when the model
    runs, and running it fails for another one, such as JPEG 2000.
    """
    content = _as_string(encoded_stream)
    kind = tf.strings.substr(content, 0, 2)
    ways: list[tuple[tf.Tensor, Callable[[], tf.Tensor]]] = [
        (kind == b"\xff\xd8", lambda: tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")),
        (kind == "P5", lambda: _portable(encoded_stream, content, 1)),
        (kind == "P6", lambda: _portable(encoded_stream, content, 3)),
    ]
    pixels = tf.case(ways, default=lambda: tf.io.decode_image(content, channels=3, expand_animations=False))
    pixels = tf.ensure_shape(pixels, [None, None, 3])
    if pixel_format == "RGB":
        return pixels
    return tf.reverse(pixels, [2]) if pixel_format == "BGR" else _grey(pixels)


def _as_string(stream: tf.Tensor) -> tf.Tensor:
    """Return bytes as one string: they are the end of their serialised form."""
    count = tf.size(stream)
    return tf.strings.substr(tf.io.serialize_tensor(stream), -count, count)


def _portable(stream: tf.Tensor, content: tf.Tensor, channels: int) -> tf.Tensor:
    """Decode a binary portable pixmap or greymap: a header of kind, width, height and largest value, then the pixels."""
    header = tf.strings.split(tf.strings.substr(content, 0, 64))
    width, height = tf.unstack(tf.strings.to_number(header[1:3], tf.int32), num=2)
    pixels = tf.reshape(stream[-width * height * channels :], [height, width, channels])
    return tf.broadcast_to(pixels, [height, width, 3])


def _grey(pixels: tf.Tensor) -> tf.Tensor:
    total = tf.reduce_sum(tf.cast(pixels, tf.int32) * list(_LUMA), -1, keepdims=True) + 2**15
    return tf.cast(tf.bitwise.right_shift(total, 16), tf.uint8)


@op("NonMaxSuppression")
def non_max_suppression(
    boxes: tf.Tensor, scores: tf.Tensor, most: tf.Tensor | None = None, iou_threshold: tf.Tensor | None = None,
    score_threshold: tf.Tensor | None = None,
    *, center_point_box: int = 0,
) -> tf.Tensor:  # fmt: skip
    """Non-maximum suppression for each batch and class; rows of batch, class and box index."""
    if center_point_box:
        middle, half = boxes[..., :2], boxes[..., 2:] / 2
        boxes = tf.concat([middle - half, middle + half], -1)
    limit = tf.constant(0) if most is None else tf.cast(tf.reshape(most, []), tf.int32)
    overlap = tf.constant(0.0) if iou_threshold is None else tf.reshape(iou_threshold, [])
    least = tf.constant(float("-inf")) if score_threshold is None else tf.reshape(score_threshold, [])
    batch, classes, number = sizes(scores, tf.int32)
    rows = reshaped(scores, [batch * classes, number])
    limit = tf.minimum(limit, number)

    def select(at: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        kept = tf.image.non_max_suppression(boxes[at // classes], rows[at], limit, overlap, least)
        head = tf.fill([tf.size(kept), 1], at // classes), tf.fill([tf.size(kept), 1], at % classes)
        return at + 1, tf.concat([found, tf.concat([*head, kept[:, None]], 1)], 0)

    state = [tf.constant(0), tf.zeros([0, 3], tf.int32)]
    result = tf.while_loop(
        lambda at, _: at < batch * classes, select, state, [tf.TensorShape([]), tf.TensorShape([None, 3])]
    )[1]
    return tf.cast(result, tf.int64)
