"""Keras's layers for numbers, categories and sound."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers
from keras_case import Case


def _model(make: Any, shape: tuple[int | None, ...], dtype: str) -> Any:
    values = keras.Input(shape, dtype=dtype, name="values")
    return keras.Model(values, make()(values))


def _case(label: str, make: Any, samples: Any, shape: tuple[int | None, ...] | None = None) -> Case:
    array = np.asarray(samples)
    return Case(label, partial(_model, make, shape or array.shape[1:], array.dtype.name), lambda: {"values": array})


def _floats(*shape: int) -> np.ndarray[Any, Any]:
    return (np.random.default_rng(5).normal(size=shape) * 3 + 1).astype("float32")


def _adapted(data: Any, **settings: Any) -> Any:
    layer = layers.Normalization(**settings)
    layer.adapt(data)
    return layer


def _binned() -> Any:
    layer = layers.Discretization(num_bins=4)
    layer.adapt(_floats(200, 3))
    return layer


# at the bounds, between them and beyond them
_GRADES = np.array([[-3.0, 0.0, 0.5], [1.0, 2.5, 9.0], [0.999999, 2.0, -0.0], [0.1, 1e30, -1e30]], "float32")
_BOUNDS = [0.0, 1.0, 2.5]
_TOKENS = np.array([[0, 1, 3], [2, 2, 0], [1, 3, 3]], "int64")
_SOUND = np.sin(np.arange(2 * 900).reshape(2, 900) * np.array([[0.3], [0.05]])).astype("float32") + 0.1 * _floats(
    2, 900
)


def _weighted() -> Any:
    tokens, weights = keras.Input((3,), dtype="int64", name="tokens"), keras.Input((3,), name="weights")
    return keras.Model(
        [tokens, weights], layers.CategoryEncoding(4, output_mode="count")(tokens, count_weights=weights)
    )


def _mixed_pipeline() -> Any:
    return layers.Pipeline([layers.Rescaling(0.5), _adapted(_floats(50, 4))])


CASES: dict[str, list[Case]] = {
    "CategoryEncoding": [
        _case("several of them", partial(layers.CategoryEncoding, 4, output_mode="multi_hot"), _TOKENS),
        _case("one of them", partial(layers.CategoryEncoding, 4, output_mode="one_hot"), _TOKENS[:, :1]),
        _case("one of them for each", partial(layers.CategoryEncoding, 4, output_mode="one_hot"), _TOKENS),
        _case("counted", partial(layers.CategoryEncoding, 4, output_mode="count"), _TOKENS.astype("int32")),
        Case("weighted", _weighted, lambda: {"tokens": _TOKENS, "weights": _floats(3, 3)}),
        _case("of three axes", partial(layers.CategoryEncoding, 4), np.stack([_TOKENS, _TOKENS[::-1]])),
    ],
    "Discretization": [
        _case("bins", partial(layers.Discretization, _BOUNDS), _GRADES),
        _case("learned bins", _binned, _floats(7, 3)),
        _case("one hot", partial(layers.Discretization, _BOUNDS, output_mode="one_hot"), _GRADES),
        _case("several hot", partial(layers.Discretization, _BOUNDS, output_mode="multi_hot"), _GRADES),
        _case("counted", partial(layers.Discretization, _BOUNDS, output_mode="count"), _GRADES),
        _case("integers", partial(layers.Discretization, [1, 3]), _TOKENS.astype("int32")),
    ],
    "MelSpectrogram": [
        _case("decibels", partial(layers.MelSpectrogram, 256, 100, num_mel_bins=20), _SOUND),
        _case(
            "power, hamming",
            partial(
                layers.MelSpectrogram, 128, 60, 100, window="hamming", num_mel_bins=16, power_to_db=False, mag_exp=1.0
            ),
            _SOUND,
        ),
        _case("an open length", partial(layers.MelSpectrogram, 256, 128, num_mel_bins=10), _SOUND, (None,)),
    ],
    "Normalization": [
        _case("adapted", partial(_adapted, _floats(50, 4)), _floats(3, 4)),
        _case("adapted to all axes", partial(_adapted, _floats(50, 4), axis=None), _floats(3, 4)),
        _case("adapted by rows and columns", partial(_adapted, _floats(50, 2, 4), axis=(1, 2)), _floats(3, 2, 4)),
        _case("inverted", partial(_adapted, _floats(50, 4), invert=True), _floats(3, 4)),
        _case("given", partial(layers.Normalization, mean=[1.0, 2.0], variance=[4.0, 0.0]), _floats(3, 2)),
    ],
    "Pipeline": [
        _case("of two", _mixed_pipeline, _floats(3, 4)),
        _case("of one", lambda: layers.Pipeline([layers.Discretization(_BOUNDS)]), _GRADES),
    ],
    "STFTSpectrogram": [
        _case(f"{mode}", partial(layers.STFTSpectrogram, mode=mode, frame_length=32, frame_step=20), _SOUND[..., None])
        for mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
    ]
    + [
        _case(
            "two channels, padded",
            partial(layers.STFTSpectrogram, frame_length=30, fft_length=64, padding="same", expand_dims=True, window="hamming"),
            np.stack([_SOUND, _SOUND[:, ::-1]], axis=-1),
        ),
        _case(
            "an open length",
            partial(layers.STFTSpectrogram, mode="magnitude", frame_length=32, frame_step=10, periodic=True, scaling="spectrum"),
            _SOUND[..., None],
            (None, 1),
        ),
    ],
}  # fmt: skip
