"""Configurations of every layer in keras.layers that is no preprocessing, and of every function in keras.activations."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras
import keras_layers_attention
import keras_layers_recurrent
import keras_layers_spatial
import numpy as np
from keras import layers
from keras_case import Case
from keras_layers_building import case, sequences


def _saved() -> Any:
    """Return a layer that runs a SavedModel; its folder is not needed once it is loaded."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="tanh")])
    with tempfile.TemporaryDirectory() as folder:
        model.export(Path(folder) / "saved", verbose=False)
        return layers.TFSMLayer(str(Path(folder) / "saved"), call_endpoint="serve")


def _lora(layer: Any) -> Any:
    """Give a layer the low-rank addition to its kernel once it is built."""
    build = layer.build

    def with_lora(shape: Any) -> None:
        build(shape)
        layer.enable_lora(2)

    layer.build = with_lora
    return layer


def _merging(name: str, *labelled: tuple[str, tuple[tuple[int | None, ...], ...]]) -> list[Case]:
    return [case(label, getattr(layers, name), *shapes) for label, shapes in labelled]


PAIR = ("pair", ((5,), (5,)))
BROADCAST = ("broadcast", ((4, 5), (1, 5)))


def _three(layer: Any, x: Any) -> Any:
    return layer([x, keras.ops.sin(x), layers.Dense(3)(x)])


CORE: dict[str, list[Case]] = {
    "Dense": [
        case("vector", lambda: layers.Dense(3, activation="relu"), (4,)),
        case("sequence", lambda: layers.Dense(3, use_bias=False), (None, 4)),
        case("image", lambda: layers.Dense(3), (5, 6, 4)),
        case("lora", lambda: layers.Dense(3, lora_rank=2), (4,)),
    ],
    "EinsumDense": [
        case("last_axis", lambda: layers.EinsumDense("ab,bc->ac", output_shape=6, bias_axes="c"), (4,)),
        case("heads", lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"), (None, 4)),
        case("ellipsis", lambda: layers.EinsumDense("...x,xy->...y", output_shape=5, bias_axes="y"), (None, 4)),
        case("joined", lambda: layers.EinsumDense("abcd,cde->abe", (None, 6), activation="gelu"), (None, 2, 4)),
    ],
    "Embedding": [
        case("ids", lambda: layers.Embedding(11, 4), (6,), dtype="int32"),
        case("open", lambda: layers.Embedding(11, 4), (None,), dtype="int64"),
        case(
            "masked_mean",
            lambda: layers.Embedding(5, 4, mask_zero=True),
            (None,),
            dtype="int32",
            call=lambda layer, x: layers.GlobalAveragePooling1D()(layer(x)),
            samples=lambda: {"x0": np.array([[1, 2, 3, 4], [4, 0, 0, 0], [2, 3, 0, 0]], "int32")},
        ),
        case("floats", lambda: layers.Embedding(2, 4), (3,), samples=lambda: {"x0": np.eye(3, dtype="float32")}),
    ],
    "ReversibleEmbedding": [
        case("forwards", lambda: layers.ReversibleEmbedding(11, 4), (6,), dtype="int32"),
        case(
            "reverse",
            lambda: layers.ReversibleEmbedding(11, 4, logit_soft_cap=3.0),
            (6, 4),
            call=lambda layer, x: layer(x, reverse=True),
        ),
        case(
            "both",
            lambda: layers.ReversibleEmbedding(11, 4, tie_weights=False),
            (None,),
            dtype="int32",
            call=lambda layer, x: layer(layer(x), reverse=True),
        ),
    ],
    "Identity": [case("floats", layers.Identity, (4,)), case("integers", layers.Identity, (None,), dtype="int32")],
    "InputLayer": [
        Case("floats", lambda: _echo(layers.InputLayer((4,)))),
        Case("fixed_batch", lambda: _echo(layers.InputLayer(batch_shape=(2, 4), dtype="int64"))),
    ],
    "Lambda": [
        case("square", lambda: layers.Lambda(lambda x: x**2 + 1), (4,)),
        case("two", lambda: layers.Lambda(lambda pair: keras.ops.maximum(*pair)), (5, 4), (5, 4)),
    ],
    "Masking": [
        case("zeros", layers.Masking, (7, 3), samples=sequences((7, 1, 4, 0), 7, 3)),
        case(
            "pooled",
            layers.Masking,
            (None, 3),
            call=lambda layer, x: layers.GlobalAveragePooling1D()(layer(x)),
            samples=sequences((7, 1, 4), 7, 3),
        ),
        case(
            "softmax",
            lambda: layers.Masking(mask_value=0.0),
            (7, 1),
            call=lambda layer, x: layers.Softmax(axis=1)(layer(x), mask=keras.ops.not_equal(x, 0)),
            samples=sequences((7, 1, 4), 7, 1),
        ),
    ],
    "TFSMLayer": [case("dense", _saved, (4,))],
    "Activation": [
        case("name", lambda: layers.Activation("relu"), (4,)),
        case("function", lambda: layers.Activation(keras.ops.sin), (None, 4)),
    ],
    "ReLU": [
        case("plain", layers.ReLU, (4,)),
        case("bounded", lambda: layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2), (4,)),
    ],
    "LeakyReLU": [case("default", layers.LeakyReLU, (4,)), case("half", lambda: layers.LeakyReLU(0.5), (None, 4))],
    "PReLU": [
        case("default", layers.PReLU, (4,)),
        case("shared", lambda: layers.PReLU(shared_axes=[1, 2]), (6, 5, 3)),
    ],
    "ELU": [case("default", layers.ELU, (4,)), case("alpha", lambda: layers.ELU(0.3), (4,))],
    "Softmax": [
        case("default", layers.Softmax, (4,)),
        case("axes", lambda: layers.Softmax(axis=(1, 2)), (3, 4, 2)),
        case(
            "mask",
            lambda: layers.Softmax(axis=1),
            (None, 4),
            call=lambda layer, x: layer(x, mask=keras.ops.greater(x, -0.5)),
        ),
    ],
}


def _echo(layer: Any) -> Any:
    return keras.Model(layer.output, layer.output)


MERGING: dict[str, list[Case]] = {
    **{
        name: [*_merging(name, PAIR, BROADCAST), case("three_open", getattr(layers, name), (None, 3), call=_three)]
        for name in ("Add", "Average", "Maximum", "Minimum", "Multiply")
    },
    "Subtract": _merging("Subtract", PAIR, BROADCAST),
    "Concatenate": [
        case("default", layers.Concatenate, (4,), (3,)),
        case("axis", lambda: layers.Concatenate(axis=1), (None, 3), (None, 3)),
        case(
            "masked",
            lambda: layers.Concatenate(axis=1),
            (7, 3),
            call=lambda layer, x: layers.LSTM(2)(layer([layers.Masking()(x), x])),
            samples=sequences((7, 1, 4), 7, 3),
        ),
    ],
    "Dot": [
        case("vectors", lambda: layers.Dot(axes=1), (5,), (5,)),
        case("cosine", lambda: layers.Dot(axes=1, normalize=True), (5,), (5,)),
        case("matrices", lambda: layers.Dot(axes=(2, 1)), (3, 4), (4, 5)),
        case("open", lambda: layers.Dot(axes=2), (None, 4), (None, 4)),
    ],
}

RESHAPING: dict[str, list[Case]] = {
    "Flatten": [
        case("image", layers.Flatten, (3, 4, 2)),
        case("channels_first", lambda: layers.Flatten(data_format="channels_first"), (2, 3, 4)),
        case("open", layers.Flatten, (None, 3)),
        case("scalar", layers.Flatten, ()),
    ],
    "Permute": [
        case("two", lambda: layers.Permute((2, 1)), (None, 3)),
        case("three", lambda: layers.Permute((3, 1, 2)), (3, 4, 2)),
    ],
    "RepeatVector": [case("three", lambda: layers.RepeatVector(3), (4,))],
    "Reshape": [
        case("fixed", lambda: layers.Reshape((2, 6)), (3, 4)),
        case("inferred", lambda: layers.Reshape((-1, 2)), (3, 4)),
        case("open", lambda: layers.Reshape((-1, 2)), (None, 4)),
    ],
}

REGULARIZATION: dict[str, list[Case]] = {
    **{
        name: [case("vector", lambda name=name: getattr(layers, name)(0.3), (4,))]
        for name in ("AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise")
    },
    "ActivityRegularization": [case("vector", lambda: layers.ActivityRegularization(l1=0.1), (4,))],
    "SpatialDropout1D": [case("default", lambda: layers.SpatialDropout1D(0.3), (None, 4))],
    "SpatialDropout2D": [case("default", lambda: layers.SpatialDropout2D(0.3), (3, 5, 4))],
    "SpatialDropout3D": [case("default", lambda: layers.SpatialDropout3D(0.3), (3, 5, 2, 4))],
}

NORMALIZATION: dict[str, list[Case]] = {
    "BatchNormalization": [
        case("vector", layers.BatchNormalization, (4,)),
        case("image", lambda: layers.BatchNormalization(scale=False), (None, None, 4)),
        case("axis", lambda: layers.BatchNormalization(axis=1, center=False, epsilon=0.1), (3, 5, 4)),
        case("volume", layers.BatchNormalization, (3, 2, 4, 5)),
    ],
    "GroupNormalization": [
        case("groups", lambda: layers.GroupNormalization(groups=2), (5, 6, 4)),
        case("instance", lambda: layers.GroupNormalization(groups=-1), (None, None, 4)),
        case("axis", lambda: layers.GroupNormalization(groups=1, axis=1, scale=False), (4, 7)),
    ],
    "LayerNormalization": [
        case("default", layers.LayerNormalization, (None, 6)),
        case("axes", lambda: layers.LayerNormalization(axis=[1, 2], epsilon=1e-5), (4, 3, 2)),
        case("first_axis", lambda: layers.LayerNormalization(axis=1, center=False), (4, 3)),
        case("no_scale", lambda: layers.LayerNormalization(scale=False), (5, 6)),
    ],
    "RMSNormalization": [
        case("default", layers.RMSNormalization, (None, 6)),
        case("axes", lambda: layers.RMSNormalization(axis=(1, 2), epsilon=0.01), (4, 3)),
    ],
    "SpectralNormalization": [
        case("dense", lambda: layers.SpectralNormalization(layers.Dense(3)), (4,)),
        case("conv", lambda: layers.SpectralNormalization(layers.Conv2D(3, 2), power_iterations=2), (6, 5, 2)),
    ],
    "UnitNormalization": [
        case("default", layers.UnitNormalization, (None, 4)),
        case("axes", lambda: layers.UnitNormalization(axis=[1, 2]), (3, 4)),
    ],
}

CASES: dict[str, list[Case]] = {
    **CORE,
    **MERGING,
    **RESHAPING,
    **REGULARIZATION,
    **NORMALIZATION,
    **keras_layers_attention.CASES,
    **keras_layers_recurrent.CASES,
    **keras_layers_spatial.CASES,
}


def _activation(name: str, **keywords: Any) -> Case:
    function = getattr(keras.activations, name)
    label = "_".join(f"{key}_{value}" for key, value in keywords.items()) or "default"
    # at this scale the values reach the far branches; whole numbers hit the corners of piecewise functions exactly
    samples = np.concatenate([np.arange(-8, 8), np.linspace(-6, 6, 48)]).astype("float32").reshape(16, 4)
    return case(label, lambda: layers.Lambda(lambda x: function(x, **keywords)), (4,), samples=lambda: {"x0": samples})


PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "celu": [{"alpha": 0.5}],
    "elu": [{"alpha": 0.5}],
    "gelu": [{"approximate": True}],
    "glu": [{"axis": 1}],
    "hard_shrink": [{"threshold": 1.0}],
    "leaky_relu": [{"negative_slope": 0.1}],
    "log_softmax": [{"axis": 0}],
    "relu": [{"negative_slope": 0.1}, {"max_value": 3.0}, {"threshold": 1.0}],
    "soft_shrink": [{"threshold": 1.0}],
    "softmax": [{"axis": 0}],
    "sparsemax": [{"axis": 0}],
    "squareplus": [{"b": 2}],
    "threshold": [{"threshold": 1.0, "default_value": -2.0}],
}
"""Settings of activations beyond their defaults."""

REQUIRED: dict[str, dict[str, Any]] = {"threshold": {"threshold": 0.5, "default_value": 0.25}}


def activation_cases(name: str) -> list[Case]:
    """Return the configurations of a function of keras.activations: any that takes a tensor alone needs no entry here."""
    return [
        _activation(name, **REQUIRED.get(name, {})),
        *[_activation(name, **item) for item in PARAMETERS.get(name, [])],
    ]
