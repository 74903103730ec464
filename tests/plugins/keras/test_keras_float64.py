"""Models in float16, bfloat16, float64 and float8, and quantized ones."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras_converted import convert
from keras_warnings import ARRAYS, NOT_QUANTIZED

import modelport
from modelport import errors

pytestmark = [ARRAYS, NOT_QUANTIZED, pytest.mark.usefixtures("numbered_anew")]


def precise(policy, shape=(6, 8)):
    """Return a model of the usual kinds of layers in a precision; images where the shape has three axes."""
    x = keras.Input(shape, name="x")
    if len(shape) == 3:
        hidden = layers.Conv2D(4, 3, activation="relu", dtype=policy)(x)
        hidden = layers.BatchNormalization(moving_mean_initializer="random_normal", dtype=policy)(hidden)
        hidden = layers.DepthwiseConv2D(2, strides=2, dtype=policy)(layers.MaxPooling2D(2, dtype=policy)(hidden))
        hidden = layers.GlobalAveragePooling2D(dtype=policy)(hidden)
    else:
        hidden = layers.MultiHeadAttention(2, 4, dtype=policy)(x, x)
        hidden = layers.LayerNormalization(dtype=policy)(layers.Add(dtype=policy)([x, hidden]))
        hidden = layers.LSTM(5, dtype=policy)(layers.GRU(5, return_sequences=True, dtype=policy)(hidden))
    return keras.Model(x, layers.Dense(3, activation="softmax", dtype=policy, name="y")(hidden))


def test_outputs_with_more_digits_than_what_they_are_computed_of_are_spoken_of():
    x = keras.Input((6, 8), name="x")
    hidden = layers.LSTM(16, dtype="mixed_float16")(x)
    tolerances = {"rtol": 5e-3, "atol": 1e-3}
    for dtype, told in (("float32", True), ("mixed_float16", False)):
        model = keras.Model(x, layers.Dense(3, dtype=dtype, name="y")(hidden))
        notes = modelport.convert(model, to="onnx", **tolerances).report.notes
        assert any("--rtol 5e-3 --atol 1e-3" in note for note in notes) == told


@pytest.mark.parametrize("shape", [(6, 8), (10, 10, 3)], ids=["sequence", "image"])
def test_a_model_in_mixed_float16_is_proven_in_it(shape):
    assert convert(precise("mixed_float16", shape)).report.outputs == ["y:float16[N,3]"]


def test_a_model_in_float64_is_proven_in_it():
    x = keras.Input((6, 8), name="x", dtype="float64")
    hidden = layers.MultiHeadAttention(2, 4, dtype="float64")(x, x)
    hidden = layers.LayerNormalization(dtype="float64")(layers.Add(dtype="float64")([x, hidden]))
    hidden = layers.GRU(5, dtype="float64")(hidden)
    found = convert(keras.Model(x, layers.Dense(3, activation="softmax", dtype="float64", name="y")(hidden)))
    assert found.report.outputs == ["y:float64[N,3]"]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Conv2D(2, 3, dtype="float64", name="wide"), (6, 6, 3)),
        (layers.Conv1DTranspose(2, 3, dtype="float64", name="wide"), (6, 3)),
        (layers.AveragePooling2D(2, dtype="float64", name="wide"), (6, 6, 3)),
        (layers.LSTM(3, dtype="float64", name="wide"), (6, 3)),
        (layers.Activation("gelu", dtype="float64", name="wide"), (6,)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_layers_that_onnx_runtime_does_not_compute_in_float64_are_refused(layer, shape):
    x = keras.Input(shape, name="x", dtype="float64")
    with pytest.raises(errors.CannotConvert, match=r"does not compute .* in float64") as caught:
        convert(keras.Model(x, layer(x)))
    assert "wide" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["elu", "hard_sigmoid", "leaky_relu", "mish", "selu", "softplus", "softsign", "relu6", "tanh"]
)
def test_activations_in_float64_are_proven_in_it(name):
    x = keras.Input((4,), dtype="float64", name="x")
    found = convert(keras.Model(x, layers.Activation(name, dtype="float64", name="y")(x)))
    assert found.report.outputs == ["y:float64[N,4]"]


def test_a_model_in_bfloat16_is_refused():
    with pytest.raises(errors.CannotConvert, match="bfloat16") as caught:
        convert(precise("mixed_bfloat16"))
    assert "mixed_float16" in str(caught.value)


def quantized(mode):
    ids = keras.Input((6,), dtype="int32", name="ids")
    hidden = layers.Embedding(20, 16)(ids)
    hidden = layers.LayerNormalization()(layers.Add()([hidden, layers.MultiHeadAttention(2, 8)(hidden, hidden)]))
    hidden = layers.EinsumDense("abc,cd->abd", (None, 8), activation="relu")(hidden)
    model = keras.Model(ids, layers.Dense(4, name="y")(hidden))
    model.quantize(mode)
    return model


def test_an_int8_model_multiplies_integers():
    x = keras.Input((16,), name="x")
    model = keras.Model(x, layers.Dense(8, name="y")(layers.Dense(32, "relu")(x)))
    model.quantize("int8")
    assert "MatMulInteger" in convert(model).operators


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_quantized_model_is_proven(mode):
    assert convert(quantized(mode)).outputs == ["y[N,6,4]"]


def test_a_model_in_float8_is_refused():
    x = keras.Input((16,), name="x")
    model = keras.Model(x, layers.Dense(8, name="narrow")(x))
    model.quantize("float8")
    with pytest.raises(errors.CannotConvert, match="float8") as caught:
        convert(model)
    assert "narrow" in str(caught.value)


def test_large_integers_are_compared_as_integers():
    x = keras.Input((3,), dtype="int32", name="x")
    model = keras.Model(x, ops.cast(ops.less(x, 2**24 + 1), "float32"))
    found = convert(model)
    np.testing.assert_array_equal(found.run(x=np.array([[2**24, 2**24 + 1, 2**24 + 2]], "int32"))[0], [[1, 0, 0]])


@pytest.mark.parametrize("words", [3, 20])
def test_an_embedding_takes_its_indices_as_they_are(words):
    ids = keras.Input((6,), dtype="int32", name="ids")
    found = convert(keras.Model(ids, layers.Embedding(words, 4, name="y")(ids)))
    assert "Where" not in found.operators
