"""Patches, colour spaces, and boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler

# --- patches -------------------------------------------------------------------------------------


@handler("ExtractImagePatches", "ExtractVolumePatches")
def extract_patches(op: Operation, images: Value) -> Value:
    """The windows of an image, each as one row of depth."""
    sizes, strides = (list(op.attr(name))[1:-1] for name in ("ksizes", "strides"))
    rates = list(op.attr("rates", [1] * (len(sizes) + 2)))[1:-1]
    (depth,) = op.sizes(images, [-1])
    found, counts = _windows(op, images, sizes, strides, rates, 0)
    return fn.reshape(found, [-1, *counts, int(np.prod(sizes)) * depth])


@handler("Dilation2D")
def dilation2d(op: Operation, images: Value, kernel: Value) -> Value:
    """The greatest of input plus kernel in each window, for each channel by itself."""
    strides, rates = (list(op.attr(name))[1:-1] for name in ("strides", "rates"))
    lowest = float(np.finfo(op.dtype).min)
    found, _ = _windows(op, images, op.sizes(kernel, [0, 1]), strides, rates, lowest)
    return fn.max(found + kernel, [3, 4])


def _windows(
    op: Operation, images: Value, sizes: Sequence[int], strides: Sequence[int], rates: Sequence[int], fill: float
) -> tuple[Value, list[int]]:
    """Return windows of images [n, *spatial, c] as [n, *windows, *sizes, c], and the numbers of windows."""
    dims = len(sizes)
    own = op.sizes(images, range(1, dims + 1))
    spans = [(size - 1) * rate + 1 for size, rate in zip(sizes, rates, strict=True)]
    if op.attr("padding") == "SAME":
        counts = [-(-size // stride) for size, stride in zip(own, strides, strict=True)]
        axes = zip(counts, strides, spans, own, strict=True)
        totals = [max((count - 1) * stride + span - size, 0) for count, stride, span, size in axes]
        widths = [(0, 0), *((total // 2, total - total // 2) for total in totals), (0, 0)]
        images = fn.pad(images, widths, fill) if any(totals) else images
    else:
        counts = [(size - span) // stride + 1 for size, span, stride in zip(own, spans, strides, strict=True)]
    for axis in reversed(range(dims)):  # the last first, so that the places of the others stay
        starts = np.arange(counts[axis])[:, None] * strides[axis]
        images = fn.take(images, starts + np.arange(sizes[axis]) * rates[axis], axis + 1)
    # n, count0, size0, count1, size1, ..., c
    order = [0, *range(1, 2 * dims, 2), *range(2, 2 * dims + 1, 2), 2 * dims + 1]
    return fn.transpose(images, order), counts


# --- colour spaces -------------------------------------------------------------------------------


@handler("RGBToHSV")
def rgb_to_hsv(_: Operation, images: Value) -> Value:
    """Red, green and blue as hue, saturation and value."""
    return fn.concatenate(_to_hsv(images))


@handler("HSVToRGB")
def hsv_to_rgb(_: Operation, images: Value) -> Value:
    """Hue, saturation and value as red, green and blue."""
    return _from_hsv(*fn.split(images, [1, 1, 1]))


@handler("AdjustSaturation")
def adjust_saturation(op: Operation, images: Value, scale: Value) -> Value:
    """The saturation scaled and kept in [0, 1]."""
    hue, saturation, value = _to_hsv(images)
    return _from_hsv(hue, fn.clip(saturation * scale.cast(op.dtype), 0, 1), value)


def _to_hsv(images: Value) -> list[Value]:
    """Return hue, saturation and value, each with one channel."""
    red, green, blue = fn.split(images, [1, 1, 1])
    value, least = (images.graph.op(kind, red, green, blue) for kind in ("Max", "Min"))
    span = value - least
    coloured, bright = span > 0, value > 0
    safe = fn.where(coloured, span, 1)
    # as TensorFlow does it: red is asked first, then green
    hue = fn.where(fn.equal(green, value), (blue - red) / safe + 2, (red - green) / safe + 4)
    hue = fn.where(fn.equal(red, value), (green - blue) / safe, hue)
    hue = fn.where(coloured, hue * (1 / 6), 0)
    return [fn.where(hue < 0, hue + 1, hue), fn.where(bright, span / fn.where(bright, value, 1), 0), value]


def _from_hsv(hue: Value, saturation: Value, value: Value) -> Value:
    """Return images of red, green and blue (Smith, Color Gamut Transform Pairs, 1978, in its piecewise linear form)."""
    chroma, turned = saturation * value, hue * 6
    red = fn.absolute(turned - 3) - 1
    green, blue = (2 - fn.absolute(turned - centre) for centre in (2, 4))
    least = value - chroma
    return fn.concatenate([fn.clip(part, 0, 1) * chroma + least for part in (red, green, blue)])


# --- boxes ---------------------------------------------------------------------------------------


@handler(
    "NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3", "NonMaxSuppressionV4", "NonMaxSuppressionV5"
)
def non_max_suppression(
    op: Operation, boxes: Value, scores: Value, most: Value, *thresholds: Value
) -> Value | tuple[Value, ...]:
    """The boxes that no better one covers; V4 and V5 pad and count, V5 returns scores too."""
    version = op.type.removeprefix("NonMaxSuppression")
    if version == "V5" and float(op.constant(5)):
        raise ValueError("soft suppression (soft_nms_sigma above 0) has no ONNX form")
    limits = list(thresholds[:2]) or [op.graph.constant(op.attr("iou_threshold", 0.5), "float32")]
    limits += [op.graph.constant(-np.inf, "float32")] if len(limits) == 1 else []
    count = fn.reshape(most.cast("int64"), [1])
    rows = op.graph.op(
        "NonMaxSuppression",
        fn.expand_dims(boxes.cast("float32"), 0),
        fn.expand_dims(scores.cast("float32"), [0, 1]),
        count,
        *(fn.reshape(limit.cast("float32"), [1]) for limit in limits),
        dtype="int64",
    )[:, 2]
    valid, chosen = fn.shape(rows), fn.take(scores, rows)
    if version in ("V4", "V5") and op.attr("pad_to_max_output_size", 0):
        pads = fn.concatenate([op.graph.constant([0]), count - valid], 0)
        rows, chosen = fn.pad(rows, pads), fn.pad(chosen, pads)
    rows, valid = rows.cast("int32"), fn.squeeze(valid, 0).cast("int32")
    if version == "V5":
        return rows, chosen, valid
    return (rows, valid) if version == "V4" else rows
