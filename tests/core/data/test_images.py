"""Images become inputs as the frameworks prepare them, checked against arithmetic on the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modelport.data.images import frame_of, list_images, read_image, read_images
from modelport.data.preprocessing import parse
from modelport.errors import InvalidOption, InvalidSamples
from modelport.signature import Signature, parse_inputs

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
MEAN, STD = np.asarray([0.485, 0.456, 0.406]), np.asarray([0.229, 0.224, 0.225])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(PIXELS).save(path)
    return path


def prepared(path: Path, spec: str, text: str | None, *, natural: bool = False) -> np.ndarray:
    specs, examples = parse_inputs([spec])
    frame = frame_of(Signature(specs, examples=examples), parse(text) if text else None, natural=natural)
    return read_image(path, frame)


# --- values --------------------------------------------------------------------------------------


def test_imagenet_is_resize_centre_crop_and_normalisation(photo: Path) -> None:
    resized = Image.fromarray(PIXELS).resize((426, 256), Image.Resampling.BILINEAR)  # 20 * 256 / 12 = 426.67
    corner = ((426 - 224) // 2, (256 - 224) // 2)
    cut = np.asarray(resized)[corner[1] : corner[1] + 224, corner[0] : corner[0] + 224]
    expected = ((cut / 255.0 - MEAN) / STD).transpose(2, 0, 1)

    for spec in ("x:float32[N,3,224,224]", "x:float32[N,3,H,W]"):
        found = prepared(photo, spec, "imagenet")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_keras_resnet_is_bgr_minus_the_mean(photo: Path) -> None:
    resized = np.asarray(Image.fromarray(PIXELS).resize((224, 224), Image.Resampling.NEAREST), np.float64)
    expected = resized[..., ::-1] - [103.939, 116.779, 123.68]

    found = prepared(photo, "x:float32[N,224,224,3]", "keras-resnet")

    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, PIXELS / 255), ("unit", PIXELS / 255), ("minus1to1", PIXELS / 127.5 - 1), ("bytes", PIXELS.astype(float))],
)
def test_ranges_are_scaled(photo: Path, text: str | None, expected: np.ndarray) -> None:
    found = prepared(photo, "x:float32[N,12,20,3]", text)

    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_digits_are_rows_of_grey_values_up_to_16(photo: Path) -> None:
    grey = np.asarray(Image.fromarray(PIXELS).convert("L").resize((8, 8), Image.Resampling.BILINEAR))

    np.testing.assert_allclose(prepared(photo, "x:float32[N,64]", "digits"), grey.reshape(-1) / 255 * 16, rtol=1e-6)


def test_mnist_is_one_normalised_channel(photo: Path) -> None:
    grey = np.asarray(Image.fromarray(PIXELS).convert("L").resize((28, 28), Image.Resampling.BILINEAR))

    found = prepared(photo, "x:float32[N,1,28,28]", "mnist")

    np.testing.assert_allclose(found[0], (grey / 255 - 0.1307) / 0.3081, rtol=1e-5)


def test_an_integer_input_takes_the_pixels_as_they_are(photo: Path) -> None:
    found = prepared(photo, "x:uint8[N,3,12,20]", "bytes")

    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, PIXELS.transpose(2, 0, 1))


def test_an_image_is_turned_upright_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: rotate by 90 degrees clockwise to see it upright
    Image.fromarray(PIXELS).save(tmp_path / "turned.png", exif=exif)

    found = prepared(tmp_path / "turned.png", "x:uint8[N,H,W,3]", None, natural=True)

    np.testing.assert_array_equal(found, np.rot90(PIXELS, -1))


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "text", "natural", "size"),
    [
        ("x:float32[N,3,H,W]", None, True, (12, 20)),
        ("x:float32[N,3,H,W]", None, False, (32, 32)),
        ("x:float32[N,3,H=6,W=7]", None, True, (6, 7)),
        ("x:float32[N,3,H,W]", "resize=6", True, (6, 10)),
        ("x:float32[N,3,H,W]", "resize=6x5", False, (6, 5)),
        ("x:float32[N,3,H,W]", "crop=4x6", False, (4, 6)),
        ("x:float32[N,3,299,299]", "imagenet", False, (299, 299)),
        ("x:float32[N,3,64,96]", "imagenet", False, (64, 96)),
        ("x:float32[N,3,64,96]", "keras-resnet", False, (64, 96)),
        ("x:float32[N,3,9,8]", "unit", True, (9, 8)),
    ],
)
def test_sizes_follow_the_model_and_the_preprocessing(
    photo: Path, spec: str, text: str | None, natural: bool, size: tuple[int, int]
) -> None:
    assert prepared(photo, spec, text, natural=natural).shape == (3, *size)


def test_a_name_keeps_its_share_of_the_image_in_another_size(photo: Path) -> None:
    specs, _ = parse_inputs(["x:float32[N,3,112,112]"])

    steps = frame_of(Signature(specs), parse("imagenet")).steps

    assert (steps.resize, steps.crop) == ((128,), (112, 112))


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "text", "error", "message"),
    [
        ("x:float32[N,3,8,8]", "resize=9x9", InvalidSamples, "comes out as 9x9, the model takes 8x8"),
        ("x:float32[N,3,8,8]", "crop=64", InvalidSamples, "crop 64x64 is larger than the image, 12x20"),
        ("x:float32[N,1,8,8]", "imagenet", InvalidOption, "gives 3 channels, the input takes 1"),
        ("x:float32[N,3,8,8]", "colour=grey", InvalidOption, "gives 1 channels, the input takes 3"),
        ("x:float32[N,1,8,8]", "mean=1,2,3", InvalidOption, "for 3 channels, the input takes 1"),
        ("x:float32[N,3,8,8]", "layout=flat", InvalidOption, "flat has 2 dimensions"),
        ("x:uint8[N,3,8,8]", "imagenet,resize=8,crop=8", InvalidOption, "uint8, which cannot hold"),
        ("x:int8[N,3,8,8]", "unit,range=255", InvalidOption, "int8, which cannot hold"),
        ("x:float32[N,65]", "digits", InvalidSamples, "comes out as 64 values, the model takes 65"),
        ("x:float32[N,7]", None, InvalidSamples, "folder of images needs"),
    ],
)
def test_what_contradicts_the_model_is_refused(
    photo: Path, spec: str, text: str | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        prepared(photo, spec, text)


def test_a_truncated_image_is_refused(photo: Path) -> None:
    photo.write_bytes(photo.read_bytes()[:200])

    with pytest.raises(InvalidSamples, match="cannot read the image") as caught:
        prepared(photo, "x:float32[N,3,8,8]", None)
    assert caught.value.where == str(photo)


def test_an_image_of_16_bits_is_not_clipped_to_8(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(tmp_path / "deep.png")

    with pytest.raises(InvalidSamples, match="more than 8 bits"):
        prepared(tmp_path / "deep.png", "x:float32[N,1,4,4]", None)


def test_images_of_several_sizes_do_not_make_one_array(photo: Path, tmp_path: Path) -> None:
    Image.fromarray(PIXELS[:6]).save(tmp_path / "other.png")
    specs, _ = parse_inputs(["x:float32[N,3,H,W]"])

    with pytest.raises(InvalidSamples, match="different sizes") as caught:
        read_images(list_images(tmp_path), Signature(specs), parse("resize=6"))
    assert "resize=" in str(caught.value.remedy)
