"""The steps that random Keras models are made of: for a rank, functions that draw a layer or an operation.

A step takes a random generator and a shape without the batch (None for an open size) and returns a callable for tensors, or
None where it does not fit. Discontinuous functions of floats are left out: rounding decides them. No step adds one number for
each row to something wider: Keras takes it for a bias, and adds it along another axis, where the batch is as large as that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from keras_random_registry import Rng, Shape, pick, static, step, width

# --- of any rank -------------------------------------------------------------------------------------------------------

ACTIVATIONS = (
    "celu", "elu", "exponential", "gelu", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "linear",
    "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus",
    "softsign", "sparse_plus", "sparsemax", "squareplus", "tanh", "tanh_shrink",
)  # fmt: skip


@step(1, 2, 3, 4, keeps=True)
def activation(rng: Rng, shape: Shape) -> Any:
    return layers.Activation(pick(rng, *ACTIVATIONS))


@step(1, 2, 3, 4, keeps=True)
def activation_layer(rng: Rng, shape: Shape) -> Any:
    rank = len(shape)
    return pick(
        rng,
        lambda: layers.ELU(alpha=0.7),
        lambda: layers.LeakyReLU(negative_slope=0.2),
        lambda: layers.PReLU("uniform", shared_axes=list(range(1, rank)) or None),
        lambda: layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.2),
        lambda: layers.Softmax(),
    )()


@step(1, 2, 3, 4, keeps=True)
def normalization(rng: Rng, shape: Shape) -> Any:
    groups = pick(rng, *(size for size in (1, 2, 3, -1) if size < 0 or shape[-1] % size == 0))
    return pick(
        rng,
        lambda: layers.BatchNormalization(epsilon=pick(rng, 1e-3, 1e-5), scale=bool(rng.random() < 0.8)),
        lambda: layers.LayerNormalization(),
        lambda: layers.RMSNormalization(),
        lambda: layers.GroupNormalization(groups=groups) if len(shape) > 1 else layers.BatchNormalization(),
        lambda: layers.UnitNormalization(),
    )()


@step(1, 2, 3, 4, keeps=True)
def only_in_training(rng: Rng, shape: Shape) -> Any:
    return pick(
        rng,
        lambda: layers.Dropout(0.4),
        lambda: layers.GaussianNoise(0.3),
        lambda: layers.GaussianDropout(0.3),
        lambda: layers.AlphaDropout(0.3),
        lambda: layers.ActivityRegularization(0.01),
        lambda: layers.Identity(),
    )()


@step(1, 2, 3, 4, keeps=True)
def dense(rng: Rng, shape: Shape) -> Any:
    units, act = width(rng), pick(rng, None, "relu", "tanh", "gelu", "softplus")
    if rng.random() < 0.7:
        return layers.Dense(units, activation=act, use_bias=bool(rng.random() < 0.8))
    return layers.EinsumDense("...x,xy->...y", units, activation=act)


@step(1, 2, 3, 4, keeps=True)
def arithmetic(rng: Rng, shape: Shape) -> Any:
    a, b = float(rng.uniform(0.5, 2)), float(rng.uniform(-1, 1))
    return pick(
        rng,
        lambda x: x * a + b,
        lambda x: b - x / a,
        lambda x: a / (1.0 + x * x),
        lambda x: ops.abs(x - b) ** 1.5,
        lambda x: ops.sqrt(ops.square(x) + a) - b,
        lambda x: ops.exp(-ops.abs(x)) + x,
        lambda x: ops.sin(a * x) + ops.cos(x),
        lambda x: ops.log1p(ops.abs(x)) * a,
        lambda x: ops.where(x > b, x, a * (x - b) + b),
        lambda x: ops.clip(x, -a, a),
        lambda x: ops.maximum(x, b) - ops.minimum(x, a),
        lambda x: ops.logaddexp(x, b * x),
        lambda x: ops.erf(x) + ops.arctan(x),
        lambda x: ops.rsqrt(ops.softplus(x) + 0.5),
        lambda x: ops.cast(ops.cast(x, "float64") * b, "float32") + x,
        lambda x: ops.negative(x) + ops.tanh(x),
        lambda x: ops.nn.relu6(x + 3.0) * x / 6.0,
        lambda x: ops.expm1(ops.tanh(x)) + ops.reciprocal(2.0 + ops.sigmoid(x)),
    )


@step(1, 2, 3, 4, keeps=True)
def along_features(rng: Rng, shape: Shape) -> Any:
    half, whole = (shape[-1] + 1) // 2, shape[-1]
    return pick(
        rng,
        lambda x: x - ops.mean(x, axis=-1, keepdims=True),
        lambda x: x / (ops.std(x, axis=-1, keepdims=True) + 0.5),
        lambda x: x - 0.5 * ops.logsumexp(x, axis=-1, keepdims=True),
        lambda x: ops.softmax(x) * x,
        lambda x: ops.cumsum(x, axis=-1) * 0.5,
        lambda x: ops.sort(x, axis=-1),
        lambda x: ops.flip(x, axis=-1),
        lambda x: ops.roll(x, 1, axis=-1),
        lambda x: ops.top_k(x, half)[0],
        lambda x: ops.max(x, axis=-1, keepdims=True) - x,
        lambda x: x[..., ::-1] - x[..., :1],
        lambda x: ops.concatenate([x[..., half:], x[..., :half]], axis=-1),
        lambda x: ops.take(x, np.arange(whole)[::-1] % half, axis=-1),
        lambda x: ops.pad(x, [(0, 0)] * len(shape) + [(1, 1)], mode="reflect" if whole > 1 else "constant"),
        lambda x: ops.repeat(x, 2, axis=-1),
        lambda x: ops.normalize(x, axis=-1),
    )


@step(1, 2, 3, 4, keeps=True)
def split_and_joined(rng: Rng, shape: Shape) -> Any:
    if shape[-1] % 2:
        return None
    return pick(
        rng,
        lambda x: _joined(ops.multiply, *ops.split(x, 2, axis=-1)),
        lambda x: ops.glu(x, axis=-1),
        lambda x: _joined(lambda a, b: a * ops.sigmoid(b), *ops.split(x, 2, axis=-1)),
        lambda x: ops.mean(ops.stack(ops.split(x, 2, axis=-1), axis=1), axis=1),
        lambda x: _joined(lambda a, b: ops.concatenate([b, -a], axis=-1), *ops.split(x, 2, axis=-1)),
    )


def _joined(function: Callable[..., Any], *tensors: Any) -> Any:
    return function(*tensors)


# --- from one rank to another ------------------------------------------------------------------------------------------


@step(2, 3, 4, open=False)
def flatten(rng: Rng, shape: Shape) -> Any:
    return layers.Flatten() if np.prod(shape) <= 200 else None


@step(2, 3, 4)
def pooled_away(rng: Rng, shape: Shape) -> Any:
    kind = pick(rng, "Average", "Max")
    if rng.random() < 0.3:
        axes = tuple(range(1, len(shape)))
        return pick(rng, lambda x: ops.mean(x, axis=axes), lambda x: ops.max(x, axis=axes[-1]))
    return getattr(layers, f"Global{kind}Pooling{len(shape) - 1}D")(keepdims=bool(rng.random() < 0.3))


@step(1, 2, 3, 4, open=False)
def reshape(rng: Rng, shape: Shape) -> Any:
    size = int(np.prod(shape))
    first = [n for n in (2, 3, 4, 5, 6) if size % n == 0 and size // n > 1]
    if not first or size > 600:
        return None
    rows = pick(rng, *first)
    more = [n for n in (2, 3, 4) if (size // rows) % n == 0]
    if more and rng.random() < 0.5:
        return layers.Reshape((rows, pick(rng, *more), -1))
    return layers.Reshape((rows, -1))


@step(1)
def repeat_vector(rng: Rng, shape: Shape) -> Any:
    return layers.RepeatVector(int(rng.integers(2, 6)))


@step(1)
def outer(rng: Rng, shape: Shape) -> Any:
    return pick(
        rng,
        lambda x: ops.expand_dims(x, -1) * ops.expand_dims(x, 1),
        lambda x: ops.einsum("bi,bj->bij", x, ops.tanh(x)),
        lambda x: ops.tile(ops.expand_dims(x, 1), (1, 3, 1)),
    )


@step(2, 3, 4, open=False)
def permute(rng: Rng, shape: Shape) -> Any:
    order = tuple(int(axis) for axis in rng.permutation(len(shape)) + 1)
    return pick(rng, lambda: layers.Permute(order), lambda: lambda x: ops.transpose(x, (0, *order)))()


@step(2, 3, 4)
def one_of_them(rng: Rng, shape: Shape) -> Any:
    index = 0 if shape[0] is None else int(rng.integers(-shape[0], shape[0]))
    return lambda x: x[:, index]


@step(2, 3, 4, open=False)
def sliced(rng: Rng, shape: Shape) -> Any:
    return pick(rng, lambda x: x[:, ::-2], lambda x: x[:, 1:], lambda x: x[:, :, :-1]) if min(shape) > 1 else None


@step(2)
def gram(rng: Rng, shape: Shape) -> Any:
    return pick(
        rng,
        lambda x: ops.matmul(ops.softmax(ops.matmul(x, ops.swapaxes(x, 1, 2))), x),
        lambda x: ops.einsum("bti,btj->bij", x, ops.tanh(x)),
        lambda x: layers.Dot(axes=1, normalize=True)([x, x]),
    )


# --- sequences, images, volumes ----------------------------------------------------------------------------------------


@step(2, 3, 4)
def convolution(rng: Rng, shape: Shape) -> Any:
    rank, channels, filters = len(shape) - 1, shape[-1], width(rng)
    # closed, so that an open size never falls to zero
    padding = pick(rng, "same", "valid") if static(shape) and min(shape[:-1]) > 2 else "same"
    strides, dilation = pick(rng, (1, 1), (2, 1), (1, 2)) if padding == "same" else (pick(rng, 1, 2), 1)
    size = int(rng.integers(1, 4))
    common = {"padding": padding, "use_bias": bool(rng.random() < 0.8), "activation": pick(rng, None, "relu", "swish")}
    dilated = {**common, "dilation_rate": dilation, "strides": strides}
    made: list[Callable[[], Any]] = [lambda: getattr(layers, f"Conv{rank}D")(filters, size, **dilated)]
    if rank < 3:
        made += [
            lambda: getattr(layers, f"Conv{rank}D")(2 * channels, size, groups=channels, **dilated),
            lambda: getattr(layers, f"DepthwiseConv{rank}D")(size, depth_multiplier=pick(rng, 1, 2), **dilated),
            lambda: getattr(layers, f"SeparableConv{rank}D")(filters, size, **dilated),
        ]
    if rank == 1:
        made.append(lambda: layers.Conv1D(filters, 3, dilation_rate=2, **{**common, "padding": "causal"}))
    made.append(lambda: getattr(layers, f"Conv{rank}DTranspose")(filters, size, strides=pick(rng, 1, 2), **common))
    return pick(rng, *made)()


@step(2, 3, 4)
def pooling(rng: Rng, shape: Shape) -> Any:
    rank, kind = len(shape) - 1, pick(rng, "Max", "Average")
    valid = static(shape) and min(shape[:-1]) >= 3
    if valid and rng.random() < 0.2:
        size = int(rng.integers(1, min(shape[:-1])))
        if size > 1:  # else a window is longer than the axis, and TensorFlow dies of it (SIGFPE)
            return getattr(layers, f"Adaptive{kind}Pooling{rank}D")(size)
    padding = pick(rng, "same", "valid") if valid else "same"
    return getattr(layers, f"{kind}Pooling{rank}D")(pick(rng, 2, 3), strides=pick(rng, 1, 2), padding=padding)


@step(2, 3, 4)
def resampled(rng: Rng, shape: Shape) -> Any:
    rank = len(shape) - 1
    made: list[Callable[[], Any]] = [
        lambda: getattr(layers, f"UpSampling{rank}D")(2),
        lambda: getattr(layers, f"ZeroPadding{rank}D")(((1, 2),) * rank if rank > 1 else (1, 2)),
    ]
    if static(shape) and min(shape[:-1]) > 2:
        made.append(lambda: getattr(layers, f"Cropping{rank}D")(((1, 0),) * rank if rank > 1 else (0, 1)))
    if rank == 2:
        made.append(lambda: layers.UpSampling2D((2, 1), interpolation="bilinear"))
        if static(shape):
            target = (int(rng.integers(3, 9)), int(rng.integers(3, 9)))
            method = pick(rng, "bilinear", "nearest")
            made.append(lambda: layers.Resizing(*target, interpolation=method))
            made.append(lambda: lambda x: ops.image.resize(x, target, interpolation=method))
            made.append(lambda: layers.CenterCrop(min(3, shape[0]), min(4, shape[1])))
    return pick(rng, *made)()


@step(2, keeps=True)
def recurrent(rng: Rng, shape: Shape) -> Any:
    if rng.random() < 0.3:
        merged = pick(rng, "concat", "sum", "mul", "ave")
        return layers.Bidirectional(_recurrent(rng, True, forwards=True), merge_mode=merged)
    return _recurrent(rng, True)


@step(2)
def recurrent_to_its_end(rng: Rng, shape: Shape) -> Any:
    if rng.random() < 0.3:
        return layers.Bidirectional(_recurrent(rng, False, forwards=True))
    if rng.random() < 0.2:
        cells = [layers.GRUCell(3), layers.LSTMCell(4), layers.SimpleRNNCell(3)]
        return layers.RNN(cells[: int(rng.integers(1, 4))])
    return _recurrent(rng, False)


def _recurrent(rng: Rng, sequences: bool, forwards: bool = False) -> Any:
    units = int(rng.integers(2, 6))
    common = {
        "return_sequences": sequences,
        "go_backwards": bool(rng.random() < 0.3) and not forwards,
        "use_bias": bool(rng.random() < 0.8),
    }
    return pick(
        rng,
        lambda: layers.LSTM(units, activation=pick(rng, "tanh", "softsign"), **common),
        lambda: layers.GRU(units, reset_after=bool(rng.random() < 0.5), **common),
        lambda: layers.SimpleRNN(units, **common),
    )()


@step(2, keeps=True)
def self_attention(rng: Rng, shape: Shape) -> Any:
    heads, size, causal = pick(rng, 1, 2), int(rng.integers(2, 5)), bool(rng.random() < 0.4)
    made = pick(
        rng,
        lambda: layers.MultiHeadAttention(heads, size),
        lambda: layers.GroupQueryAttention(size, 2 * heads, heads),
        lambda: layers.Attention(use_scale=True),
        lambda: layers.Attention(score_mode="concat"),
        lambda: layers.AdditiveAttention(),
    )()
    if isinstance(made, layers.Attention):  # and AdditiveAttention, its subclass
        return lambda x: made([x, x], use_causal_mask=causal)
    return lambda x: made(x, x, use_causal_mask=causal)


@step(3, 4)
def per_time_step(rng: Rng, shape: Shape) -> Any:
    if not static(shape[1:]):
        return None
    if len(shape) == 3:
        return layers.TimeDistributed(pick(rng, lambda: layers.Conv1D(3, 2, padding="same"), lambda: layers.GRU(3))())
    return layers.TimeDistributed(
        pick(rng, lambda: layers.Conv2D(3, 2, padding="same"), lambda: layers.GlobalAveragePooling2D())()
    )


@step(3, 4, open=False)
def convolutional_lstm(rng: Rng, shape: Shape) -> Any:
    rank = len(shape) - 2
    return getattr(layers, f"ConvLSTM{rank}D")(
        3, 2, padding="same", return_sequences=bool(rng.random() < 0.4), go_backwards=bool(rng.random() < 0.3)
    )


@step(3)
def gated_channels(rng: Rng, shape: Shape) -> Any:
    squeeze, excite = layers.Dense(3, "relu"), layers.Dense(shape[-1], "sigmoid")
    pool = layers.GlobalAveragePooling2D(keepdims=True)
    return lambda x: layers.Multiply()([x, excite(squeeze(pool(x)))])


@step(3, open=False)
def space_to_depth(rng: Rng, shape: Shape) -> Any:
    rows, columns, channels = shape
    if rows % 2 or columns % 2:
        return None

    def moved(x: Any) -> Any:
        x = ops.reshape(x, (-1, rows // 2, 2, columns // 2, 2, channels))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, rows // 2, columns // 2, 4 * channels))

    return moved


@step(1, 2, 3, keeps=True)
def nested(rng: Rng, shape: Shape) -> Any:
    x = keras.Input(shape)
    hidden = layers.Dense(4, pick(rng, "relu", "tanh"))(layers.LayerNormalization()(x))
    return keras.Model(x, layers.Add()([layers.Dense(shape[-1])(hidden), x]))
