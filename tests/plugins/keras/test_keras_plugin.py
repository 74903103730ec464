"""The Keras plugin as the hub calls it: signatures, and exports of every way to build a model."""

import os
import subprocess
import sys

import keras
import numpy as np
import onnx_ir as ir
import pytest
import tensorflow as tf
from drawn import floats
from keras import layers
from keras_case import small_dense
from keras_warnings import ARRAYS
from plugin_case import assert_onnx_agrees, converted, options

from modelport import errors
from modelport.signature import parse_inputs
from modelport_plugins.keras import exporting

pytestmark = ARRAYS


def small_cnn():
    return keras.Sequential(
        [
            keras.Input((12, 12, 4), name="image"),
            layers.Conv2D(8, 3, activation="gelu"),
            layers.BatchNormalization(moving_mean_initializer="random_normal"),
            layers.Conv2D(8, 3, groups=2, padding="same", strides=2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, activation="softmax", name="classes"),
        ]
    )


def test_a_sequential_cnn_keeps_its_names_and_its_values(plugin):
    model, image = small_cnn(), floats(3, 12, 12, 4)
    signature = assert_onnx_agrees(plugin, model, {"image": image}, {"classes": model(image, training=False)})
    assert str(signature.inputs[0]) == "image:float32[N,12,12,4]"
    assert str(signature.outputs[0]) == "classes:float32[N,5]"


def test_a_functional_model_with_dictionaries_is_named_after_their_keys(plugin):
    left, right = keras.Input((4,), name="left"), keras.Input((3,), name="right")
    joined = layers.Concatenate()([left, right])
    model = keras.Model(
        {"right": right, "left": left}, {"score": layers.Dense(1)(joined), "code": layers.Dense(2)(joined)}
    )
    inputs = {"left": floats(2, 4), "right": floats(2, 3)}
    results = model(inputs, training=False)
    assert_onnx_agrees(plugin, model, inputs, {"code": results["code"], "score": results["score"]})


def test_a_functional_model_with_lists_is_named_after_its_layers(plugin):
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    dense = layers.Dense(2, name="shared")
    model = keras.Model([left, right], [dense(left), dense(right)])
    inputs = {"left": floats(2, 4), "right": -floats(2, 4)}
    first, second = model(list(inputs.values()), training=False)
    assert_onnx_agrees(plugin, model, inputs, {"shared": first, "shared_1": second})


def test_an_unused_input_and_one_tensor_returned_twice_stay_in_place(plugin):
    used, unused = keras.Input((4,), name="used"), keras.Input((3,), name="unused")
    y = layers.Dense(2, name="y")(used)
    model = keras.Model([used, unused], [y, y, used])
    inputs = {"used": floats(2, 4), "unused": floats(2, 3)}
    first, second, third = model(list(inputs.values()), training=False)
    assert_onnx_agrees(plugin, model, inputs, {"y": first, "y_1": second, "used_1": third})


@pytest.mark.parametrize("recurrent", [layers.LSTM, layers.GRU])
def test_recurrent_layers_take_sequences_of_any_length(plugin, recurrent):
    x = keras.Input((None, 3), name="x")
    model = keras.Model(x, layers.Bidirectional(recurrent(4, return_sequences=True), name="y")(x))
    for length in (1, 7):
        sequence = floats(2, length, 3)
        signature = assert_onnx_agrees(plugin, model, {"x": sequence}, {"y": model(sequence, training=False)})
    assert str(signature.inputs[0]) == "x:float32[N,x_1,3]"


def test_an_embedding_takes_integers(plugin):
    ids = keras.Input((6,), dtype="int32", name="ids")
    model = keras.Model(ids, layers.Dense(2, name="y")(layers.Embedding(11, 4)(ids)))
    array = np.random.default_rng(0).integers(0, 11, (3, 6)).astype("int32")
    assert_onnx_agrees(plugin, model, {"ids": array}, {"y": model(array, training=False)})


def test_normalization_keeps_its_constants(plugin):
    normalization = layers.Normalization(name="y")
    normalization.adapt(floats(50, 4) * 3 + 1)
    x = keras.Input((4,), name="x")
    model, array = keras.Model(x, normalization(x)), floats(3, 4)
    assert_onnx_agrees(plugin, model, {"x": array}, {"y": model(array)})


def test_a_string_lookup_takes_strings(plugin):
    text = keras.Input((2,), dtype="string", name="text")
    model = keras.Model(text, layers.StringLookup(vocabulary=["a", "b"], name="y")(text))
    array = np.array([["a", "b"], ["b", "unknown"]], dtype=object)
    assert_onnx_agrees(plugin, model, {"text": array}, {"y": model(tf.constant(array.tolist()))})


@pytest.mark.parametrize(
    ("policy", "dtype", "rtol"), [("mixed_float16", "float16", 5e-3), ("float64", "float64", 1e-12)]
)
def test_the_precision_of_the_model_is_kept(plugin, policy, dtype, rtol):
    x = keras.Input((4,), name="x", dtype="float64" if policy == "float64" else "float32")
    model = keras.Model(x, layers.Dense(3, dtype=policy, name="y")(x))
    array = floats(5, 4, dtype=x.dtype)
    assert model(array).dtype == dtype
    assert_onnx_agrees(plugin, model, {"x": array}, {"y": model(array)}, rtol=rtol, atol=rtol)


class TwoParts(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.dense = layers.Dense(3)

    def call(self, parts, training=False):
        return {"sum": self.dense(parts["a"]) + parts["b"], "a": parts["a"]}


class Scaled(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x, scale):
        return self.dense(x) * scale


def test_a_subclassed_model_that_was_called_says_its_own_inputs(plugin):
    model, inputs = TwoParts(), {"a": floats(2, 4), "b": floats(2, 3)}
    results = model(inputs)
    signature = assert_onnx_agrees(plugin, model, inputs, {"a_1": results["a"], "sum": results["sum"]})
    assert str(signature.inputs[0]) == "a:float32[N,4]"


def test_a_subclassed_model_takes_its_inputs_from_the_user(plugin):
    model, x, scale = Scaled(), floats(2, 4), floats(2, 1)
    chosen = options(plugin, "x:float32[B,4]", "scale:float32[B,1]")
    signature = assert_onnx_agrees(plugin, model, {"x": x, "scale": scale}, {"output": model(x, scale)}, chosen)
    assert signature.symbols == ("B",)


def test_a_subclassed_model_without_known_inputs_needs_a_signature(plugin):
    with pytest.raises(errors.SignatureNeeded, match="--input 'x:float32"):
        plugin.call("signature", model=Scaled(), options=options(plugin))


class Starred(keras.Model):
    def call(self, *tensors):
        return tensors[0]


def test_a_call_method_that_names_no_inputs_is_refused(plugin):
    with pytest.raises(errors.CannotConvert, match="names no inputs"):
        plugin.call("signature", model=Starred(), options=options(plugin))


def test_a_loaded_subclassed_model_keeps_its_inputs(plugin, tmp_path):
    model, inputs = TwoParts(), {"a": floats(2, 4), "b": floats(2, 3)}
    results = model(inputs)
    model.save(tmp_path / "model.keras")
    with keras.saving.custom_object_scope({"TwoParts": TwoParts}):
        loaded = plugin.call("load", source=tmp_path / "model.keras", options=options(plugin))
    assert_onnx_agrees(plugin, loaded, inputs, {"a_1": results["a"], "sum": results["sum"]})


def test_a_sequential_model_built_by_a_call_has_an_open_batch(plugin):
    model = keras.Sequential([layers.Dense(3), layers.Dense(2, name="y")])
    model(floats(2, 4))
    array = floats(5, 4)
    (name,) = [spec.name for spec in plugin.call("signature", model=model, options=options(plugin)).inputs]
    assert_onnx_agrees(plugin, model, {name: array}, {"y": model(array)})


def test_the_users_dimensions_reach_the_graph(plugin):
    model, chosen = small_dense(), options(plugin)
    signature = plugin.call("signature", model=model, options=chosen)
    specs, _ = parse_inputs(["x[batch,4]"])
    result = plugin.call("to_onnx", model=model, signature=signature.refined_by(specs), opset=18, options=chosen)
    graph = ir.to_proto(result).graph
    values = [*graph.input, *graph.output]
    assert [value.type.tensor_type.shape.dim[0].dim_param for value in values] == ["batch", "batch"]


def test_the_export_leaves_the_model_as_it_was(plugin):
    model = small_cnn()
    before = [variable.numpy() for variable in model.variables]
    converted(plugin, model, options(plugin))
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


QUIET = """
import sys
from pathlib import Path
from modelport.plugins import registry
from modelport.spec import Options
plugin, options = registry().get("keras"), Options({"custom_objects": None})
model = plugin.call("load", source=Path(sys.argv[1]), options=options)
signature = plugin.call("signature", model=model, options=options)
plugin.call("to_onnx", model=model, signature=signature, opset=18, options=options)
"""


def test_importing_loading_and_exporting_print_nothing(tmp_path):
    small_cnn().save(tmp_path / "model.keras")
    command = [sys.executable, "-c", QUIET, str(tmp_path / "model.keras")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.parametrize("opset", [13, 18, 20])
def test_the_opset_is_the_one_asked_for_or_the_newest_of_the_exporter(plugin, opset):
    _, proto = converted(plugin, small_dense(), options(plugin), opset)
    assert {entry.domain: entry.version for entry in proto.opset_import}[""] == min(opset, 18)


def test_large_weights_stay_outside_the_graph_and_are_read_lazily(plugin, monkeypatch):
    monkeypatch.setattr(exporting, "FREEZABLE_BYTES", 100)
    monkeypatch.setattr(exporting, "DETACHED_BYTES", 40)
    model, image = small_cnn(), floats(3, 12, 12, 4)
    chosen = options(plugin)
    signature = plugin.call("signature", model=model, options=chosen)
    result = plugin.call("to_onnx", model=model, signature=signature, opset=18, options=chosen)
    lazy = [name for name, value in result.graph.initializers.items() if isinstance(value.const_value, ir.LazyTensor)]
    assert any(name.endswith("classes/kernel") for name in lazy)
    assert_onnx_agrees(plugin, model, {"image": image}, {"classes": model(image, training=False)})


def test_a_wide_lstm_becomes_the_operator(plugin):
    model = keras.Sequential([keras.Input((7, 16)), keras.layers.Bidirectional(keras.layers.LSTM(64))])
    _, proto = converted(plugin, model, options(plugin))
    assert [node.op_type for node in proto.graph.node if node.op_type in ("LSTM", "Loop")] == ["LSTM"]


# --- what cannot be converted --------------------------------------------------------------------


def test_operators_without_a_form_are_all_reported_with_their_layers(plugin):
    text = keras.Input((2,), dtype="string", name="text")
    model = keras.Model(text, [layers.Hashing(4, name="first")(text), layers.Hashing(5, name="second")(text)])
    with pytest.raises(errors.UnsupportedOps) as caught:
        converted(plugin, model, options(plugin))
    first, second = sorted(caught.value.ops)
    assert "/first" in first
    assert "/second" in second


def test_a_stateful_layer_is_refused_by_name(plugin):
    model = keras.Sequential([keras.Input(batch_shape=(2, 5, 3)), layers.LSTM(4, stateful=True, name="memory")])
    with pytest.raises(errors.CannotConvert, match="memory"):
        plugin.call("signature", model=model, options=options(plugin))


def test_bfloat16_is_refused(plugin):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype="mixed_bfloat16")])
    with pytest.raises(errors.CannotConvert, match="bfloat16"):
        converted(plugin, model, options(plugin))
