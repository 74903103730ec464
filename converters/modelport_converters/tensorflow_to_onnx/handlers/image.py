"""Patches, colours, boxes, and linear resizing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport_converters.tensorflow_to_onnx.handler import Form, handler


def patches(
    write: Form,
    images: str,
    sizes: Sequence[int],
    strides: Sequence[int],
    rates: Sequence[int],
    padding: str,
    fill: float,
) -> tuple[str, list[int]]:
    """Return windows of images [n, *spatial, c] as [n, *windows, *sizes, c], and the numbers of windows."""
    dims = len(sizes)
    own = write.sizes(images, range(1, dims + 1))
    spans = [(size - 1) * rate + 1 for size, rate in zip(sizes, rates, strict=True)]
    if padding == "SAME":
        counts = [-(-size // stride) for size, stride in zip(own, strides, strict=True)]
        totals = [
            max((n - 1) * stride + span - size, 0)
            for n, stride, span, size in zip(counts, strides, spans, own, strict=True)
        ]
        pads = [0, *(total // 2 for total in totals), 0, 0, *(total - total // 2 for total in totals), 0]
        images = write("Pad", images, write.const(pads), write.number(fill, images)) if any(totals) else images
    else:
        counts = [(size - span) // stride + 1 for size, span, stride in zip(own, spans, strides, strict=True)]
    for axis in reversed(range(dims)):  # the last first, so that the places of the others stay
        starts = np.arange(counts[axis])[:, None] * strides[axis]
        images = write("Gather", images, write.const(starts + np.arange(sizes[axis]) * rates[axis]), axis=axis + 1)
    # n, count0, size0, count1, size1, ..., c
    order = [0, *range(1, 2 * dims, 2), *range(2, 2 * dims + 1, 2), 2 * dims + 1]
    return write("Transpose", images, perm=order), counts


@handler("ExtractImagePatches", "ExtractVolumePatches")
def extract_patches(write: Form, images: str) -> str:
    """The windows of an image, each as one row of depth."""
    sizes, strides = (list(write.attr(name))[1:-1] for name in ("ksizes", "strides"))
    rates = list(write.attr("rates", [1] * (len(sizes) + 2)))[1:-1]
    (depth,) = write.sizes(images, [-1])
    found, counts = patches(write, images, sizes, strides, rates, write.attr("padding"), 0)
    return write.reshape(found, [-1, *counts, int(np.prod(sizes)) * depth])


@handler("Dilation2D")
def dilation2d(write: Form, images: str, kernel: str) -> str:
    """The greatest of input plus kernel in each window, for each channel by itself."""
    strides, rates = (list(write.attr(name))[1:-1] for name in ("strides", "rates"))
    lowest = float(np.finfo(write.dtype).min)
    found, _ = patches(write, images, write.sizes(kernel, [0, 1]), strides, rates, write.attr("padding"), lowest)
    return write.reduce("Max", write("Add", found, kernel), [3, 4])


def _channels(write: Form, images: str) -> list[str]:
    return write.several("Split", [images, write.const([1, 1, 1])], 3, axis=-1)


def _to_hsv(write: Form, images: str) -> tuple[str, str, str]:
    """Return hue, saturation and value, each with one channel."""
    red, green, blue = _channels(write, images)
    value, least = write("Max", red, green, blue), write("Min", red, green, blue)
    span, zero = write("Sub", value, least), write.like(0)
    safe = write("Where", write("Greater", span, zero), span, write.like(1))

    def part(left: str, right: str, start: float) -> str:
        return write("Add", write("Div", write("Sub", left, right), safe), write.like(start))

    # as TensorFlow does it: red is asked first, then green
    hue = write("Where", write("Equal", green, value), part(blue, red, 2), part(red, green, 4))
    hue = write("Where", write("Equal", red, value), part(green, blue, 0), hue)
    hue = write("Where", write("Greater", span, zero), write("Mul", hue, write.like(1 / 6)), zero)
    hue = write("Where", write("Less", hue, zero), write("Add", hue, write.like(1)), hue)
    bright = write("Greater", value, zero)
    share = write("Div", span, write("Where", bright, value, write.like(1)))
    return hue, write("Where", bright, share, zero), value


def _from_hsv(write: Form, hue: str, saturation: str, value: str) -> str:
    """Return images of red, green and blue: A. R. Smith's piecewise linear form."""
    one, zero, chroma = write.like(1), write.like(0), write("Mul", saturation, value)
    least, turned = write("Sub", value, chroma), write("Mul", hue, write.like(6))

    def clipped(name: str) -> str:
        return write("Min", write("Max", name, zero), one)

    def distance(centre: float) -> str:
        return write("Abs", write("Sub", turned, write.like(centre)))

    red = clipped(write("Sub", distance(3), one))
    green, blue = (clipped(write("Sub", write.like(2), distance(centre))) for centre in (2, 4))
    return write.join(*(write("Add", write("Mul", part, chroma), least) for part in (red, green, blue)), axis=-1)


@handler("RGBToHSV")
def rgb_to_hsv(write: Form, images: str) -> str:
    """Red, green and blue as hue, saturation and value."""
    return write.join(*_to_hsv(write, images), axis=-1)


@handler("HSVToRGB")
def hsv_to_rgb(write: Form, images: str) -> str:
    """Hue, saturation and value as red, green and blue."""
    return _from_hsv(write, *_channels(write, images))


@handler("AdjustSaturation")
def adjust_saturation(write: Form, images: str, scale: str) -> str:
    """The saturation scaled and kept in [0, 1]."""
    hue, saturation, value = _to_hsv(write, images)
    scaled = write("Mul", saturation, write.cast(scale, write.dtype))
    return _from_hsv(write, hue, write("Min", write("Max", scaled, write.like(0)), write.like(1)), value)


@handler("ResizeBilinear")
def resize_bilinear(write: Form, images: str, size: str) -> str:
    """Linear interpolation along the spatial axes; the result is float32."""
    corners, half = write.attr("align_corners", 0), write.attr("half_pixel_centers", 0)
    mode = "align_corners" if corners else "half_pixel" if half else "asymmetric"
    images = write.cast(images, np.float32) if write.dtype_of(images) != np.float32 else images
    return _resized(write, images, size, mode="linear", coordinate_transformation_mode=mode)


def _resized(write: Form, images: str, size: str, **attributes: Any) -> str:
    narrow = write("Transpose", images, perm=[0, 3, 1, 2])
    shape = write.join(write.slice(write("Shape", narrow), 0, 2), write.cast(size, np.int64))
    return write("Transpose", write("Resize", narrow, "", "", shape, **attributes), perm=[0, 2, 3, 1])


@handler(
    "NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3", "NonMaxSuppressionV4", "NonMaxSuppressionV5"
)
def non_max_suppression(write: Form, boxes: str, scores: str, most: str, *thresholds: str) -> str | tuple[str, ...]:
    """The boxes that no better one covers; V4 and V5 pad and count, V5 returns scores too."""
    version = write.kind.removeprefix("NonMaxSuppression")
    if version == "V5" and float(write.known(5)):
        raise ValueError("soft suppression (soft_nms_sigma above 0) has no ONNX form")
    limits = list(thresholds[:2]) or [write.const(write.attr("iou_threshold", 0.5), np.float32)]
    limits += [write.const(-np.inf, np.float32)] if len(limits) == 1 else []
    count = write.reshape(write.cast(most, np.int64), [1])
    wide = [write.cast(name, np.float32) for name in (boxes, scores)]
    found = write(
        "NonMaxSuppression",
        write.unsqueeze(wide[0], 0),
        write.unsqueeze(wide[1], 0, 1),
        count,
        *(write.reshape(write.cast(limit, np.float32), [1]) for limit in limits),
    )
    rows = write("Gather", found, write.const(2), axis=1)
    valid = write("Shape", rows)
    chosen = write("Gather", scores, rows, axis=0)
    if version in ("V4", "V5") and write.attr("pad_to_max_output_size", 0):
        pads = write.join(write.const([0]), write("Sub", count, valid))
        rows, chosen = write("Pad", rows, pads), write("Pad", chosen, pads)
    rows, valid = write.cast(rows, np.int32), write.cast(write.squeeze(valid, 0), np.int32)
    if version == "V5":
        return rows, chosen, valid
    return (rows, valid) if version == "V4" else rows
