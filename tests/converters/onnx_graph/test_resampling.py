"""Resampling in NumPy against onnx's reference evaluator, and the identities that its definitions imply."""

from __future__ import annotations

import numpy as np
import pytest
from tf_models import by_reference, parsed

from modelport_converters.onnx_graph.resampling import (
    Resized,
    apply_padding_mode,
    coordinates,
    from_normalized,
    kernel,
    nearest,
    positions,
    reflected,
    scaled_size,
    taps,
)

X = np.array([3.0, -1.0, 4.0, 1.5, -5.0, 9.0], np.float32)
MODES = ["half_pixel", "half_pixel_symmetric", "asymmetric", "align_corners", "pytorch_half_pixel"]


def resized_by_onnx(out: int, attributes: str) -> np.ndarray:
    model = parsed(
        f"g (float[6] x) => (float[{out}] y) {{ s = Constant<value_ints=[{out}]>() y = Resize<{attributes}>(x, , , s) }}"
    )
    found: np.ndarray = by_reference(model, {"x": X})["y"]
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("out", [1, 3, 6, 11])
def test_linear_taps_interpolate_as_onnx_defines(mode: str, out: int) -> None:
    points = coordinates(Resized(6, out, out, 6), mode)
    index, weights = taps(points, 6, mode="linear")
    found = (X[np.clip(index, 0, 5).astype(int)] * weights).sum(-1)
    expected = resized_by_onnx(out, f'mode="linear", coordinate_transformation_mode="{mode}"')
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rounding", ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"])
@pytest.mark.parametrize("out", [3, 4, 12])
def test_the_nearest_element_is_that_of_onnx(rounding: str, out: int) -> None:
    points = coordinates(Resized(6, out, out, 6), "asymmetric")
    found = X[nearest(points, 6, rounding).astype(int)]
    expected = resized_by_onnx(
        out, f'mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="{rounding}"'
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_a_kernel_is_1_at_its_element_0_at_all_others_and_its_taps_add_up_to_1(mode: str) -> None:
    np.testing.assert_array_equal(kernel(np.arange(-3.0, 4.0), mode), [0, 0, 0, 1, 0, 0, 0])
    _, weights = taps(np.linspace(0, 5, 17), 6, mode=mode)
    np.testing.assert_allclose(weights.sum(-1), 1)


def test_taps_outside_have_no_weight_on_request() -> None:
    index, weights = taps(np.array([-0.25, 5.25]), 6, mode="linear", inside=True)
    assert (weights[(index < 0) | (index > 5)] == 0).all()
    np.testing.assert_allclose(weights.sum(-1), 1)


@pytest.mark.parametrize(("size", "aligned"), [(1, False), (2, False), (2, True), (5, False), (5, True)])
def test_normalized_positions_lead_back_to_the_elements(size: int, aligned: bool) -> None:
    np.testing.assert_allclose(from_normalized(positions(size, aligned), size, aligned), np.arange(size), atol=1e-12)


def test_distances_are_reflected_as_numpy_pads() -> None:
    found = reflected(np.arange(-11.0, 17.0), 5.0)
    np.testing.assert_array_equal(found, np.pad(np.arange(6.0), (11, 11), "reflect"))


def test_only_reflection_and_border_move_indices() -> None:
    index = np.array([-2.0, 0.0, 7.0])
    np.testing.assert_array_equal(apply_padding_mode(index, 4, "zeros", False), index)
    np.testing.assert_array_equal(apply_padding_mode(index, 4, "border", False), [0, 0, 3])
    np.testing.assert_array_equal(apply_padding_mode(index, 4, "reflection", False), [1, 0, 0])  # -2 -> 1, 7 -> 0
    np.testing.assert_array_equal(apply_padding_mode(index, 4, "reflection", True), [2, 0, 1])


def test_a_size_is_scaled_in_float32_as_shape_inference_does() -> None:
    assert scaled_size(10, 1.5) == 15
    assert scaled_size(3, 1 / 3) == int(np.floor(np.float32(3) * np.float32(1 / 3)))
