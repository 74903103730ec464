"""Patches, colour spaces and boxes against TensorFlow's own answers."""

import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import agrees, assert_same

PIXELS = np.random.default_rng(4).random((2, 7, 6, 3))
PIXELS[0, 0, 0], PIXELS[0, 1, 0], PIXELS[0, 2, 0] = (0.5, 0.5, 0.5), (0, 0, 0), (0.7, 0.7, 0.2)  # grey, black, a tie


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("size", "stride", "rate"), [((2, 3), 1, 1), ((3, 3), 2, 1), ((2, 2), 3, 2)])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "float64"])
def test_windows_are_cut_out(size, stride, rate, padding, dtype):
    given = [1, *size, 1], [1, stride, stride, 1], [1, rate, rate, 1], padding
    agrees(lambda x: tf.image.extract_patches(x, *given), (PIXELS * 200).astype(dtype), open_axes=(0,))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_a_dilation_is_the_greatest_of_each_window(padding):
    def dilated(x, kernel):
        return tf.nn.dilation2d(x, kernel, [1, 2, 1, 1], padding, "NHWC", [1, 1, 2, 1])

    agrees(dilated, floats(2, 7, 6, 3), floats(3, 2, 3), open_axes=())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_colours_are_those_of_the_other_space(dtype):
    image = PIXELS.astype(dtype)
    agrees(tf.image.rgb_to_hsv, image, tolerance=1e-6)
    agrees(tf.image.hsv_to_rgb, image, tolerance=1e-6)


@pytest.mark.parametrize("factor", [0.0, 0.5, 3.0])
def test_a_saturation_stays_within_its_bounds(factor):
    agrees(lambda x: tf.image.adjust_saturation(x, factor), PIXELS.astype("float32"), tolerance=1e-6)


BOXES = np.array([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, -0.1, 1, 0.9], [0, 10, 1, 11]], "float32")
SCORES = np.array([0.9, 0.75, 0.6, 0.95], "float32")


@pytest.mark.parametrize("most", [1, 3, 9])
def test_boxes_that_a_better_one_covers_are_left_out(most):
    agrees(lambda boxes, scores: tf.image.non_max_suppression(boxes, scores, most, 0.5, 0.7), BOXES, SCORES)


@pytest.mark.parametrize("padded", [False, True])
def test_boxes_are_padded_and_counted(padded):
    def suppressed(boxes, scores):
        found = tf.raw_ops.NonMaxSuppressionV5(
            boxes=boxes, scores=scores, max_output_size=5, iou_threshold=0.5, score_threshold=0.0, soft_nms_sigma=0.0,
            pad_to_max_output_size=padded,
        )  # fmt: skip
        return [found.selected_indices, found.selected_scores, found.valid_outputs]

    assert_same(suppressed, BOXES, SCORES)
