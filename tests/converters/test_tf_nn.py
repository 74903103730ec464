"""Convolution and pooling in TensorFlow with the options that ONNX's own suite leaves out, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from tf_models import assert_same, by_onnxruntime, parsed, translated

CASES = [
    ("Conv <group=4, strides=[1,2], pads=[1,0,2,1]> (x, w)", (8, 1, 3, 3)),
    ("Conv <group=2, dilations=[2,1]> (x, w)", (6, 2, 3, 3)),
    ("ConvTranspose <group=2, strides=[2,3], output_padding=[1,1], pads=[1,0,0,1]> (x, w)", (4, 3, 3, 2)),
    ("MaxPool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]> (x)", (1,)),
    ("AveragePool <kernel_shape=[3,2], strides=[2,2], pads=[1,0,1,1], count_include_pad=1> (x)", (1,)),
]


@pytest.mark.parametrize(("call", "shape"), CASES)
def test_a_window_slides_over_images_of_unknown_number_and_size(call: str, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    sizes = ",".join(map(str, shape))
    model = parsed(f"g (float[N,4,H,W] x, float[{sizes}] w) => (float[N,A,B,C] y) {{ y = {call} }}")
    inputs = {
        "x": random.normal(size=(2, 4, 9, 8)).astype(np.float32),
        "w": random.normal(size=shape).astype(np.float32),
    }
    assert_same(translated(model, inputs, saved=True), by_onnxruntime(model, inputs))
