"""Resizing of images against TensorFlow's own answers."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_same import assert_same

IMAGES = np.random.default_rng(4).random((2, 8, 9, 3)).astype("float32")
SIZES = [(13, 5), (4, 18), (16, 27), (1, 9)]

# a weight is rounded in float32; the pixels are at most 1
rounded = {"rtol": 1e-5, "atol": 2e-6}


@pytest.mark.parametrize("open_axes", [[0], None], ids=["fixed sizes", "open sizes"])
@pytest.mark.parametrize("smooth", [False, True], ids=["plain", "smooth"])
@pytest.mark.parametrize("method", ["bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"])
def test_images_are_resized(method, smooth, open_axes):
    def resized(x):
        return [tf.image.resize(x, size, method=method, antialias=smooth) for size in SIZES]

    assert_same(resized, IMAGES, open_axes=open_axes, opset=18, **rounded)


@pytest.mark.parametrize("open_axes", [[0], None], ids=["fixed sizes", "open sizes"])
@pytest.mark.parametrize("images", [IMAGES, (IMAGES * 255).astype("uint8")], ids=["floats", "bytes"])
def test_the_nearest_pixel_is_exactly_the_same(images, open_axes):
    assert_same(
        lambda x: [tf.image.resize(x, size, "nearest") for size in SIZES], images, open_axes=open_axes, opset=18, rtol=0
    )


@pytest.mark.parametrize("aligned", [False, True], ids=["corners move", "corners stay"])
@pytest.mark.parametrize("op", ["ResizeBicubic", "ResizeArea", "ResizeNearestNeighbor", "ResizeBilinear"])
def test_images_are_resized_as_in_the_first_tensorflow(op, aligned):
    def resized(x):
        return [getattr(tf.raw_ops, op)(images=x, size=size, align_corners=aligned) for size in SIZES]

    assert_same(resized, IMAGES, open_axes=[0], opset=18, **rounded)


def test_bytes_become_floats_when_they_are_resized():
    def resized(x):
        return [tf.image.resize(x, (5, 7), method) for method in ("bilinear", "bicubic", "area", "lanczos3")]

    assert_same(resized, (IMAGES * 255).astype("uint8"), open_axes=[0], opset=18, rtol=1e-5, atol=5e-4)


@pytest.mark.parametrize("kernel", ["lanczos1", "box", "triangle", "keyscubic"])
def test_images_are_scaled_and_moved(kernel):
    def moved(x):
        return [
            tf.raw_ops.ScaleAndTranslate(
                images=x, size=[7, 11], scale=scale, translation=[1.25, -2.5], kernel_type=kernel, antialias=antialias
            )
            for scale in ([0.7, 1.3], [1.6, 0.4])
            for antialias in (False, True)
        ]

    assert_same(moved, IMAGES, open_axes=[0], opset=18, **rounded)


def test_a_whole_factor_keeps_to_one_resize():
    model = assert_same(lambda x: [tf.image.resize(x, (24, 18), "nearest")], IMAGES, open_axes=[0], opset=18, rtol=0)
    assert [node.op_type for node in model.graph.node] == ["Transpose", "Resize", "Transpose"]
