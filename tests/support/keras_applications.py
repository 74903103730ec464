"""Every model of keras.applications, at its smallest legal input, with weights that keep its outputs alive."""

import functools
import inspect
import re

import keras
import numpy as np

CLASSES = 7
_WIDER = 11
"""Images are that much wider than high, and of odd width: height and width cannot be taken for each other."""

_ROWS = 3
_CALIBRATED_ON = 96
_DAMPING = 0.1


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
    """Build a model whose outputs depend on its inputs: without its top activation, and with statistics to match its weights."""
    keras.utils.set_random_seed(0)
    model = functions()[name](weights=None, input_shape=input_shape(name), classes=CLASSES, classifier_activation=None)
    rng = np.random.default_rng(1)
    for variable in model.variables:  # what starts as a constant: scales (of 1e-6 in ConvNeXt), offsets, biases
        if variable.name == "gamma":
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.name in ("beta", "bias"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    if any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers):
        _calibrate(model, images(name, _CALIBRATED_ON, seed=2), rng)
    else:
        for variable in model.trainable_variables:
            if variable.name == "kernel":  # the gain of rectifiers, which the default initializer leaves out
                variable.assign(variable * 2**0.5)
    _keep_from_zero(model, images(name, _CALIBRATED_ON, seed=2))
    return model


def _keep_from_zero(model, batch):
    """Move the outputs away from zero, where the rounding of some hundred layers is larger than the absolute tolerance."""
    head = next(layer for layer in reversed(model.layers) if getattr(layer, "bias", None) is not None)
    head.bias.assign_add(np.full(CLASSES, 2 * np.abs(model(batch, training=False)).max()))


def _calibrate(model, batch, rng):
    """Give each BatchNormalization the statistics of what reaches it, moved at random, one after the other.

    With other statistics the signal of a deep network vanishes. With exactly these, whatever two images differ in is made
    larger by each layer, rounding errors too, so a part of the mean counts as variance.
    """
    found = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in found:
        object.__setattr__(layer, "call", functools.partial(_measuring, layer, layer.call, rng))
    model(batch, training=False)
    for layer in found:
        object.__delattr__(layer, "call")


def _measuring(layer, call, rng, x, *rest, **settings):
    values = np.asarray(x, np.float64).reshape(-1, x.shape[-1])
    mean, variance = values.mean(axis=0), values.var(axis=0) + _DAMPING * np.square(values).mean(axis=0)
    layer.moving_mean.assign(mean + 0.1 * np.sqrt(variance) * rng.normal(size=mean.shape))
    layer.moving_variance.assign(variance * rng.uniform(0.8, 1.25, mean.shape) + 1e-6)
    return call(x, *rest, **settings)


def power(outputs, rtol=1e-3, atol=1e-5):
    """Return how many tolerances lie between the outputs for different images: the median over all outputs and pairs of rows."""
    pairs = [(a, b) for at, a in enumerate(outputs) for b in outputs[at + 1 :]]
    return float(np.median([np.abs(a - b) / (atol + rtol * np.abs(a)) for a, b in pairs]))
