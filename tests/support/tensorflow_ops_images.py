"""Resizing, cropping, patches, colours and boxes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow_case import Case, floats, function, integers, known, op

IMAGE = floats(2, 7, 9, 3, low=0.0, high=1.0)
BOXES = np.array([[0.0, 0.0, 0.5, 0.5], [0.0, 0.1, 0.5, 0.6], [0.4, 0.4, 1.0, 1.0], [0.45, 0.4, 1.0, 0.9]], np.float32)
SCORES = np.array([0.9, 0.75, 0.6, 0.8], np.float32)
TRANSFORM = known(np.array([[1.1, 0.1, -1.0, 0.05, 0.9, 0.5, 0.0, 0.0]], np.float32))


_RESIZE = [
    op(name, IMAGE, known(size), align_corners=corners, half_pixel_centers=half)
    for name in ("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic")
    for size, corners, half in (
        ([14, 5], False, False),
        ([14, 5], True, False),
        ([14, 5], False, True),
        ([3, 12], False, True),
    )
] + [
    op("ResizeArea", IMAGE, known([3, 5])),
    op("ResizeArea", IMAGE, known([14, 18])),
    op("ResizeArea", IMAGE, known([3, 5]), align_corners=True),
    op("ResizeBilinear", IMAGE, np.array([14, 5], np.int32), half_pixel_centers=True, dynamic=False),
    function("ResizeBilinear", lambda x: tf.compat.v1.image.resize_bilinear(x, 2 * tf.shape(x)[1:3]), IMAGE),
    op("ResizeBilinear", integers(2, 4, 5, 3, dtype="uint8", low=0, high=255), known([8, 10]), half_pixel_centers=True),
    op("ResizeNearestNeighbor", integers(2, 4, 5, 3, low=0, high=255), known([8, 10]), half_pixel_centers=True),
    *(
        op(
            "ScaleAndTranslate",
            IMAGE,
            known([14, 5]),
            known([2.0, 5 / 9], "float32"),
            known([0.0, 0.0], "float32"),
            kernel_type=kind,
            antialias=smooth,
        )
        for kind in ("triangle", "lanczos3", "keyscubic", "mitchellcubic", "gaussian", "box")
        for smooth in (False, True)
    ),
    op(
        "ScaleAndTranslate",
        IMAGE,
        known([14, 5]),
        known([1.5, 0.7], "float32"),
        known([1.0, -0.5], "float32"),
        kernel_type="lanczos5",
    ),
]

_CROP = [
    op("CropAndResize", IMAGE, BOXES, np.array([0, 1, 1, 0], np.int32), known([4, 5])),
    op(
        "CropAndResize",
        IMAGE,
        BOXES * 1.4 - 0.2,
        np.array([0, 1, 1, 0], np.int32),
        known([4, 5]),
        extrapolation_value=2.0,
    ),
    op("CropAndResize", IMAGE, BOXES, np.array([0, 1, 1, 0], np.int32), known([4, 5]), method="nearest"),
    op("CropAndResize", IMAGE, BOXES, np.array([0, 1, 1, 0], np.int32), known([1, 1])),
    op("ExtractImagePatches", IMAGE, ksizes=[1, 3, 3, 1], strides=[1, 2, 2, 1], rates=[1, 1, 1, 1], padding="VALID"),
    op("ExtractImagePatches", IMAGE, ksizes=[1, 3, 3, 1], strides=[1, 2, 2, 1], rates=[1, 2, 2, 1], padding="SAME"),
    op("ExtractVolumePatches", floats(2, 4, 6, 4, 3), ksizes=[1, 2, 3, 2, 1], strides=[1, 2, 3, 2, 1], padding="VALID"),
    op("ExtractVolumePatches", floats(2, 4, 5, 4, 3), ksizes=[1, 2, 3, 2, 1], strides=[1, 2, 3, 2, 1], padding="SAME"),
    op("ExtractGlimpse", IMAGE, known([3, 3]), known(np.zeros((2, 2), "float32")), dynamic=False),
    op("ImageProjectiveTransformV2", IMAGE, TRANSFORM, known([7, 9]), interpolation="BILINEAR"),
    op("ImageProjectiveTransformV2", IMAGE, TRANSFORM, known([7, 9]), interpolation="NEAREST"),
    *(
        op(
            "ImageProjectiveTransformV3",
            IMAGE,
            TRANSFORM,
            known([7, 9]),
            known(0.5, "float32"),
            interpolation="BILINEAR",
            fill_mode=mode,
        )
        for mode in ("CONSTANT", "NEAREST", "REFLECT", "WRAP")
    ),
    function("Slice", lambda x: tf.image.central_crop(x, 0.5), floats(4, 6, 3)),
    function("ReverseV2", lambda x: tf.image.flip_left_right(x), IMAGE),
    function("Pad", lambda x: tf.image.resize_with_pad(x, 12, 10), IMAGE, dynamic=False),
    function("Transpose", lambda x: tf.image.rot90(x), IMAGE),
]

_COLOURS = [
    op("AdjustContrastv2", IMAGE, known(1.7, "float32")),
    op("AdjustHue", IMAGE, known(0.2, "float32")),
    op("AdjustSaturation", IMAGE, known(1.7, "float32")),
    op("AdjustSaturation", IMAGE, np.float32(0.3)),
    op("RGBToHSV", IMAGE),
    op("HSVToRGB", IMAGE),
    function("AddV2", lambda x: tf.image.adjust_brightness(x, 0.1), IMAGE),
    function("Pow", lambda x: tf.image.adjust_gamma(x, 0.8), IMAGE),
    function("Mean", lambda x: tf.image.per_image_standardization(x), IMAGE),
    function("DepthwiseConv2dNative", lambda x: tf.image.sobel_edges(x), IMAGE),
    op("DrawBoundingBoxes", IMAGE, np.stack([BOXES, BOXES])),
    op("DrawBoundingBoxesV2", IMAGE, np.stack([BOXES, BOXES]), known(floats(1, 3))),
]

_BOXES = [
    op("NonMaxSuppression", BOXES, SCORES, known(3)),
    op("NonMaxSuppressionV2", BOXES, SCORES, known(3), known(0.4, "float32")),
    op("NonMaxSuppressionV3", BOXES, SCORES, known(3), known(0.4, "float32"), known(0.7, "float32")),
    op("NonMaxSuppressionV3", BOXES, SCORES, np.int32(2), np.float32(0.4), np.float32(0.1)),
    op(
        "NonMaxSuppressionV4",
        BOXES,
        SCORES,
        known(4),
        known(0.4, "float32"),
        known(0.1, "float32"),
        pad_to_max_output_size=True,
    ),
    op("NonMaxSuppressionV4", BOXES, SCORES, known(4), known(0.4, "float32"), known(0.1, "float32")),
    op(
        "NonMaxSuppressionV5",
        BOXES,
        SCORES,
        known(4),
        known(0.4, "float32"),
        known(0.1, "float32"),
        known(0.0, "float32"),
    ),
    op(
        "NonMaxSuppressionV5",
        BOXES,
        SCORES,
        known(4),
        known(0.4, "float32"),
        known(0.1, "float32"),
        known(0.0, "float32"),
        pad_to_max_output_size=True,
    ),
    op(
        "NonMaxSuppressionV5",
        BOXES,
        SCORES,
        known(4),
        known(1.0, "float32"),
        known(0.1, "float32"),
        known(0.5, "float32"),
    ),
    op(
        "NonMaxSuppressionWithOverlaps",
        floats(4, 4, low=0.0, high=1.0),
        SCORES,
        known(3),
        known(0.4, "float32"),
        known(0.1, "float32"),
    ),
    op(
        "CombinedNonMaxSuppression",
        np.stack([BOXES, BOXES])[:, :, None],
        np.stack([SCORES, SCORES])[:, :, None] * np.array([1.0, 0.5], np.float32),
        known(2),
        known(3),
        known(0.4, "float32"),
        known(0.1, "float32"),
    ),
    op(
        "CombinedNonMaxSuppression",
        np.stack([BOXES, BOXES])[:, :, None],
        np.stack([SCORES, SCORES])[:, :, None],
        known(2),
        known(3),
        known(0.4, "float32"),
        known(0.1, "float32"),
        pad_per_class=True,
    ),
    op("DecodePng", np.array("x", object)),
    op("EncodePng", integers(4, 4, 3, dtype="uint8", low=0, high=255)),
]

CASES: list[Case] = [case for case in (*_RESIZE, *_CROP, *_COLOURS, *_BOXES) if case is not None]
