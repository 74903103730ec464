"""Keras's image layers: in inference they are the identity, or a function without chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers
from keras_case import Case


def _picture(*shape: int, dtype: str = "float32", top: float = 255.0) -> np.ndarray[Any, Any]:
    """Return an image of smooth gradients with some noise and whole black and white pixels."""
    rng = np.random.default_rng(11)
    ramp = np.linspace(0, 1, int(np.prod(shape[:-1]))).reshape(*shape[:-1], 1)
    values = np.clip(0.7 * ramp + 0.3 * rng.random(shape), 0, 1)
    values = np.where(rng.random(shape) < 0.05, rng.integers(0, 2, shape), values) * top
    return values.astype(dtype)


def _image_case(
    label: str, make: Callable[[], Any], shape: tuple[int | None, ...] = (8, 9, 3), dtype: str = "float32", top: float = 255.0
) -> Case:  # fmt: skip
    def build() -> Any:
        image = keras.Input(shape, dtype=dtype, name="image")
        return keras.Model(image, make()(image))

    sizes = tuple(size or 7 for size in shape)
    return Case(label, build, lambda: {"image": _picture(3, *sizes, dtype=dtype, top=top)})


def _identities(name: str, **settings: Any) -> list[Case]:
    """Return a layer that does nothing in inference: channels first, and for sizes known later."""
    make = partial(getattr(layers, name), **settings)
    return [
        _image_case("channels first", partial(make, data_format="channels_first"), (3, 8, 9)),
        _image_case("open sizes", make, (None, None, 3)),
    ]


class Wrapped(keras.Model):  # type: ignore[misc]
    """A layer in a model of its own: Equalization returns its symbolic input itself, which no functional model takes."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.layer(inputs, training=training)


def _called(make: Callable[[], Any]) -> Any:
    model = Wrapped(make())
    model(_picture(2, 8, 9, 3))
    return model


def _boxes() -> Any:
    """Return a model that pads or cuts bounding boxes."""
    image = keras.Input((6, 6, 3), name="image")
    boxes, labels = keras.Input((3, 4), name="boxes"), keras.Input((3,), name="labels")
    result = layers.MaxNumBoundingBoxes(5, bounding_box_format="xyxy")(
        {"images": image, "bounding_boxes": {"boxes": boxes, "labels": labels}}
    )
    return keras.Model([image, boxes, labels], result["bounding_boxes"])


def _box_samples() -> Mapping[str, Any]:
    corner = np.array([[0, 0, 3, 4], [1, 2, 5, 6], [2, 2, 3, 3]], "float32")
    return {
        "image": _picture(2, 6, 6, 3),
        "boxes": np.stack([corner, corner[::-1]]),
        "labels": np.array([[0, 1, 2], [2, 1, 0]], "float32"),
    }


_RANDOM: dict[str, dict[str, Any]] = {
    "AugMix": {},
    "CutMix": {},
    "MixUp": {},
    "RandAugment": {},
    "RandomBrightness": {"factor": 0.3},
    "RandomColorDegeneration": {"factor": 0.5},
    "RandomColorJitter": {"brightness_factor": 0.2, "hue_factor": 0.2},
    "RandomContrast": {"factor": 0.4},
    "RandomElasticTransform": {},
    "RandomErasing": {},
    "RandomFlip": {},
    "RandomGaussianBlur": {},
    "RandomGrayscale": {},
    "RandomHue": {"factor": 0.2},
    "RandomInvert": {},
    "RandomPerspective": {},
    "RandomPosterization": {"factor": 4},
    "RandomRotation": {"factor": 0.2},
    "RandomSaturation": {"factor": 0.2},
    "RandomSharpness": {"factor": 0.2},
    "RandomShear": {"x_factor": 0.2},
    "RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1},
    "RandomZoom": {"height_factor": 0.2},
}

_RESIZED = [
    *[
        _image_case(f"{method} {size}", partial(layers.Resizing, *size, interpolation=method))
        for method in ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5")
        for size in ((13, 5), (4, 18))
    ],
    *[
        _image_case(f"{method} smoothed", partial(layers.Resizing, 5, 4, interpolation=method, antialias=True), (17, 13, 3))
        for method in ("bilinear", "bicubic", "lanczos3")
    ],
    _image_case("cropped to the aspect ratio", partial(layers.Resizing, 5, 4, crop_to_aspect_ratio=True)),
    _image_case("padded to the aspect ratio", partial(layers.Resizing, 12, 5, pad_to_aspect_ratio=True, fill_value=7.0)),
    _image_case(
        "bicubic channels first",
        partial(layers.Resizing, 5, 12, interpolation="bicubic", data_format="channels_first"),
        (3, 8, 9),
    ),
    _image_case("open sizes", partial(layers.Resizing, 6, 5), (None, None, 3)),
    _image_case("bicubic of open sizes", partial(layers.Resizing, 6, 5, interpolation="bicubic"), (None, None, 3)),
    _image_case("area of open sizes", partial(layers.Resizing, 6, 5, interpolation="area"), (None, None, 3)),
    # to sizes at which no rounding error decides which way a byte is rounded
    _image_case("bytes", partial(layers.Resizing, 4, 3, dtype="uint8"), dtype="uint8"),
]  # fmt: skip

CASES: dict[str, list[Case]] = {
    **{name: _identities(name, **settings) for name, settings in _RANDOM.items()},
    "AutoContrast": [
        _image_case("plain", layers.AutoContrast),
        _image_case("unit range", partial(layers.AutoContrast, value_range=(0, 1)), top=1.0),
    ],
    "CenterCrop": [
        _image_case("inside", partial(layers.CenterCrop, 5, 4)),
        _image_case("larger than the image", partial(layers.CenterCrop, 12, 7)),
        _image_case("channels first", partial(layers.CenterCrop, 4, 6, data_format="channels_first"), (3, 8, 9)),
    ],
    "ContrastLimitedAdaptiveHistogramEqualization": [
        _image_case("four tiles", partial(layers.ContrastLimitedAdaptiveHistogramEqualization, tile_grid_size=(2, 2))),
        _image_case(
            "unit range",
            partial(layers.ContrastLimitedAdaptiveHistogramEqualization, value_range=(0, 1), tile_grid_size=(2, 3)),
            (8, 12, 1),
            top=1.0,
        ),
    ],
    "Equalization": [
        Case("plain", partial(_called, layers.Equalization), lambda: {"inputs": _picture(3, 8, 9, 3)}),
        Case(
            "few bins",
            partial(_called, partial(layers.Equalization, bins=32)),
            lambda: {"inputs": _picture(3, 8, 9, 3)},
        ),
    ],
    "MaxNumBoundingBoxes": [
        Case("more than there are", _boxes, _box_samples),
        _image_case("images alone", partial(layers.MaxNumBoundingBoxes, 4)),
    ],
    "RandomCrop": [
        _image_case("inside", partial(layers.RandomCrop, 5, 4)),
        _image_case("larger than the image", partial(layers.RandomCrop, 12, 7)),
    ],
    "Rescaling": [
        _image_case("to the unit range", partial(layers.Rescaling, 1 / 255)),
        _image_case("with an offset", partial(layers.Rescaling, 1 / 127.5, offset=-1.0)),
        _image_case("bytes, by channel", partial(layers.Rescaling, [0.1, 0.2, 0.3], [1.0, 2.0, 3.0]), dtype="uint8"),
    ],
    "Resizing": _RESIZED,
    "Solarization": [
        _image_case("plain", layers.Solarization),
        _image_case("with factors", partial(layers.Solarization, addition_factor=0.3, threshold_factor=0.4)),
    ],
}
