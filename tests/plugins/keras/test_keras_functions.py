"""Functions that Keras and TensorFlow compute in steps and ONNX, or ONNX Runtime, has operators for."""

import collections

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from keras import layers, ops
from keras_warnings import ARRAYS

import modelport

pytestmark = ARRAYS


def kinds(model, **given):
    """Convert, prove, and count the operators."""
    conversion = modelport.convert(model, to="onnx", proof_seconds=0, **given)
    assert conversion.report.verdict == "proven"
    return collections.Counter(node.op_type for node in conversion.model.graph.node), conversion.model


def of_layer(layer, *sizes, dtype="float32"):
    x = keras.Input(sizes or (10, 16), name="x", dtype=dtype)
    return keras.Model(x, layer(x))


def drawn(layer):
    """Return a normalization with scale and shift that are not one and zero."""
    layer.build((None, 10, 16))
    for number, weight in enumerate(layer.weights):
        weight.assign(np.random.default_rng(number).uniform(0.5, 1.5, weight.shape))
    return layer


# --- layer normalization ------------------------------------------------------------------------

NORMALIZED = {
    "scale and shift": lambda: drawn(layers.LayerNormalization()),
    "scale": lambda: drawn(layers.LayerNormalization(center=False)),
    "shift": lambda: drawn(layers.LayerNormalization(scale=False)),
    "neither": lambda: layers.LayerNormalization(center=False, scale=False),
    "two axes": lambda: drawn(layers.LayerNormalization(axis=(1, 2), epsilon=0.3)),
}


@pytest.mark.parametrize("name", NORMALIZED)
def test_layer_normalization_is_one_operator(name):
    found, _ = kinds(of_layer(NORMALIZED[name]()), opset=18)
    assert found == {"LayerNormalization": 1}


def test_wide_scales_are_read_when_the_file_is_written():
    found, model = kinds(of_layer(layers.LayerNormalization(), 3, 5000))
    assert found == {"LayerNormalization": 1}
    assert {tuple(tensor.dims) for tensor in model.graph.initializer} == {(5000,)}


def test_what_follows_a_layer_normalization_is_left():
    x = keras.Input((10, 16), name="x")
    y = keras.Input((10, 16), name="y")
    found, _ = kinds(keras.Model([x, y], 3.0 * (drawn(layers.LayerNormalization())(x) + y)))
    assert found == {"LayerNormalization": 1, "Add": 1, "Mul": 1}


def by_hand(x, epsilon=1e-3):
    """Write it as the paper does (Ba, Kiros and Hinton, Layer Normalization, 2016)."""
    mean = ops.mean(x, -1, keepdims=True)
    variance = ops.mean((x - mean) ** 2, -1, keepdims=True)
    scale, shift = np.linspace(0.5, 1.5, 16, dtype="float32"), np.linspace(-1, 1, 16, dtype="float32")
    return (x - mean) / ops.sqrt(variance + epsilon) * scale + shift


def test_it_is_recognised_in_other_orders():
    x = keras.Input((10, 16), name="x")
    assert kinds(keras.Model(x, by_hand(x)))[0] == {"LayerNormalization": 1}


def other_means(x):
    mean = ops.mean(x, -1, keepdims=True)
    variance = ops.mean((x - mean) ** 2, -1, keepdims=True)
    return (x - 2.0 * mean) / ops.sqrt(variance + 1e-3)


def fourth_powers(x):
    mean = ops.mean(x, -1, keepdims=True)
    return (x - mean) * ops.rsqrt(ops.mean(ops.square(ops.square(x - mean)), -1, keepdims=True) + 1e-3)


def sums(x):
    mean = ops.mean(x, -1, keepdims=True)
    return (x - mean) * ops.rsqrt(ops.sum((x - mean) ** 2, -1, keepdims=True) + 1e-3)


UNLIKE = {
    "another mean": other_means,
    "a sum": sums,
    "over the steps": lambda x: drawn(layers.LayerNormalization(axis=1))(x),
    "a fourth power": fourth_powers,
    "root mean square": lambda x: drawn(layers.RMSNormalization())(x),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_what_only_looks_like_it_stays(name):
    x = keras.Input((10, 16), name="x")
    assert "LayerNormalization" not in kinds(keras.Model(x, UNLIKE[name](x)))[0]


def test_before_opset_17_and_in_float64_it_stays_in_steps():
    assert "LayerNormalization" not in kinds(of_layer(layers.LayerNormalization()), opset=16)[0]
    double = of_layer(layers.LayerNormalization(dtype="float64"), dtype="float64")
    assert "LayerNormalization" not in kinds(double)[0]


# --- the Gaussian error linear unit -------------------------------------------------------------


def fused(model, folder):
    """Return the operators of ONNX Runtime's optimized graph."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = str(folder / "optimized.onnx"), 3
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node]


GELU = {
    "keras": lambda x: keras.activations.gelu(x, approximate=False),
    "by erf": lambda x: 0.5 * x * (1.0 + ops.erf(x / np.sqrt(2.0).astype("float32"))),
    "by a negative argument": lambda x: x * (0.5 - 0.5 * ops.erf(-0.70710678 * x)),
}


@pytest.mark.parametrize("name", GELU)
def test_onnx_runtime_knows_the_gaussian_error_linear_unit(name, tmp_path):
    x = keras.Input((10, 16), name="x")
    found, model = kinds(keras.Model(x, ops.tanh(GELU[name](ops.sin(x)))), opset=18)
    assert found == {"Sin": 1, "Div": 1, "Erf": 1, "Add": 1, "Mul": 2, "Tanh": 1}
    assert "Gelu" in fused(model, tmp_path)


def test_other_uses_of_the_error_function_stay():
    x = keras.Input((10, 16), name="x")
    found, _ = kinds(keras.Model(x, 0.5 * x * (1.0 + ops.erf(0.7 * x))))
    assert "Div" not in found


def test_scaled_by_a_constant_of_more_axes_they_stay_in_steps():
    deeper = tf.constant(np.linspace(0.5, 1.5, 16, dtype="float32")[None, None, None])

    def normalized(x):
        mean = tf.reduce_mean(x, -1, keepdims=True)
        return (x - mean) * tf.math.rsqrt(tf.reduce_mean((x - mean) ** 2, -1, keepdims=True) + 1e-3) * deeper

    def gelu(x):
        return deeper[..., :1] * x * (1.0 + tf.math.erf(x / np.sqrt(2.0).astype("float32")))

    for function in (normalized, gelu):
        called = tf.function(function, input_signature=[tf.TensorSpec([None, 10, 16], name="x")])
        found, model = kinds(called)
        assert len(model.graph.output[0].type.tensor_type.shape.dim) == 4
        assert "LayerNormalization" not in found


# --- the sign of zero ---------------------------------------------------------------------------

EXTREMES = {
    "argmax": lambda x: ops.argmax(x, axis=-1),
    "argmin": lambda x: ops.argmin(x, axis=1),
    "argmax of all": ops.argmax,
    "signbit": lambda x: ops.cast(ops.signbit(x), "int32"),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_keras_tells_zeros_apart(name):
    x = keras.Input((5, 7), name="x")
    _, model = kinds(keras.Model(x, EXTREMES[name](x)))
    values = np.random.default_rng(0).choice(np.array([0.0, -0.0, -1e-30, -3.0, -np.inf], "float32"), (40, 5, 7))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {"x": values})[0], np.asarray(EXTREMES[name](values)))
