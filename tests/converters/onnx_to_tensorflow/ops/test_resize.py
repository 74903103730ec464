"""Resize in TensorFlow with the sizes and options that ONNX's own suite leaves out, against ONNX Runtime and onnx's reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tf_models import assert_same, by_onnxruntime, by_reference, parsed, translated

MODES = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"]
KINDS = [
    'mode="nearest",nearest_mode="floor"',
    'mode="nearest",nearest_mode="round_prefer_ceil"',
    'mode="linear"',
    'mode="cubic",exclude_outside=1',
    'mode="linear",antialias=1',
]


def image(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def operators(model: Any) -> list[str]:
    import onnx_ir as ir

    from modelport_converters.onnx_to_tensorflow import build

    return [node.type for node in build.build(ir.from_proto(model)).serving.graph.get_operations()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("coordinates", MODES)
def test_sizes_known_only_when_the_model_runs_give_what_known_ones_do(kind: str, coordinates: str) -> None:
    model = parsed(
        "g (float[N,3,H,W] x, int64[4] sizes) => (float[N,3,A,B] y) "
        f'{{ y = Resize<{kind}, coordinate_transformation_mode="{coordinates}"> (x, , , sizes) }}'
    )
    inputs = {"x": image(2, 3, 5, 8), "sizes": np.array([2, 3, 10, 6])}
    assert_same(translated(model, inputs), by_reference(model, inputs))


@pytest.mark.parametrize("scale", ["2.0", "3.0", "0.5", "1.7"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_known_scale_resizes_images_of_unknown_size(kind: str, scale: str) -> None:
    model = parsed(
        f"g (float[N,3,H,W] x) => (float[N,3,A,B] y) <float[4] scales = {{1.0, 1.0, {scale}, {scale}}}> "
        f'{{ y = Resize<{kind}, coordinate_transformation_mode="asymmetric"> (x, , scales) }}'
    )
    inputs = {"x": image(2, 3, 6, 8)}
    assert_same(translated(model, inputs), by_reference(model, inputs))


def test_scales_known_only_when_the_model_runs_resize_every_named_axis() -> None:
    model = parsed(
        "g (float[N,3,H,W,D] x, float[2] scales) => (float[N,3,A,B,C] y) "
        '{ y = Resize<mode="linear", axes=[4,2]> (x, , scales) }'
    )
    inputs = {"x": image(2, 3, 4, 5, 6), "scales": np.array([0.5, 2.0], np.float32)}
    assert_same(translated(model, inputs), by_reference(model, inputs))


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_the_aspect_ratio_is_kept_for_sizes_known_only_when_the_model_runs(policy: str) -> None:
    model = parsed(
        "g (float[1,2,H,W] x, int64[2] sizes) => (float[1,2,A,B] y) "
        f'{{ y = Resize<mode="cubic", axes=[2,3], keep_aspect_ratio_policy="{policy}"> (x, , , sizes) }}'
    )
    inputs = {"x": image(1, 2, 4, 6), "sizes": np.array([7, 8])}
    assert_same(translated(model, inputs), by_reference(model, inputs))


def test_a_region_known_only_when_the_model_runs_is_cropped_and_its_outside_filled() -> None:
    model = parsed(
        'g (float[N,1,H,W] x, float[8] roi, int64[4] sizes) => (float[N,1,A,B] y) { y = Resize<mode="linear", '
        'coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=9.0> (x, roi, , sizes) }'
    )
    roi = np.array([0, 0, 0.2, -0.1, 1, 1, 0.7, 1.2], np.float32)
    inputs = {"x": image(1, 1, 5, 7), "roi": roi, "sizes": np.array([1, 1, 4, 9])}
    assert_same(translated(model, inputs, saved=True), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("kind", ['"nearest"', '"linear"'])
def test_a_decoder_is_resized_to_its_skip_connection_without_a_transpose_between(kind: str) -> None:
    attributes = f'mode={kind}, coordinate_transformation_mode="asymmetric", nearest_mode="floor"'
    model = parsed(
        "g (float[N,4,H,W] x, float[4,4,3,3] w, float[4,4,2,2] v) => (float[N,4,A,B] y) "
        "<int64[1] from = {2}, int64[1] end = {9}, int64[1] zero = {0}> { a = Conv<pads=[1,1,1,1]> (x, w) "
        "b = Conv<strides=[2,2]> (a, v) s = Shape (a) "
        "hw = Slice (s, from, end) t = Shape (b) nc = Slice (t, zero, from) sizes = Concat<axis=0> (nc, hw) "
        f"c = Resize<{attributes}> (b, , , sizes) y = Add (a, c) }}"
    )
    inputs = {"x": image(2, 4, 7, 10), "w": image(4, 4, 3, 3), "v": image(4, 4, 2, 2)}
    assert_same(translated(model, inputs, saved=True), by_onnxruntime(model, inputs))
    found = operators(model)
    assert "ResizeNearestNeighbor" in found or "ResizeBilinear" in found
    assert found.count("Transpose") <= 4  # input, output, and the two weights, which are inputs here


def test_a_batch_that_would_be_resized_unexpectedly_fails_instead_of_giving_a_wrong_answer() -> None:
    import tensorflow as tf

    model = parsed("g (float[N,1,4,4] x, int64[4] sizes) => (float[A,B,C,D] y) { y = Resize (x, , , sizes) }")
    with pytest.raises(tf.errors.InvalidArgumentError):
        translated(model, {"x": image(2, 1, 4, 4), "sizes": np.array([4, 1, 8, 8])})


@pytest.mark.parametrize(("size", "out"), [(6, 5), (49, 98), (10, 30), (41, 82), (14, 49), (100, 61)])
def test_nearest_elements_are_exact_where_a_quotient_of_sizes_is_rounded(size: int, out: int) -> None:
    model = parsed(
        f"g (int32[1,1,1,{size}] x) => (int32[1,1,1,A] y) <int64[4] sizes = {{1, 1, 1, {out}}}> "
        '{ y = Resize<coordinate_transformation_mode="asymmetric", nearest_mode="floor"> (x, , , sizes) }'
    )
    x = np.arange(size, dtype=np.int32).reshape(1, 1, 1, size)
    expected = [at * size // out for at in range(out)]
    assert translated(model, {"x": x})["y"].ravel().tolist() == expected


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "float16", "double"])
@pytest.mark.parametrize("kind", ["nearest", "linear", "cubic"])
def test_other_types_are_rounded_and_stay_in_their_range(dtype: str, kind: str) -> None:
    model = parsed(
        f"g ({dtype}[N,2,H,W] x) => ({dtype}[N,2,A,B] y) <float[4] scales = {{1.0, 1.0, 2.0, 4.0}}> "
        f'{{ y = Resize<mode="{kind}"> (x, , scales) }}'
    )
    own = {"double": np.float64}.get(dtype, dtype)
    inputs = {"x": (image(1, 2, 4, 6) * 60).astype(own)}
    assert_same(translated(model, inputs), by_reference(model, inputs), 2e-3 if dtype == "float16" else 1e-6, 1e-4)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize(("name", "opset"), [("Upsample", 9), ("Resize", 10)])
def test_what_has_no_coordinates_in_an_old_opset_is_resized_as_onnxruntime_does(
    mode: str, name: str, opset: int
) -> None:
    model = parsed(
        "g (float[N,2,H,W] x) => (float[N,2,A,B] y) <float[4] scales = {1.0, 1.0, 2.0, 3.0}> "
        f'{{ y = {name}<mode="{mode}"> (x, scales) }}',
        opset=opset,
    )
    inputs = {"x": image(2, 2, 3, 4)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


def test_a_matrix_and_a_signal_are_resized_too() -> None:
    model = parsed(
        "g (float[A,B] x, float[N,2,L] z) => (float[C,D] y, float[N,2,M] u) "
        "<float[2] s = {2.0, 0.5}, float[3] t = {1.0, 1.0, 2.5}> "
        '{ y = Resize<mode="linear"> (x, , s) u = Resize<mode="cubic"> (z, , t) }'
    )
    inputs = {"x": image(3, 6), "z": image(2, 2, 8)}
    assert_same(translated(model, inputs), by_reference(model, inputs))
