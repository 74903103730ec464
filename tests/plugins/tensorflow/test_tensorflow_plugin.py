import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from plugin_case import assert_onnx_agrees, options

from modelport import errors
from modelport.plugins import registry


@pytest.fixture(scope="module")
def plugin():
    return registry().get("tensorflow")


class Scorer(tf.Module):
    def __init__(self):
        super().__init__()
        self.weight = tf.Variable(floats(4, 3), name="weight")

    @tf.function(input_signature=[tf.TensorSpec((None, 4), name="x")])
    def score(self, x):
        return {"total": tf.reduce_sum(x @ self.weight, axis=-1), "parts": x @ self.weight}

    @tf.function(input_signature=[tf.TensorSpec((None, None, 4), name="sequence"), tf.TensorSpec((), name="scale")])
    def scan(self, sequence, scale):
        return tf.cumsum(sequence @ self.weight, axis=1) * scale, tf.shape(sequence)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    module, path = Scorer(), tmp_path_factory.mktemp("saved")
    tf.saved_model.save(module, path, signatures={"serving_default": module.score, "scan": module.scan})
    return module, path


# --- SavedModel folders --------------------------------------------------------------------------


def test_a_saved_model_folder_is_recognised(saved):
    plugin, detection = registry().detect(saved[1])
    assert (plugin.key, detection.confidence) == ("tensorflow", 1.0)


def test_the_default_signature_keeps_its_names_and_its_values(plugin, saved):
    module, path = saved
    loaded = plugin.call("load", source=path, options=options(plugin))
    expected = module.score(floats(5, 4))
    outputs = {"parts": expected["parts"], "total": expected["total"]}
    signature = assert_onnx_agrees(plugin, loaded, {"x": floats(5, 4)}, outputs)
    assert str(signature.inputs[0]) == "x:float32[N,4]"


def test_another_signature_is_chosen_by_name(plugin, saved):
    module, path = saved
    chosen = options(plugin, values={"signature": "scan"})
    loaded = plugin.call("load", source=path, options=chosen)
    sequence, scale = floats(2, 7, 4), np.array(1.5, dtype="float32")
    total, shape = module.scan(sequence, scale)
    inputs, outputs = {"scale": scale, "sequence": sequence}, {"output_0": total, "output_1": shape}
    signature = assert_onnx_agrees(plugin, loaded, inputs, outputs, chosen)
    assert [str(spec) for spec in signature.inputs] == ["scale:float32[]", "sequence:float32[N,sequence_1,4]"]


def test_an_unknown_signature_is_refused_with_the_known_ones(plugin, saved):
    with pytest.raises(errors.InvalidOption, match="did you mean 'scan'") as caught:
        plugin.call("load", source=saved[1], options=options(plugin, values={"signature": "scam"}))
    assert "serving_default" in str(caught.value)


def test_a_saved_model_without_signatures_is_refused(plugin, tmp_path):
    tf.saved_model.save(tf.Module(), tmp_path / "bare")
    with pytest.raises(errors.SourceUnreadable, match="no signatures"):
        plugin.call("load", source=tmp_path / "bare", options=options(plugin))


@pytest.mark.parametrize("part", ["saved_model.pb", "variables/variables.index"])
def test_a_damaged_saved_model_is_unreadable(plugin, tmp_path, part):
    module = Scorer()
    tf.saved_model.save(module, tmp_path, signatures=module.score)
    content = (tmp_path / part).read_bytes()
    (tmp_path / part).write_bytes(content[: len(content) // 2])
    with pytest.raises(errors.SourceUnreadable, match="cannot load"):
        plugin.call("load", source=tmp_path, options=options(plugin))


def test_an_operator_that_tensorflow_does_not_know_is_named(plugin, tmp_path):
    module = Scorer()
    tf.saved_model.save(module, tmp_path, signatures=module.score)
    path = tmp_path / "saved_model.pb"
    path.write_bytes(path.read_bytes().replace(b"MatMul", b"MyMuls"))
    with pytest.raises(errors.UnsupportedOps, match="MyMuls"):
        plugin.call("load", source=tmp_path, options=options(plugin))


# --- in memory -----------------------------------------------------------------------------------


def test_a_module_is_converted_by_the_function_that_is_named(plugin):
    module = Scorer()
    expected = module.score(floats(2, 4))
    outputs = {"parts": expected["parts"], "total": expected["total"]}
    assert_onnx_agrees(plugin, module, {"x": floats(2, 4)}, outputs, options(plugin, values={"signature": "score"}))


def test_a_module_with_several_functions_asks_which(plugin):
    with pytest.raises(errors.InvalidOption, match="scan, score"):
        plugin.call("signature", model=Scorer(), options=options(plugin))


def test_a_module_without_functions_is_refused(plugin):
    with pytest.raises(errors.CannotConvert, match=r"@tf\.function"):
        plugin.call("signature", model=tf.Module(), options=options(plugin))


def test_a_function_takes_nested_inputs(plugin):
    @tf.function(input_signature=[{"b": tf.TensorSpec((None, 2), name="b"), "a": tf.TensorSpec((None, 2), name="a")}])
    def divide(pair):
        return [pair["a"] / pair["b"], {"difference": pair["a"] - pair["b"]}]

    inputs = {"a": floats(3, 2), "b": floats(3, 2) + 9}
    quotient, rest = divide({name: tf.constant(array) for name, array in inputs.items()})
    assert_onnx_agrees(plugin, divide, inputs, {"output_0": quotient, "difference": rest["difference"]})


def test_a_function_without_input_signature_takes_the_users_inputs(plugin):
    function = tf.function(lambda x: tf.nn.relu(x))
    chosen = options(plugin, "x:float32[B,T]")
    signature = assert_onnx_agrees(
        plugin, function, {"x": floats(3, 4)}, {"output_0": tf.nn.relu(floats(3, 4))}, chosen
    )
    assert signature.inputs[0].shape is not None
    with pytest.raises(errors.SignatureNeeded, match="--input"):
        plugin.call("signature", model=function, options=options(plugin))


def test_a_concrete_function_is_converted_as_it_is(plugin):
    function = tf.function(lambda x: x * 2).get_concrete_function(tf.TensorSpec((None, 2), name="x"))
    assert_onnx_agrees(plugin, function, {"x": floats(3, 2)}, {"output_0": floats(3, 2) * 2})


def test_captured_constants_are_no_inputs(plugin):
    offset = tf.constant(floats(2))
    function = tf.function(lambda x: x + offset).get_concrete_function(tf.TensorSpec((None, 2), name="x"))
    assert_onnx_agrees(plugin, function, {"x": floats(3, 2)}, {"output_0": floats(3, 2) + floats(2)})


def test_control_flow_that_depends_on_the_data_is_kept(plugin):
    @tf.function(input_signature=[tf.TensorSpec((None,), name="x"), tf.TensorSpec((), tf.int32, name="times")])
    def double(x, times):
        for _ in tf.range(times):
            x = x * 2
        return x

    for times in (0, 3):
        inputs = {"x": floats(4), "times": np.array(times, dtype="int32")}
        assert_onnx_agrees(plugin, double, inputs, {"output_0": floats(4) * 2**times})


class Codes(tf.Module):
    def __init__(self):
        super().__init__()
        pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([4, 7], tf.int64))
        self.table = tf.lookup.StaticHashTable(pairs, -1)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
    def __call__(self, text):
        return self.table.lookup(text)


def test_lookup_tables_are_kept(plugin):
    text = np.array(["b", "a", "other"], dtype=object)
    assert_onnx_agrees(plugin, Codes(), {"text": text}, {"output_0": np.array([7, 4, -1])})


def test_strings_come_out_as_text(plugin):
    function = tf.function(lambda x: tf.identity(x)).get_concrete_function(tf.TensorSpec((None,), tf.string, name="x"))
    chosen = options(plugin)
    signature = plugin.call("signature", model=function, options=chosen)
    inputs = {"x": np.array(["a", "ü"], dtype=object)}
    (result,) = plugin.call("run", model=function, signature=signature, inputs=inputs, options=chosen).values()
    assert result.tolist() == ["a", "ü"]


# --- what cannot be converted --------------------------------------------------------------------


def test_python_inside_a_function_is_refused(plugin):
    @tf.function(input_signature=[tf.TensorSpec((None,), name="x")])
    def function(x):
        return tf.py_function(lambda value: value + 1, [x], tf.float32)

    chosen = options(plugin)
    signature = plugin.call("signature", model=function, options=chosen)
    with pytest.raises(errors.UnsupportedOps, match="EagerPyFunc"):
        plugin.call("to_onnx", model=function, signature=signature, opset=18, options=chosen)


def test_operators_without_a_form_are_all_reported(plugin):
    @tf.function(input_signature=[tf.TensorSpec((None,), name="x")])
    def function(x):
        return tf.math.bessel_i0(x), tf.math.igamma(x, x)

    chosen = options(plugin)
    signature = plugin.call("signature", model=function, options=chosen)
    with pytest.raises(errors.UnsupportedOps) as caught:
        plugin.call("to_onnx", model=function, signature=signature, opset=18, options=chosen)
    assert sorted(line.split(",")[0] for line in caught.value.ops) == ["BesselI0", "Igamma"]
