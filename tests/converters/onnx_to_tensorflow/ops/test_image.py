"""Image operators in TensorFlow with the options that ONNX's own suite leaves out, against ONNX Runtime, onnx and Pillow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from tf_models import assert_same, by_onnxruntime, by_reference, parsed, translated

REGIONS = np.array(
    [[1, 2, 12, 9], [-3, -2, 4, 3.5], [6, 5, 30, 22], [4, 4, 4.2, 4.1], [20, 15, 23.9, 17.9]], np.float32
)


def values(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("aligned", [0, 1])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
def test_an_image_of_unknown_size_is_sampled_far_beyond_its_border(mode: str, padding: str, aligned: int) -> None:
    attributes = f'mode="{mode}", padding_mode="{padding}", align_corners={aligned}'
    model = parsed(
        f"g (float[N,3,H,W] x, float[N,A,B,2] grid) => (float[N,3,A,B] y) {{ y = GridSample<{attributes}> (x, grid) }}"
    )
    inputs = {"x": values(2, 3, 5, 6), "grid": values(2, 4, 7, 2) * 2}
    assert_same(translated(model, inputs, saved=mode == "linear"), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_a_volume_is_sampled_at_points_of_a_grid(padding: str) -> None:
    model = parsed(
        "g (float[N,2,D,H,W] x, float[N,A,B,C,3] grid) => (float[N,2,A,B,C] y) "
        f'{{ y = GridSample<padding_mode="{padding}"> (x, grid) }}'
    )
    inputs = {"x": values(2, 2, 3, 4, 5), "grid": values(2, 2, 3, 2, 3)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("aligned", [0, 1])
def test_the_grid_of_an_affine_matrix_has_a_size_known_only_when_the_model_runs(aligned: int) -> None:
    model = parsed(
        "g (float[N,2,3] theta, int64[4] size) => (float[A,B,C,2] y) "
        f"{{ y = AffineGrid<align_corners={aligned}> (theta, size) }}"
    )
    inputs = {"theta": values(2, 2, 3), "size": np.array([2, 3, 4, 5])}
    assert_same(translated(model, inputs), by_reference(model, inputs))


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("ratio", [0, 2])
@pytest.mark.parametrize("coordinates", ["half_pixel", "output_half_pixel"])
def test_regions_of_any_size_are_aligned(mode: str, ratio: int, coordinates: str) -> None:
    attributes = f'mode="{mode}", sampling_ratio={ratio}, coordinate_transformation_mode="{coordinates}"'
    model = parsed(
        "g (float[N,3,H,W] x, float[R,4] rois, int64[R] images) => (float[R,3,3,2] y) "
        f"{{ y = RoiAlign<{attributes}, output_height=3, output_width=2, spatial_scale=0.5> (x, rois, images) }}"
    )
    inputs = {"x": values(2, 3, 9, 12), "rois": REGIONS, "images": np.array([0, 1, 1, 0, 1])}
    assert_same(translated(model, inputs, saved=ratio == 0), by_onnxruntime(model, inputs))


def test_the_largest_elements_of_regions_are_pooled() -> None:
    model = parsed(
        "g (float[N,3,H,W] x, float[R,5] rois) => (float[R,3,3,2] y) "
        "{ y = MaxRoiPool<pooled_shape=[3,2], spatial_scale=0.5> (x, rois) }"
    )
    regions = np.concatenate([[[0], [1], [1], [0], [1]], REGIONS], 1).astype(np.float32)
    inputs = {"x": values(2, 3, 9, 12), "rois": regions}
    assert_same(translated(model, inputs, saved=True), by_onnxruntime(model, inputs))


def encoded(kind: str, channels: int = 3, **options: Any) -> tuple[Any, Any]:
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, channels), np.uint8)
    stream = io.BytesIO()
    image.fromarray(pixels if channels == 3 else pixels[..., 0]).save(stream, kind, **options)
    return np.frombuffer(stream.getvalue(), np.uint8), pixels


def decoder(pixel_format: str) -> Any:
    return parsed(
        f'g (uint8[N] stream) => (uint8[H,W,C] y) {{ y = ImageDecoder<pixel_format="{pixel_format}"> (stream) }}'
    )


@pytest.mark.parametrize(
    ("kind", "options"), [("png", {}), ("bmp", {}), ("ppm", {}), ("webp", {"lossless": True}), ("gif", {})]
)
def test_one_model_decodes_every_format_without_loss(kind: str, options: dict[str, Any]) -> None:
    stream, pixels = encoded(kind, 1 if kind == "gif" else 3, **options)
    found = translated(decoder("RGB"), {"stream": stream}, saved=True)["y"]
    np.testing.assert_array_equal(found, np.broadcast_to(pixels, (7, 9, 3)))


def test_a_grey_level_is_rounded_as_pillow_does() -> None:
    stream, pixels = encoded("png")
    image = pytest.importorskip("PIL.Image")
    expected = np.asarray(image.fromarray(pixels).convert("L"))[..., None]
    np.testing.assert_array_equal(translated(decoder("Grayscale"), {"stream": stream})["y"], expected)


def test_a_stream_that_is_no_image_is_an_error() -> None:
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
        translated(decoder("RGB"), {"stream": np.frombuffer(b"no image at all", np.uint8)})


@pytest.mark.parametrize("saved", [False, True])
def test_boxes_are_selected_in_every_batch_and_class_of_unknown_number(saved: bool) -> None:
    model = parsed(
        "g (float[B,K,4] boxes, float[B,C,K] scores, int64 most, float iou, float least) => (int64[n,3] y) { "
        "y = NonMaxSuppression(boxes, scores, most, iou, least) }"
    )
    rng = np.random.default_rng(3)
    corner = rng.uniform(0, 5, (2, 20, 2))
    inputs = {
        "boxes": np.concatenate([corner, corner + rng.uniform(1, 4, (2, 20, 2))], -1).astype(np.float32),
        "scores": rng.uniform(size=(2, 3, 20)).astype(np.float32),
        "most": np.array(5), "iou": np.array(0.3, np.float32), "least": np.array(0.2, np.float32),
    }  # fmt: skip
    assert_same(translated(model, inputs, saved=saved), by_onnxruntime(model, inputs))
