"""Inputs and outputs: named, nested and shaped as in the Keras model, of any dtype."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from keras import layers, ops
from keras_converted import Converted, convert
from keras_warnings import ARRAYS, NOT_QUANTIZED

import modelport
from modelport import errors

pytestmark = [ARRAYS, NOT_QUANTIZED, pytest.mark.usefixtures("numbered_anew")]


# --- structures --------------------------------------------------------------------------------------------------------


def test_nested_inputs_and_outputs_are_named_after_layers_and_keys():
    a, b, c = (keras.Input((4,), name=name) for name in "abc")
    y, z = layers.Dense(2, name="y")(layers.Add()([a, b])), layers.Dense(3, name="z")(c)
    model = keras.Model({"left": {"one": a}, "right": [b, c]}, {"head": (y, {"deep": z}), "tail": [layers.ReLU()(y)]})
    found = convert(model)
    assert found.inputs == ["a[N,4]", "b[N,4]", "c[N,4]"]
    assert found.outputs == ["head_0[N,2]", "head_1_deep[N,3]", "tail_0[N,2]"]
    arrays = {"a": floats(2, 4), "b": -floats(2, 4), "c": floats(2, 4) + 1}
    expected = model({"left": {"one": arrays["a"]}, "right": [arrays["b"], arrays["c"]]})
    for value, reference in zip(found.run(**arrays), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(value, reference, rtol=1e-5, atol=1e-6)


def test_a_tuple_of_outputs_is_named_after_its_layers():
    x = keras.Input((4,), name="x")
    model = keras.Model(x, (layers.Dense(2, name="first")(x), layers.Dense(3, name="second")(x)))
    assert convert(model).outputs == ["first[N,2]", "second[N,3]"]


def test_an_output_that_is_an_input_has_a_name_of_its_own():
    x = keras.Input((4,), name="x")
    found = convert(keras.Model(x, x))
    assert (found.inputs, found.outputs) == (["x[N,4]"], ["x_1[N,4]"])


def test_one_tensor_as_two_outputs_is_two_outputs():
    x = keras.Input((4,), name="x")
    y = layers.Dense(2, name="y")(x)
    assert convert(keras.Model(x, [y, y])).outputs == ["y[N,2]", "y_1[N,2]"]


def test_an_optional_input_is_an_input():
    class Gate(layers.Layer):
        def call(self, x, scale=None):
            return x if scale is None else x * scale

        def compute_output_shape(self, x_shape, scale_shape=None):
            return x_shape

    x, scale = keras.Input((4,), name="x"), keras.Input((4,), name="scale", optional=True)
    found = convert(keras.Model([x, scale], Gate(name="y")(x, scale)))
    assert found.inputs == ["x[N,4]", "scale[N,4]"]


class Masked(keras.Model):
    def __init__(self):
        super().__init__()
        self.supports_masking = True
        self.cell = layers.LSTM(3, name="cell")

    def call(self, x, mask=None, training=None):
        return self.cell(x, mask=mask, training=training)


def test_a_mask_is_an_input_where_the_user_names_it():
    model = Masked()
    model(floats(2, 5, 4))
    assert convert(model).inputs == ["x[N,5,4]"]
    found = convert(model, "x:float32[N,T,4]", "mask:bool[N,T]")
    assert found.inputs == ["x[N,T,4]", "mask[N,T]"]
    mask = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 0]], bool)
    (value,) = found.run(x=floats(2, 5, 4), mask=mask)
    np.testing.assert_allclose(value, model(floats(2, 5, 4), mask=mask), rtol=1e-4, atol=1e-5)


def test_a_functional_model_takes_its_mask_as_an_input():
    x, mask = keras.Input((None, 4), name="x"), keras.Input((None,), dtype="bool", name="mask")
    hidden = layers.GRU(3, return_sequences=True)(x, mask=mask)
    model = keras.Model([x, mask], layers.GlobalAveragePooling1D(name="y")(hidden, mask=mask))
    assert convert(model, "x[N,T,4]", "mask[N,T]").inputs == ["x[N,T,4]", "mask[N,T]"]


@pytest.mark.parametrize("argument", ["none", "optional", "required", "keyword"])
def test_the_training_argument_is_false_however_it_is_declared(argument):
    class Dropped(keras.Model):
        def inside(self, x, training=False):
            return ops.where(training, x * 0.0, x + 1.0)

    class Without(Dropped):
        def call(self, x):
            return self.inside(x)

    class Optional(Dropped):
        def call(self, x, training=None):
            return self.inside(x, training)

    class Required(Dropped):
        def call(self, x, training):
            return self.inside(x, training)

    class Keyword(Dropped):
        def call(self, x, *, training):
            return self.inside(x, training)

    model = {"none": Without, "optional": Optional, "required": Required, "keyword": Keyword}[argument]()
    found = convert(model, "x:float32[N,4]")
    assert found.inputs == ["x[N,4]"]
    np.testing.assert_allclose(found.run(x=floats(2, 4))[0], floats(2, 4) + 1)


def test_an_output_that_is_none_is_left_out():
    class WithLoss(keras.Model):
        def call(self, x, labels=None):
            return {"logits": x * 2, "loss": None if labels is None else ops.sum(x - labels)}

    assert convert(WithLoss(), "x:float32[N,4]").outputs == ["logits[N,4]"]
    assert convert(WithLoss(), "x:float32[N,4]", "labels:float32[N,4]").outputs == ["logits[N,4]", "loss[]"]


def test_a_model_whose_call_takes_nothing_is_refused():
    class Constant(keras.Model):
        def call(self):
            return ops.ones((2,))

    with pytest.raises(errors.CannotConvert, match="names no inputs"):
        convert(Constant())


# --- dimensions --------------------------------------------------------------------------------------------------------


def pictures():
    x = keras.Input((None, None, 3), name="x")
    return keras.Model(x, layers.Conv2D(2, 3, padding="same", name="y")(x))


def test_open_dimensions_have_names_of_their_own():
    found = convert(pictures())
    assert (found.inputs, found.outputs) == (["x[N,x_1,x_2,3]"], ["y[N,y_1,y_2,2]"])


def test_open_dimensions_of_a_functional_model_take_the_users_names():
    found = convert(pictures(), "x:float32[B,H=16,W=24,3]")
    assert found.inputs == ["x[B,H,W,3]"]
    assert found.outputs[0].startswith("y[B,")
    assert found.run(x=floats(1, 5, 9, 3))[0].shape == (1, 5, 9, 2)


def test_open_dimensions_of_a_functional_model_take_the_users_sizes():
    found = convert(pictures(), "x:float32[2,16,24,3]")
    assert (found.inputs, found.outputs) == (["x[2,16,24,3]"], ["y[2,16,24,2]"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("x:float32[N,H,W,4]", "fixes axis 3 of the input 'x' at 3, not 4"),
        ("x:float32[N,H,W,C]", "fixes axis 3 of the input 'x' at 3, not C"),
        ("x:float32[N,3]", "has 4 dimensions, not 2"),
        ("x:int32[N,H,W,3]", "is float32, not int32"),
        ("image:float32[N,H,W,3]", "has no input 'image'"),
    ],
)
def test_a_declaration_that_contradicts_the_model_is_refused(given, message):
    with pytest.raises(errors.InvalidSignature, match=message):
        convert(pictures(), given)


def test_a_declaration_that_contradicts_the_weights_of_a_subclassed_model_is_refused():
    class Small(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Small()
    model(floats(2, 4))
    assert convert(model, "x:float32[N,T,4]").inputs == ["x[N,T,4]"]
    with pytest.raises(errors.ModelportError, match=r"incompatible|expected axis"):
        convert(model, "x:float32[N,5]")


def test_a_fixed_batch_stays_fixed():
    x = keras.Input(batch_shape=(2, 4), name="x")
    found = convert(keras.Model(x, layers.Dense(3, name="y")(x)))
    assert (found.inputs, found.outputs) == (["x[2,4]"], ["y[2,3]"])


def test_one_number_for_each_row_and_no_axis_at_all_are_inputs():
    x = keras.Input((), name="x")
    assert convert(keras.Model(x, layers.Rescaling(2.0, 1.0, name="y")(x))).inputs == ["x[N]"]
    scalar = keras.Input(batch_shape=(), name="scalar")
    found = convert(keras.Model(scalar, ops.tanh(scalar) * 2))
    assert found.inputs == ["scalar[]"]


# --- kinds of models ---------------------------------------------------------------------------------------------------


@keras.saving.register_keras_serializable("modelport_tests")
class Twice(keras.Model):
    def __init__(self, units, **settings):
        super().__init__(**settings)
        self.units = units
        self.dense = layers.Dense(units)

    def call(self, x, training=None):
        return {"once": self.dense(x), "twice": self.dense(x) * 2}

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_a_subclass_with_a_configuration_goes_through_its_file(tmp_path):
    model = Twice(3)
    model(floats(2, 4))
    model.save(tmp_path / "twice.keras")
    conversion = modelport.convert(tmp_path / "twice.keras", to="onnx", proof_seconds=0)
    found = Converted(conversion)
    assert (found.inputs, found.outputs) == (["x[N,4]"], ["once[N,3]", "twice[N,3]"])
    np.testing.assert_allclose(found.run(x=floats(5, 4))[1], model(floats(5, 4))["twice"], rtol=1e-5, atol=1e-6)


class Functional(keras.Model):
    def __init__(self, units=3, **settings):
        x = keras.Input((4,), name="x")
        super().__init__(inputs=x, outputs=layers.Dense(units, name="y")(x), **settings)


def test_a_subclass_that_is_functional_keeps_the_names_of_its_layers():
    found = convert(Functional())
    assert (found.inputs, found.outputs) == (["x[N,4]"], ["y[N,3]"])


def test_a_sequential_model_that_was_never_built_takes_the_users_input():
    model = keras.Sequential([layers.Dense(3), layers.Dense(2, name="y")])
    with pytest.raises(errors.SignatureNeeded):
        convert(model)
    found = convert(model, "x:float32[N,4]")
    assert (found.inputs, found.outputs) == (["x[N,4]"], ["y[N,2]"])


def test_a_sequential_model_built_by_a_call_has_an_open_batch():
    model = keras.Sequential([layers.Conv1D(3, 2), layers.GlobalMaxPooling1D(name="y")])
    model(floats(2, 5, 4))
    assert convert(model).outputs == ["y[N,3]"]
    assert convert(model, "series:float32[N,5,4]").inputs == ["series[N,5,4]"]


def test_a_nested_model_is_part_of_the_graph():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4, "relu"), layers.Dense(4)], name="inner")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, {"once": inner(x), "twice": inner(inner(x))})
    assert convert(model).outputs == ["once[N,4]", "twice[N,4]"]


@pytest.mark.parametrize("name", ["two words", "größe_日本", "dots.and-dashes", "1st", "a:b", "x[0]"])
def test_any_name_that_keras_takes_is_the_name_in_the_graph(name):
    x = keras.Input((4,), name=name)
    model = keras.Model(x, layers.Dense(2, name=f"{name} out")(x))
    found = convert(model)
    assert [value.name for value in found.proto.graph.input] == [name]
    assert [value.name for value in found.proto.graph.output] == [f"{name} out"]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [("LSTM", (2, 5, 4)), ("GRU", (2, 5, 4)), ("SimpleRNN", (2, 5, 4)), ("ConvLSTM1D", (2, 5, 6, 4))],
)
def test_layers_that_remember_the_call_before_are_refused(layer, shape):
    x = keras.Input(batch_shape=shape, name="x")
    settings = {"kernel_size": 2} if layer == "ConvLSTM1D" else {}
    model = keras.Model(x, getattr(layers, layer)(3, stateful=True, name="memory", **settings)(x))
    with pytest.raises(errors.CannotConvert, match="stateful") as caught:
        convert(model)
    assert "memory" in str(caught.value)


def test_a_sparse_input_is_refused():
    x = keras.Input((4,), sparse=True, name="x")
    with pytest.raises(errors.CannotConvert, match="sparse"):
        convert(keras.Model(x, layers.Dense(2)(x)))


# --- dtypes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "float16", "float64"])
def test_an_input_of_any_dtype_is_cast_as_keras_does(dtype):
    x = keras.Input((4,), dtype=dtype, name="x")
    y = layers.Dense(3, name="y")(ops.cast(x, "float32") / 100.0)
    found = convert(keras.Model(x, {"y": y, "same": x}))
    assert tf.as_dtype(dtype).as_numpy_dtype == found.run(x=np.ones((2, 4), dtype))[0].dtype


def test_pictures_may_be_bytes():
    x = keras.Input((8, 8, 3), dtype="uint8", name="x")
    y = layers.Conv2D(2, 3, name="y")(layers.Rescaling(1 / 127.5, -1)(x))
    found = convert(keras.Model(x, y))
    assert found.proto.graph.input[0].type.tensor_type.elem_type == 2


WHOLE = {
    "lambda": lambda: layers.Lambda(lambda x: ops.top_k(x, 1)[1], name="y"),
    "lambda with a shape": lambda: layers.Lambda(lambda x: tf.argmax(x, -1), output_shape=(), name="y"),
    "a layer of one's own": lambda: Positive(name="y"),
}


class Positive(layers.Layer):
    def call(self, inputs):
        return ops.cast(inputs > 0, "int32")

    def compute_output_shape(self, input_shape):
        return input_shape


@pytest.mark.parametrize("name", WHOLE)
def test_what_a_layer_returns_decides_on_its_dtype(name):
    x = keras.Input((4,), name="x")
    model, array = keras.Model(x, WHOLE[name]()(x)), floats(3, 4)
    found = convert(model)
    (result,) = found.run(x=array)
    np.testing.assert_array_equal(result, np.asarray(model(array)))
    assert result.dtype.kind == "i"


def test_texts_go_in_and_out():
    text = keras.Input((2,), dtype="string", name="text")
    model = keras.Model(text, layers.StringLookup(vocabulary=["a", "b"], name="y")(text))
    assert convert(model).inputs == ["text[N,2]"]
