"""Normalisation in TensorFlow, beyond ONNX's own suite: dynamic shapes, layouts, types."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tf_models import assert_same, by_onnxruntime, by_reference, parsed, translated

RANDOM = np.random.default_rng(0)


def floats(*shape: int) -> Any:
    """Return random values."""
    return RANDOM.normal(size=shape).astype(np.float32)


SPATIAL = {
    "BatchNormalization": "BatchNormalization (r, s, b, m, v)",
    "BatchNormalization with epsilon": "BatchNormalization <epsilon = 0.1> (r, s, b, m, v)",
    "InstanceNormalization": "InstanceNormalization (r, s, b)",
    "GroupNormalization": "GroupNormalization <num_groups = 2> (r, s, b)",
    "LRN of odd size": "LRN <size = 3, alpha = 0.5, beta = 0.6, bias = 2.0> (r)",
    "LRN of even size": "LRN <size = 4, alpha = 0.5> (r)",
    "LpNormalization over channels": "LpNormalization <axis = 1, p = 2> (r)",
    "MeanVarianceNormalization": "MeanVarianceNormalization <axes = [0, 2, 3]> (r)",
}


@pytest.mark.parametrize("name", SPATIAL)
def test_it_stands_between_convolutions_on_images_of_unknown_size(name: str) -> None:
    text = f"""g (float[N,3,H,W] x, float[6,3,3,3] w, float[6] s, float[6] b, float[6] m, float[6] v) => (float[N,6,A,B] y) {{
        c = Conv <pads = [1, 1, 1, 1]> (x, w)
        r = Relu (c)
        n = {SPATIAL[name]}
        y = Relu (n)
    }}"""
    inputs = {
        "x": floats(6, 3, 5, 7), "w": floats(6, 3, 3, 3), "s": floats(6), "b": floats(6), "m": floats(6), "v": abs(floats(6)),
    }  # fmt: skip
    model = parsed(text)
    expected = (
        by_reference if "even" in name else by_onnxruntime
    )  # which has odd sizes only; onnx needs as many images as channels
    assert_same(translated(model, inputs, saved=True), expected(model, inputs))


@pytest.mark.parametrize("shape", [(4, 6), (2, 6, 5), (2, 6, 3, 2, 4)], ids=["rank 2", "rank 3", "rank 5"])
def test_batch_normalization_takes_any_rank(shape: tuple[int, ...]) -> None:
    sizes = ",".join(["N", *map(str, shape[1:])])
    model = parsed(f"""g (float[{sizes}] x, float[6] s, float[6] b, float[6] m, float[6] v) => (float[{sizes}] y) {{
        y = BatchNormalization (x, s, b, m, v)
    }}""")
    inputs = {"x": floats(*shape), "s": floats(6), "b": floats(6), "m": floats(6), "v": abs(floats(6))}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


def test_layer_normalization_gives_mean_and_deviation_for_a_batch_of_unknown_size() -> None:
    model = parsed("""g (float[N,T,8] x, float[8] s, float[8] b) => (float[N,T,8] y, float[N,T,1] mean, float[N,T,1] inverse) {
        y, mean, inverse = LayerNormalization <axis = -1, epsilon = 0.001> (x, s, b)
    }""")
    inputs = {"x": floats(2, 3, 8), "s": floats(8), "b": floats(8)}
    assert_same(translated(model, inputs, saved=True), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("kind", ["LayerNormalization", "RMSNormalization"])
def test_halves_are_normalised_in_float32(kind: str) -> None:
    model = parsed(f"g (float16[N,64] x, float16[64] s) => (float16[N,64] y) {{ y = {kind} (x, s) }}", opset=23)
    inputs = {
        "x": (300 * floats(3, 64)).astype(np.float16),
        "s": floats(64).astype(np.float16),
    }  # squares overflow a half
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs), rtol=2e-3, atol=2e-3)


def test_a_norm_of_zero_gives_zeros() -> None:
    model = parsed("g (float[N,4] x) => (float[N,4] y) { y = LpNormalization <axis = 1, p = 1> (x) }", opset=22)
    inputs = {"x": np.array([[0, 0, 0, 0], [1, -2, 3, 2]], np.float32)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


def test_training_mode_also_gives_the_running_statistics() -> None:
    model = parsed("""g (float[N,3,4] x, float[3] s, float[3] b, float[3] m, float[3] v)
        => (float[N,3,4] y, float[3] mean, float[3] variance) {
        y, mean, variance = BatchNormalization <training_mode = 1, momentum = 0.7> (x, s, b, m, v)
    }""")
    inputs = {"x": floats(5, 3, 4), "s": floats(3), "b": floats(3), "m": floats(3), "v": abs(floats(3))}
    assert_same(translated(model, inputs), by_reference(model, inputs))
