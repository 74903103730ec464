"""Every model of keras.applications, at its smallest legal input, with weights that keep its outputs alive."""

import functools
import inspect
import re

import keras
import numpy as np
import tensorflow as tf

CLASSES = 7
_WIDER = 11
"""Images are that much wider than high, and of odd width: height and width cannot be taken for each other."""

RTOL, ATOL = 1e-4, 1e-5
"""A tenth of the default tolerance: a hundred times what float32 rounds in these models, less than the loss of any bias moves."""

_ROWS = 3
_CALIBRATED_ON = 96
_AWAY = 10


def functions():
    """Return the functions of keras.applications that build a model, by name."""
    found = inspect.getmembers(keras.applications, inspect.isfunction)
    return {name: function for name, function in found if "weights" in inspect.signature(function).parameters}


def family(name):
    """Return the module that defines a model, such as "efficientnet_v2"."""
    return functions()[name].__module__.rpartition(".")[2]


def input_shape(name):
    """Return the smallest height that the model admits, a somewhat larger width, and three channels."""
    try:
        functions()[name](weights=None, input_shape=(1, 1, 3))
    except ValueError as error:
        size = int(re.search(r"at least (\d+)x", str(error))[1])
    return size, size + _WIDER, 3


def images(name, rows=_ROWS, seed=0):
    """Return pictures of random colours, from 0 to 255 as the models with preprocessing inside expect.

    They are coarse patterns under noise: the features of pure noise hardly differ from picture to picture.
    """
    height, width, channels = input_shape(name)
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (rows, -(-height // 16), -(-width // 16), channels))
    pattern = coarse.repeat(16, axis=1).repeat(16, axis=2)[:, :height, :width]
    noise = rng.uniform(0, 255, (rows, height, width, channels))
    return (0.8 * pattern + 0.2 * noise).astype(np.float32)


def built(name):
    """Build a model whose outputs depend on its inputs and on all its weights, but not on how its sums are rounded.

    It lacks its top activation. What starts as a constant (scales, of 1e-6 in ConvNeXt, offsets, biases) is random, and its
    statistics match its weights, without which the signal of a deep network vanishes.
    """
    keras.utils.set_random_seed(0)
    model = functions()[name](weights=None, input_shape=input_shape(name), classes=CLASSES, classifier_activation=None)
    batch, rng = images(name, _CALIBRATED_ON, seed=2), np.random.default_rng(1)
    for variable in model.variables:
        kind = "gamma" if variable.name.startswith("variable") else variable.name  # LayerScale's scale has no name
        if kind in _DRAWN:
            variable.assign(_DRAWN[kind](rng, variable.shape))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            layer.adapt(batch / 255)
    for variable in model.trainable_variables:
        if variable.name == "kernel":
            _give_gain(variable)
    _calibrate(model, batch, rng)
    _keep_from_zero(model, batch)
    return model


_DRAWN = {
    "gamma": lambda rng, shape: rng.uniform(0.5, 1.5, shape),
    "beta": lambda rng, shape: rng.normal(1, 0.1, shape),
    "bias": lambda rng, shape: rng.normal(0, 0.5, shape),
}
"""Offsets are around one. Around zero, activations that are curved there (swish, squeeze and excite) make strong signals stronger
and weak ones weaker: after some hundred layers one image in a hundred is 50 times the others, and its rounding errors too."""


def _give_gain(kernel):
    """Scale a kernel as rectifiers need it: initializers that count outputs or groups make it many times too large or small."""
    depthwise = kernel.shape[-1] == 1
    fan_in = np.prod(kernel.shape[:2] if depthwise else kernel.shape[:-1])
    kernel.assign(kernel * (2 / fan_in) ** 0.5 / np.std(kernel))


def _keep_from_zero(model, batch):
    """Move the outputs so far from zero that their relative error is bounded, and no farther: images should differ by a tenth."""
    head = next(layer for layer in reversed(model.layers) if getattr(layer, "bias", None) is not None)
    outputs = np.asarray(model(batch, training=False), np.float64)
    head.bias.assign_add(_AWAY * outputs.std(axis=0) - outputs.mean(axis=0))


def _calibrate(model, batch, rng):
    """Give each BatchNormalization the statistics of what reaches it, moved at random, one after the other."""
    found = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in found:
        object.__setattr__(layer, "call", functools.partial(_measuring, layer, layer.call, rng))
    model(batch, training=False)
    for layer in found:
        object.__delattr__(layer, "call")


def _measuring(layer, call, rng, x, *rest, **settings):
    values = np.asarray(x, np.float64).reshape(-1, x.shape[-1])
    mean, variance = values.mean(axis=0), values.var(axis=0)
    layer.moving_mean.assign(mean + 0.1 * np.sqrt(variance) * rng.normal(size=mean.shape))
    layer.moving_variance.assign(variance * rng.uniform(0.8, 1.25, mean.shape) + 1e-6)
    return call(x, *rest, **settings)


def power(outputs):
    """Return how many tolerances lie between the outputs for different images: the median over all outputs and pairs of rows."""
    pairs = [(a, b) for at, a in enumerate(outputs) for b in outputs[at + 1 :]]
    return float(np.median([np.abs(a - b) / (ATOL + RTOL * np.abs(a)) for a, b in pairs]))


def least_felt(model, image):
    """Return the path of the variable that moves the outputs for an image least, and by how many tolerances it does.

    To first order, when each of its numbers moves by as much as itself in a random direction; the outputs move in random
    directions too, so that one backward pass tells it of all variables.
    """
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.Normalization)]  # holds constants
    variables = [v for layer in layers for v in layer.variables if keras.backend.is_float_dtype(v.dtype)]
    with tf.GradientTape() as tape:
        tape.watch([variable.value for variable in variables])
        outputs = model(image, training=False)[0]
        signs = np.random.default_rng(3).choice([-1, 1], CLASSES) / CLASSES**0.5
        moved = tf.reduce_sum(signs * outputs / (ATOL + RTOL * np.abs(outputs)))
    gradients = tape.gradient(moved, [variable.value for variable in variables])
    felt = {
        v.path: float(np.linalg.norm(np.asarray(g) * np.asarray(v))) for v, g in zip(variables, gradients, strict=True)
    }
    return min(felt.items(), key=lambda item: item[1])
