"""Every layer and every activation of the installed Keras: converted and proven, or refused with its reason."""

from __future__ import annotations

import gc
import inspect
import os
import subprocess
import sys

import keras
import keras_layers
import keras_preprocessing
import pytest
from keras import layers
from keras_case import EXCEPTIONS
from keras_layers_building import case
from keras_warnings import ARRAYS, MASKED

import modelport
from modelport.errors import CannotConvert, CheckFailed, NotEquivalent, UnsupportedOps
from modelport_plugins.keras import exporting

pytestmark = [ARRAYS, MASKED, pytest.mark.broad]

CASES = {**keras_layers.CASES, **keras_preprocessing.CASES}

EXPORTED = {name: value for name, value in vars(layers).items() if inspect.isclass(value)}
CLASSES = {name: value for name, value in EXPORTED.items() if name == value.__name__ or value.__name__ not in EXPORTED}
"""Every class once: some have several names."""

ABSTRACT = {
    name
    for name, value in CLASSES.items()
    if not issubclass(value, layers.Layer) or value.call is layers.Layer.call  # InputSpec; Layer and Wrapper
}

ELSEWHERE = {"TorchModuleWrapper"}
"""Layers that run on another backend than TensorFlow only: tested in a process of their own, below."""

ACTIVATIONS = [
    name
    for name, value in sorted(vars(keras.activations).items())
    if inspect.isfunction(value) and name not in ("get", "serialize", "deserialize")
]


@pytest.fixture(scope="module", autouse=True)
def frozen_heap():
    """A conversion collects garbage: what the frameworks hold from the start need not be walked every time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def proven(given, opset=None):
    """Convert the model of a case; the conversion is refused unless ONNX Runtime agrees with Keras."""
    samples = given.samples() if given.samples else None
    conversion = modelport.convert(
        given.build(), to="onnx", opset=opset or given.opset, samples=samples, proof_seconds=0
    )
    assert conversion.report.verdict == "proven"
    return conversion


def labelled(cases):
    return [pytest.param(item, id=f"{name}-{item.label}") for name, several in cases.items() for item in several]


def test_every_layer_of_the_installed_keras_has_cases_or_a_reason():
    assert set(CLASSES) - ABSTRACT - ELSEWHERE - set(CASES) - set(EXCEPTIONS["layers"]) == set()


def test_every_case_is_of_a_layer_of_the_installed_keras():
    assert set(CASES) <= set(CLASSES) - ABSTRACT
    assert not set(CASES) & set(EXCEPTIONS["layers"])


def test_no_more_than_four_layers_are_exceptions():
    assert set(EXCEPTIONS["layers"]) <= set(CLASSES)
    assert len(EXCEPTIONS["layers"]) <= 4
    assert EXCEPTIONS["activations"] == {}


@pytest.mark.parametrize("given", labelled(CASES))
def test_a_layer_is_converted_and_proven(given):
    proven(given)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_converted_and_proven(name):
    for given in keras_layers.activation_cases(name):
        proven(given)


OPSETS = [
    "Conv2D",
    "Conv1DTranspose",
    "LayerNormalization",
    "LSTM",
    "MultiHeadAttention",
    "UpSampling2D",
    "Softmax",
    "Embedding",
]


@pytest.mark.parametrize("given", labelled({name: keras_layers.CASES[name][:1] for name in OPSETS}))
@pytest.mark.parametrize("opset", [13, 20])
def test_a_layer_is_converted_to_another_opset(given, opset):
    assert {entry.domain: entry.version for entry in proven(given, opset).model.opset_import}[""] == opset


WEIGHTY = [
    *("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv2D"),
    *("SeparableConv2D", "Dense", "EinsumDense", "Embedding", "PReLU", "BatchNormalization", "LayerNormalization"),
    *("GroupNormalization", "LSTM", "GRU", "ConvLSTM2D", "MultiHeadAttention", "SpectralNormalization"),
]


@pytest.mark.parametrize("given", labelled({name: keras_layers.CASES[name][:2] for name in WEIGHTY}))
def test_a_layer_is_converted_with_its_weights_outside_the_graph(given, monkeypatch):
    monkeypatch.setattr(exporting, "DETACHED_BYTES", 0)
    monkeypatch.setattr(exporting, "FREEZABLE_BYTES", -1)  # no second attempt with constant weights
    model = proven(given).model
    assert any("kernel" in item.name or "/" in item.name for item in model.graph.initializer)


# --- what is refused -----------------------------------------------------------------------------


class Foreign(layers.Layer):
    """Computes in the one operator that Keras's layers of JAX functions become, whose program TensorFlow cannot read."""

    def call(self, x):
        from tensorflow.compiler.tf2xla.ops import gen_xla_ops

        return gen_xla_ops.xla_call_module(
            [x], version=9, module=b"", Sout=[(None, 4)], Tout=["float32"], platforms=["CPU"]
        )[0]


def _crossed():
    return case("", lambda: layers.HashedCrossing(5), (1,), (1,), dtype="string", call=lambda layer, *x: layer(x))


REFUSED = {
    "JaxLayer": (case("", Foreign, (4,)), "XlaCallModule"),
    "FlaxLayer": (case("", Foreign, (4,)), "XlaCallModule"),
    "Hashing": (case("", lambda: layers.Hashing(5), (1,), dtype="string"), "hash"),
    "HashedCrossing": (_crossed(), "SparseCross"),
}


@pytest.mark.parametrize("name", EXCEPTIONS["layers"])
def test_an_exception_is_refused_with_its_operator(name):
    given, operator = REFUSED[name]
    with pytest.raises(UnsupportedOps, match=operator):
        proven(given)


WRAPPED = """
import keras, modelport, torch
x = keras.Input((4,))
layer = keras.layers.TorchModuleWrapper(torch.nn.Linear(4, 3), output_shape=(None, 3))
print(modelport.convert(keras.Model(x, layer(x)), to="onnx", proof_seconds=0).report.verdict)
"""


def test_a_wrapped_torch_module_is_converted_on_the_backend_that_it_needs():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-c", WRAPPED]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert result.stdout.split() == ["proven"]


WRONG_IN_KERAS = {
    # arange over the batch in place of the steps, in graphs alone
    "TimeDistributed over an open number of steps": (
        case("", lambda: layers.TimeDistributed(layers.Dense(4)), (None, 3)),
        NotEquivalent,
        "instead of",
    ),
    # asks whether a symbolic size is true
    "bilinear UpSampling2D of open sizes": (
        case("", lambda: layers.UpSampling2D(2, interpolation="bilinear"), (None, None, 3)),
        CannotConvert,
        "symbolic",
    ),
    # declares scores of queries by queries, and returns queries by keys
    "scores of a MultiHeadAttention with two lengths": (
        case(
            "",
            lambda: layers.MultiHeadAttention(2, 3),
            (4, 6),
            (5, 6),
            call=lambda layer, *inputs: layer(*inputs, return_attention_scores=True),
        ),
        CheckFailed,
        "axis 3 fixed at 5 instead of 4",
    ),
}


@pytest.mark.parametrize("name", WRONG_IN_KERAS)
def test_what_keras_itself_traces_wrong_is_not_delivered(name):
    given, error, words = WRONG_IN_KERAS[name]
    with pytest.raises(error, match=words):
        proven(given)
