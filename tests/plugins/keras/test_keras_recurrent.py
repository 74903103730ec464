"""Recurrent layers come out as ONNX's GRU and RNN where those compute the same, else as a Loop."""

from collections.abc import Iterator

import keras
import numpy as np
import onnxruntime
import pytest
from drawn import floats
from keras import layers
from keras_warnings import ARRAYS

import modelport
from modelport_converters.onnx_graph.schemas import nodes_in

pytestmark = ARRAYS


def converted(model, **given):
    """Convert, prove, and return the ONNX model with its operators, those of inner graphs included."""
    conversion = modelport.convert(model, to="onnx", proof_seconds=0, **given)
    assert conversion.report.verdict == "proven"
    return conversion.model, [node.op_type for node in nodes_in(conversion.model.graph.node)]


def applied(layer, steps=None, features=8):
    x = keras.Input((steps, features), name="x")
    return keras.Model(x, layer(x))


def recurrent(ops):
    """Count the recurrent operators."""
    return {kind: ops.count(kind) for kind in ("GRU", "RNN", "LSTM", "Loop") if kind in ops}


def variants(kind, **given) -> Iterator[tuple[str, layers.Layer]]:
    """Yield what both kinds of layers have."""
    yield "last", kind(6, **given)
    yield "all", kind(6, return_sequences=True, **given)
    yield "states", kind(6, return_sequences=True, return_state=True, **given)
    yield "backwards", kind(6, return_sequences=True, go_backwards=True, **given)
    yield "without_bias", kind(6, use_bias=False, **given)
    yield "one_unit", kind(1, bias_initializer="random_normal", **given)
    yield "as_many_units_as_features", kind(8, bias_initializer="random_normal", **given)
    yield "large", kind(128, return_sequences=True, bias_initializer="random_normal", **given)
    for name in ("relu", "sigmoid", "linear", "softsign", "softplus", "elu", "hard_sigmoid"):
        yield name, kind(6, activation=name, bias_initializer="random_normal", **given)


LAYERS = {
    **{f"gru_{name}": (layer, "GRU") for name, layer in variants(layers.GRU)},
    **{f"gru_before_{name}": (layer, "GRU") for name, layer in variants(layers.GRU, reset_after=False)},
    **{f"rnn_{name}": (layer, "RNN") for name, layer in variants(layers.SimpleRNN)},
    "gru_hard_gates": (layers.GRU(6, recurrent_activation="hard_sigmoid"), "GRU"),
    "gru_cell": (layers.RNN(layers.GRUCell(6), return_state=True), "GRU"),
    "rnn_cell": (layers.RNN(layers.SimpleRNNCell(6)), "RNN"),
    "dropout": (layers.GRU(6, dropout=0.5, recurrent_dropout=0.5), "GRU"),
}


@pytest.mark.parametrize("steps", [None, 5])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_one_operator(name, steps):
    layer, op = LAYERS[name]
    _, ops = converted(applied(layer.__class__.from_config(layer.get_config()), steps))
    assert recurrent(ops) == {op: 1}


@pytest.mark.parametrize("opset", [13, 14, 18, 22])
@pytest.mark.parametrize("layer", [layers.GRU, layers.SimpleRNN])
def test_a_layer_is_one_operator_of_every_opset(layer, opset):
    proto, ops = converted(applied(layer(5, return_state=True)), opset=opset)
    assert recurrent(ops) == {layer.__name__.removeprefix("Simple"): 1}
    assert not any(attribute.name == "layout" for node in nodes_in(proto.graph.node) for attribute in node.attribute)


@pytest.mark.parametrize("steps", [None, 5, 1])
def test_layers_on_each_other_and_in_both_directions(steps):
    x = keras.Input((steps, 8), name="x")
    y = layers.Bidirectional(layers.GRU(4, return_sequences=True))(x)
    y = layers.SimpleRNN(5, return_sequences=True)(layers.Dense(7, activation="relu")(y))
    y = layers.Bidirectional(layers.GRU(3, reset_after=False), merge_mode="sum")(
        layers.LSTM(4, return_sequences=True)(y)
    )
    _, ops = converted(keras.Model(x, layers.Dense(2)(y)))
    assert recurrent(ops) == {"GRU": 4, "RNN": 1, "LSTM": 1}


@pytest.mark.parametrize("layer", [layers.GRU(6), layers.GRU(6, reset_after=False), layers.SimpleRNN(6)])
def test_a_batch_of_known_size(layer):
    x = keras.Input(batch_shape=(3, 5, 8), name="x")
    _, ops = converted(keras.Model(x, layer(x)))
    assert recurrent(ops) == {layer.__class__.__name__.removeprefix("Simple"): 1}


def test_a_layer_that_is_used_twice_has_its_weights_once():
    x, z = keras.Input((5, 8), name="x"), keras.Input((7, 8), name="z")
    layer = layers.GRU(40)
    proto, ops = converted(keras.Model([x, z], layer(x) - layer(z)))
    assert recurrent(ops) == {"GRU": 2}
    assert sum(tensor.dims[:2] == [1, 120] for tensor in proto.graph.initializer) == 2


def test_a_state_that_is_handed_in_or_on():
    x, state, z = keras.Input((None, 8), name="x"), keras.Input((6,), name="state"), keras.Input((None, 3), name="z")
    _, ops = converted(keras.Model([x, state], layers.GRU(6)(x, initial_state=state)))
    assert recurrent(ops) == {"GRU": 1}
    _, encoded = layers.GRU(6, return_state=True)(x)
    decoded = layers.SimpleRNN(6, return_sequences=True)(z, initial_state=layers.Dense(6)(encoded))
    _, ops = converted(keras.Model([x, z], layers.Dense(3)(decoded)))
    assert recurrent(ops) == {"GRU": 1, "RNN": 1}


def test_an_embedding_before_and_convolutions_around():
    x = keras.Input((None,), dtype="int32", name="x")
    y = layers.Conv1D(5, 3, padding="same")(layers.Embedding(20, 6)(x))
    y = layers.Conv1D(4, 3, padding="same")(layers.GRU(6, return_sequences=True)(y))
    _, ops = converted(keras.Model(x, layers.GlobalMaxPooling1D()(y)))
    assert recurrent(ops) == {"GRU": 1}


def own_activation(x):
    return keras.ops.tanh(x) * 0.5


class Peephole(layers.GRUCell):
    def call(self, inputs, states, training=False):
        output, new = super().call(inputs, states, training=training)
        return output * 2, new


LOOPS = {
    "own_activation": layers.SimpleRNN(6, activation=own_activation),
    "own_gates": layers.GRU(6, recurrent_activation=own_activation),
    "gelu": layers.GRU(6, activation="gelu"),
    "output_beside_the_state": layers.RNN(Peephole(6), return_sequences=True, return_state=True),
    "two_cells": layers.RNN([layers.GRUCell(6), layers.GRUCell(5)]),
}


@pytest.mark.parametrize("name", LOOPS)
def test_what_onnx_has_no_cell_for_stays_a_loop(name):
    _, ops = converted(applied(LOOPS[name]))
    assert recurrent(ops) == {"Loop": 1}


@pytest.mark.parametrize("layer", [layers.GRU(6), layers.SimpleRNN(6, return_sequences=True)])
def test_a_mask_stays_a_loop(layer):
    x = keras.Input((None, 8), name="x")
    _, ops = converted(keras.Model(x, layer(layers.Masking()(x))))
    assert recurrent(ops) == {"Loop": 1}


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16"])
def test_other_types_stay_a_loop(dtype):
    x = keras.Input((5, 8), name="x", dtype="float64" if dtype == "float64" else "float32")
    _, ops = converted(keras.Model(x, layers.GRU(6, dtype=dtype)(x)))
    assert recurrent(ops) == {"Loop": 1}


def test_a_state_that_may_be_for_another_number_of_sequences_stays_a_loop():
    x, state = keras.Input((5, 8), name="x"), keras.Input((6,), name="state")
    model = keras.Model([x, state], layers.GRU(6)(x, initial_state=state))
    declared = ["x:float32[N,5,8]", "state:float32[M,6]"]
    proto = modelport.convert(model, to="onnx", inputs=declared, verify=False).model
    assert recurrent([node.op_type for node in proto.graph.node]) == {"Loop": 1}
    x, state = floats(3, 5, 8), floats(1, 6)
    (result,) = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, {"x": x, "state": state})
    expected = np.asarray(model([x, np.repeat(state, 3, 0)]))
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layer", [layers.GRU, layers.SimpleRNN])
def test_results_are_those_of_keras_for_any_number_of_sequences_and_steps(layer):
    model = applied(layer(6, return_sequences=True, return_state=True, bias_initializer="random_normal"))
    proto, _ = converted(model)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    for batch, steps in ((1, 1), (1, 7), (3, 1), (3, 7)):  # of none, ONNX Runtime's GRU ends the process
        array = floats(batch, steps, 8)
        expected = [np.asarray(value) for value in model(array)]
        for result, reference in zip(session.run(None, {"x": array}), expected, strict=True):
            assert result.shape == reference.shape
            np.testing.assert_allclose(result, reference, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "layer", [layers.GRU(6, return_sequences=True), layers.GRU(6, reset_after=False), layers.SimpleRNN(6)]
)
def test_the_onnx_model_goes_on_to_tensorflow(layer):
    proto, _ = converted(applied(layer))
    assert modelport.convert(proto, to="tensorflow", proof_seconds=0).report.verdict == "proven"
