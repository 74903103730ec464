"""Right but delicate Keras models: masks, constant rows, thresholds, layers that do nothing in inference.

Every source is the model itself, called with training=False, and every graph the plugin's export of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from delicate_case import Delicate
from keras import layers, ops

OWN = "the plugin's export of the model; "


def case(
    name: str,
    kind: str,
    why: str,
    function: Callable[[Any], Any],
    shape: Any = (6,),
    dtype: str = "float32",
    inputs: tuple[str, ...] = (),
) -> Delicate:
    """A functional model of one input `x`."""

    def make() -> keras.Model:
        keras.utils.set_random_seed(7)
        x = keras.Input(shape, name="x", dtype=dtype)
        return keras.Model(x, function(x))

    return Delicate(name, kind, make, OWN + why, "keras", inputs=inputs)


def chain(*parts: Callable[[], Any]) -> Callable[[Any], Any]:
    """Layers made anew for each model, one after the other."""

    def function(x: Any) -> Any:
        for part in parts:
            x = part()(x)
        return x

    return function


def attention(x: Any) -> Any:
    """Self-attention in which a step whose first feature is negative is masked; perhaps all of them are."""
    seen = ops.greater(x[..., 0], 0.0)
    return layers.MultiHeadAttention(2, 4, name="y")(x, x, attention_mask=seen[:, None, :])


def softmax_with_mask(x: Any) -> Any:
    return layers.Softmax(name="y")(x, mask=ops.greater(x, 0.0))


def masked_sequence(x: Any) -> Any:
    return layers.LSTM(4, name="y")(layers.Masking(0.0)(x))


def embedded(x: Any) -> Any:
    return layers.GRU(4, name="y")(layers.Embedding(11, 5, mask_zero=True)(x))


def standardised(x: Any) -> Any:
    return layers.Normalization(mean=[1.0] * 6, variance=[0.0, 1e-12, 1.0, 4.0, 1e6, 1e12], name="y")(x)


def scored(x: Any) -> Any:
    probabilities = layers.Dense(5, activation="sigmoid")(x)
    return {"p": probabilities, "label": ops.argmax(probabilities, axis=-1)}


def extremes(x: Any) -> Any:
    names = (
        "gelu",
        "softplus",
        "mish",
        "silu",
        "selu",
        "elu",
        "hard_silu",
        "log_sigmoid",
        "celu",
        "squareplus",
        "relu6",
        "tanh_shrink",
    )
    return {name: layers.Activation(name)(x) for name in names}


def undefined(x: Any) -> Any:
    return {
        "log": ops.log(x),
        "root": ops.sqrt(x),
        "arc": ops.arcsin(x),
        "power": ops.power(x, 0.5),
        "inverse": 1.0 / x,
    }


def reduced(x: Any) -> Any:
    return {
        "deviation": ops.std(x, axis=-1),
        "variance": ops.var(x, axis=-1),
        "log_sum": ops.logsumexp(x, axis=-1),
        "norm": ops.norm(x, axis=-1),
    }


def unit(x: Any) -> Any:
    return layers.UnitNormalization(name="y")(x)


def ordered(x: Any) -> Any:
    values, indices = ops.top_k(ops.round(x), 3)
    return {"values": values, "indices": indices, "sorted": ops.sort(x, axis=-1)}


LIMIT = "beyond the range of exp every activation is at its limit"
FLAT = "a constant row has zero deviation up to rounding, which epsilon divides"
IDLE = "the layer passes its input on in inference"
CASES = [
    case(
        "a cnn with pooling over all pixels",
        "degenerate",
        FLAT,
        chain(
            lambda: layers.Conv2D(4, 3, padding="same"),
            layers.BatchNormalization,
            layers.ReLU,
            lambda: layers.MaxPooling2D(2),
            lambda: layers.SeparableConv2D(4, 3, padding="same"),
            layers.GlobalAveragePooling2D,
            lambda: layers.Dense(3, activation="softmax"),
        ),
        (8, 8, 3),
    ),
    case(
        "an lstm whose steps are masked",
        "refusals",
        "masked steps pass the state on, also where all are masked",
        masked_sequence,
        (5, 3),
    ),
    case("a gru over ids with a mask", "refusals", "id 0 passes the state on", embedded, (6,), "int32"),
    case(
        "a long lstm",
        "recurrences",
        "the same recurrence in another order of sums",
        chain(lambda: layers.LSTM(6)),
        (40, 3),
    ),
    case("normalization with variances of zero", "degenerate", "a deviation is never taken below 1e-7", standardised),
    case("layer normalization", "degenerate", FLAT, chain(layers.LayerNormalization), (7,)),
    case("group normalization", "degenerate", FLAT, chain(lambda: layers.GroupNormalization(2)), (5, 5, 4)),
    case("root mean square normalization", "degenerate", FLAT, chain(layers.RMSNormalization), (7,)),
    case("rows of zeros brought to unit length", "degenerate", "a norm is never taken below 1e-12", unit),
    case(
        "attention whose steps may all be masked",
        "specials",
        "with every score lowered alike the softmax is uniform",
        attention,
        (5, 8),
    ),
    case(
        "a softmax with a mask", "specials", "with every score lowered alike the softmax is uniform", softmax_with_mask
    ),
    case(
        "numbers sorted into bins",
        "thresholds",
        "an edge belongs to the upper bin",
        chain(lambda: layers.Discretization(bin_boundaries=[-1.0, 0.0, 0.5, 2.5])),
    ),
    case("activations at the extremes", "specials", LIMIT, extremes),
    case(
        "functions outside their domains", "specials", "IEEE 754 gives the same special value on both sides", undefined
    ),
    case("deviations and norms of constant rows", "sums", "float32 sums in another order", reduced, (50,)),
    case(
        "a label from saturated sigmoids",
        "ties",
        "beyond 17 every float32 sigmoid is 1 up to one rounding: the labels' scores are tied",
        scored,
    ),
    case("topk and sort of rounded scores", "ties", "of equal values the first is taken on both sides", ordered),
    case(
        "dropout and noise in inference",
        "shapes",
        IDLE,
        chain(lambda: layers.Dropout(0.5), lambda: layers.GaussianNoise(1.0), lambda: layers.SpatialDropout1D(0.5)),
        (4, 3),
    ),
    case(
        "random images in inference",
        "shapes",
        IDLE,
        chain(
            lambda: layers.RandomFlip(),
            lambda: layers.RandomRotation(0.2),
            lambda: layers.RandomZoom(0.2),
            lambda: layers.RandomContrast(0.2),
        ),
        (8, 8, 3),
    ),
    case(
        "resized and rescaled images",
        "magnitudes",
        "the same interpolation",
        chain(lambda: layers.Resizing(5, 7), lambda: layers.Rescaling(1 / 255)),
        (8, 8, 3),
    ),
    case(
        "a convolution in float16",
        "precisions",
        "each layer is rounded to float16, or spared the rounding",
        chain(lambda: layers.Conv2D(3, 3, dtype="float16"), lambda: layers.Dense(2, dtype="float16")),
        (6, 6, 2),
        "float16",
    ),
    case(
        "a float64 model",
        "precisions",
        "rounding errors of 1e-16",
        chain(lambda: layers.Dense(16, activation="tanh", dtype="float64"), lambda: layers.Dense(3, dtype="float64")),
        (6,),
        "float64",
    ),
    case(
        "an embedding of all its ids",
        "refusals",
        "ids outside the table are no input of the model",
        chain(lambda: layers.Embedding(11, 4)),
        (5,),
        "int32",
    ),
    case("integers that wrap", "integers", "int32 wraps on both sides", lambda x: x * x + 3 * x, (4,), "int32"),
    case(
        "words and numbers for them",
        "kinds",
        "unknown words have the number 0",
        chain(lambda: layers.StringLookup(vocabulary=["red", "grün", "a b"])),
        (2,),
        "string",
    ),
]
