"""TensorFlow Lite files: written from ONNX, read into ONNX, run by LiteRT; expectations are ONNX Runtime's or TensorFlow's."""

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from onnx import TensorProto, helper, numpy_helper

import modelport
from modelport import errors
from modelport.plugins import registry
from modelport.plugins.options import parse_options
from modelport.spec import Options
from modelport_converters.onnx_to_tensorflow.build import Module
from modelport_converters.onnx_to_tensorflow.lite import to_flatbuffer
from modelport_converters.tensorflow_to_onnx.litert import LiteModel


@pytest.fixture(scope="module")
def plugin():
    return registry().get("tflite")


def options(plugin, **values):
    return Options(parse_options(plugin.framework, values))


def floats(*shape, seed=3):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def weight(name, *shape):
    return numpy_helper.from_array(0.3 * floats(*shape, seed=len(name)), name)


def onnx_model(nodes, inputs, outputs, weights=()):
    values = [
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in ports.items()]
        for ports in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "g", *values, list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def cnn():
    """Images of 3x8x8, channels first, with names that TensorFlow does not admit."""
    nodes = [
        helper.make_node("Conv", ["image.0", "kernel", "bias"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Reshape", ["p", "flat"], ["f"]),
        helper.make_node("Gemm", ["f", "dense", "offset"], ["class/logits"]),
    ]
    weights = [weight("kernel", 16, 3, 3, 3), weight("bias", 16), weight("dense", 256, 10), weight("offset", 10)]
    weights.append(numpy_helper.from_array(np.array([-1, 256]), "flat"))
    inputs, outputs = {"image.0": (1, ["N", 3, 8, 8])}, {"class/logits": (1, ["N", 10])}
    return onnx_model(nodes, inputs, outputs, weights)


def mlp():
    """Two outputs and two inputs, neither in alphabetical order."""
    nodes = [
        helper.make_node("MatMul", ["z", "w"], ["zw"]),
        helper.make_node("Add", ["zw", "a"], ["second"]),
        helper.make_node("Relu", ["second"], ["first"]),
    ]
    inputs, outputs = {"z": (1, ["N", 4]), "a": (1, ["N", 5])}, {"second": (1, ["N", 5]), "first": (1, ["N", 5])}
    return onnx_model(nodes, inputs, outputs, [weight("w", 4, 5)])


def by_onnxruntime(model, arrays):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, arrays)


def interpreted(path, arrays):
    """Run a file in LiteRT's own way, by the names of its signature."""
    return Interpreter(str(path)).get_signature_runner()(**arrays)


def lite(function, *specs):
    """Return the file that TensorFlow's converter makes of a function."""
    traced = tf.function(lambda *tensors: function(*tensors), input_signature=specs)
    return LiteModel(to_flatbuffer(Module(traced, [])))


# --- from ONNX -----------------------------------------------------------------------------------


def test_a_cnn_is_proven_and_runs_in_litert_at_any_batch(tmp_path):
    report = modelport.convert(cnn(), output=tmp_path / "cnn.tflite").report
    assert report.verdict == "proven"
    assert [proof.candidate.split()[0] for proof in report.proofs] == ["ONNX", "TensorFlow", "TensorFlow"]
    for batch in (1, 5):
        images = floats(batch, 3, 8, 8)
        (expected,) = by_onnxruntime(cnn(), {"image.0": images})
        (got,) = interpreted(tmp_path / "cnn.tflite", {"image_0": images}).values()
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_inputs_and_outputs_are_found_by_name(tmp_path):
    arrays = {"z": floats(3, 4), "a": floats(3, 5)}
    second, first = by_onnxruntime(mlp(), arrays)
    assert modelport.convert(mlp(), output=tmp_path / "mlp.tflite").report.verdict == "proven"
    got = interpreted(tmp_path / "mlp.tflite", arrays)
    np.testing.assert_allclose(got["second"], second, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got["first"], first, rtol=1e-4, atol=1e-5)


def agrees_in_litert(model, path, name, images):
    assert modelport.convert(model, output=path).report.verdict == "proven"
    (expected,) = by_onnxruntime(model, {name: images})
    (got,) = interpreted(path, {name: images}).values()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kernel", "attributes"),
    [
        ((4, 4), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),  # SAME
        ((3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ((3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),  # cropped
        ((5, 4), {"strides": [2, 1], "pads": [2, 1, 1, 3]}),
        ((3, 3), {"strides": [2, 2], "pads": [0, 1, 0, 2]}),
        ((4,), {"strides": [2], "pads": [1, 1]}),
    ],
    ids=str,
)
def test_transposed_convolutions_with_crops_run_in_litert(tmp_path, kernel, attributes):
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], **attributes)
    sizes = [5, 6][: len(kernel)]
    ports = {"x": (1, ["N", 3, *sizes])}, {"y": (1, ["N", 4, *"AB"[: len(kernel)]])}
    model = onnx_model([node], *ports, [weight("w", 3, 4, *kernel)])
    agrees_in_litert(model, tmp_path / "model.tflite", "x", floats(2, 3, *sizes))


def test_a_shape_is_cut_from_before_its_first_element_in_litert(tmp_path):
    """As PyTorch exports scaled_dot_product_attention; TensorFlow's converter died of it."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Slice", ["shape", "start", "end"], ["front"]),
        helper.make_node("Concat", ["front", "rest"], ["wanted"], axis=0),
        helper.make_node("Reshape", ["x", "wanted"], ["y"]),
    ]
    numbers = {"start": [-(2**63)], "end": [-2], "rest": [2, 20]}
    weights = [numpy_helper.from_array(np.array(value), name) for name, value in numbers.items()]
    model = onnx_model(nodes, {"x": (1, ["N", 4, 5, 8])}, {"y": (1, ["N", 4, 2, 20])}, weights)
    agrees_in_litert(model, tmp_path / "model.tflite", "x", floats(3, 4, 5, 8))


@pytest.mark.parametrize("sizes", [(3, 5), (3, "T"), ("N", 5), ("N", "T")], ids=str)
@pytest.mark.parametrize("axis", [3, -2])
def test_a_dimension_that_moved_is_squeezed_in_litert(tmp_path, sizes, axis):
    """As PyTorch exports nn.MultiheadAttention."""
    nodes = [
        helper.make_node("Unsqueeze", ["x", "zero"], ["u"]),
        helper.make_node("Transpose", ["u"], ["t"], perm=[3, 1, 2, 0, 4]),
        helper.make_node("Squeeze", ["t", "axis"], ["y"]),
    ]
    weights = [numpy_helper.from_array(np.array([value]), name) for name, value in {"zero": 0, "axis": axis}.items()]
    model = onnx_model(nodes, {"x": (1, [*sizes, 3, 8])}, {"y": (1, [3, *sizes, 8])}, weights)
    agrees_in_litert(model, tmp_path / "model.tflite", "x", floats(3, 5, 3, 8))


def test_images_are_taken_channels_last_on_request(tmp_path):
    images = floats(2, 3, 8, 8)
    conversion = modelport.convert(cnn(), output=tmp_path / "cnn.tflite", options={"inputs_layout": "nhwc"})
    assert conversion.report.verdict == "proven"
    (got,) = interpreted(tmp_path / "cnn.tflite", {"image_0": np.moveaxis(images, 1, -1)}).values()
    (expected,) = by_onnxruntime(cnn(), {"image.0": images})
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_a_conversion_in_memory_gives_an_interpreter():
    model = modelport.convert(mlp(), to="litert").model
    assert isinstance(model, Interpreter)
    assert model.content[4:8] == b"TFL3"
    assert registry().owner(model).key == "tflite"


SHAPES = {
    "a scalar": ({"x": (1, ["N", 3]), "s": (1, [])}, ["N", 3]),
    "two unknown sizes": ({"x": (1, ["N", "T", 4]), "s": (1, ["N", "T", 1])}, ["N", "T", 4]),
    "integers": ({"x": (7, ["N", 3]), "s": (7, [3])}, ["N", 3]),
    "names that are one in TensorFlow": ({"a.b": (1, ["N", 3]), "a_b": (1, ["N", 3])}, ["N", 3]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_inputs_of_any_form_are_proven(name):
    inputs, shape = SHAPES[name]
    model = onnx_model(
        [helper.make_node("Sub", list(inputs), ["y"])], inputs, {"y": (next(iter(inputs.values()))[0], shape)}
    )
    assert modelport.convert(model, to="tflite").report.verdict == "proven"


def test_an_operator_that_has_no_form_for_a_type_is_named_with_it():
    model = onnx_model([helper.make_node("Add", ["x", "x"], ["y"])], {"x": (11, ["N", 3])}, {"y": (11, ["N", 3])})
    with pytest.raises(errors.UnsupportedOps, match=r"AddV2.*f64"):
        modelport.convert(model, to="tflite")


# --- lossy options -------------------------------------------------------------------------------

LOSSY = [
    pytest.param({"float16": True}, 0.65, 0.02, id="float16"),
    pytest.param({"int8": "dynamic"}, 0.5, 0.2, id="dynamic"),
    pytest.param({"int8": "full"}, 0.5, 0.5, id="full"),
    pytest.param({"int8": "full", "inputs_layout": "nhwc"}, 0.5, 0.5, id="full, channels last"),
]


@pytest.fixture(scope="module")
def float32_size(tmp_path_factory):
    path = tmp_path_factory.mktemp("float32") / "cnn.tflite"
    modelport.convert(cnn(), output=path, verify=False)
    return path.stat().st_size


@pytest.mark.parametrize(("chosen", "share", "atol"), LOSSY)
def test_rounded_weights_shrink_the_file_and_are_proven_at_the_users_tolerance(
    chosen, share, atol, float32_size, tmp_path
):
    images = floats(64, 3, 8, 8)
    path = tmp_path / "cnn.tflite"
    conversion = modelport.convert(cnn(), output=path, options=chosen, samples=images, rtol=0, atol=atol)
    assert conversion.report.verdict == "proven"
    assert path.stat().st_size < share * float32_size
    assert any("rounded" in note and "--atol" in note for note in conversion.report.notes)
    (expected,) = by_onnxruntime(cnn(), {"image.0": images})
    fed = np.moveaxis(images, 1, -1) if "inputs_layout" in chosen else images
    (got,) = interpreted(path, {"image_0": fed}).values()
    assert np.abs(got - expected).max() <= atol


def test_rounded_weights_that_fail_the_default_tolerance_are_named_with_the_flags_that_widen_it(tmp_path):
    with pytest.raises(errors.NotEquivalent) as caught:
        modelport.convert(cnn(), output=tmp_path / "cnn.tflite", options={"int8": "dynamic"})
    assert "-O int8=dynamic" in str(caught.value)
    assert "--rtol and --atol" in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("chosen", "says"), [({"int8": "full"}, "--samples"), ({"float16": True, "int8": "dynamic"}, "")]
)
def test_options_that_cannot_be_met_are_refused(chosen, says, tmp_path):
    with pytest.raises(errors.InvalidOption) as caught:
        modelport.convert(cnn(), output=tmp_path / "cnn.tflite", options=chosen)
    assert says in str(caught.value)


def test_samples_calibrate_inputs_of_several_shapes(tmp_path):
    arrays = {"z": floats(200, 4), "a": floats(200, 5)}
    chosen = {"int8": "full"}
    conversion = modelport.convert(
        mlp(), output=tmp_path / "mlp.tflite", options=chosen, samples=arrays, rtol=0, atol=0.2
    )
    assert conversion.report.verdict == "proven"


def test_quantised_networks_keep_their_accuracy_on_digits(tmp_path):
    datasets = pytest.importorskip("sklearn.datasets")
    neural = pytest.importorskip("sklearn.neural_network")
    x, y = datasets.load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    net = neural.MLPClassifier((64,), max_iter=150, tol=0, n_iter_no_change=150, random_state=0)
    with pytest.warns(match="Maximum iterations"):
        net.fit(x[:1300], y[:1300])
    (w1, w2), (b1, b2) = net.coefs_, net.intercepts_
    arrays = {"w1": w1, "w2": w2, "b1": b1, "b2": b2}
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["y"]),
    ]
    weights = [numpy_helper.from_array(array.astype("float32"), name) for name, array in arrays.items()]
    model = onnx_model(nodes, {"x": (1, ["N", 64])}, {"y": (1, ["N", 10])}, weights)
    held_out, labels = x[1300:], y[1300:]
    before = net.score(held_out, labels)
    for chosen in ({"float16": True}, {"int8": "dynamic"}, {"int8": "full"}):
        path = tmp_path / "net.tflite"
        modelport.convert(model, output=path, options=chosen, samples=x[:300], rtol=0, atol=2)
        (logits,) = interpreted(path, {"x": held_out}).values()
        assert (logits.argmax(1) == labels).mean() >= before - 0.01, chosen


# --- to ONNX -------------------------------------------------------------------------------------


def test_a_converted_file_goes_back_to_onnx(tmp_path):
    modelport.convert(cnn(), output=tmp_path / "cnn.tflite")
    back = modelport.convert(tmp_path / "cnn.tflite", output=tmp_path / "back.onnx")
    assert back.report.verdict == "proven"
    assert back.report.inputs == ["image_0:float32[N,3,8,8]"]
    images = floats(4, 3, 8, 8)
    (expected,) = by_onnxruntime(cnn(), {"image.0": images})
    np.testing.assert_allclose(by_onnxruntime(back.model, {"image_0": images})[0], expected, rtol=1e-4, atol=1e-5)


FUNCTIONS = {
    "gelu": lambda x: tf.nn.gelu(x),
    "gelu by tanh": lambda x: tf.nn.gelu(x, approximate=True),
    "integer division": lambda x: tf.cast(5 * x, tf.int32) // 2,
    "an input and a tensor twice": lambda x: {"same": x, "double": 2 * x, "again": 2 * x},
    "relu6 of a strided convolution": lambda x: tf.nn.relu6(
        tf.nn.conv2d(x[:, :, None, None], floats(3, 1, 1, 2), 2, "SAME")
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tensorflows_own_files_are_read(name):
    function, x = FUNCTIONS[name], floats(6, 6)
    conversion = modelport.convert(lite(function, tf.TensorSpec((None, 6), name="x")), opset=18)
    assert conversion.report.verdict == "proven"
    expected = tf.nest.flatten(function(tf.constant(x)))
    by_name = {value.name: array for value, array in zip(
        conversion.model.graph.output, by_onnxruntime(conversion.model, {"x": x}), strict=True
    )}  # fmt: skip
    for array, value in zip([by_name[key] for key in sorted(by_name)], expected, strict=True):
        np.testing.assert_allclose(array, value, rtol=1e-4, atol=1e-5)


def convolved(x, seed=1):
    return tf.nn.conv2d(x, floats(3, 3, int(x.shape[-1]), 6, seed=seed), 1, "SAME")


def test_images_keep_one_layout_between_convolutions():
    def squeezed_and_excited(x):
        y = convolved(x)
        weights = tf.reduce_mean(y, (1, 2))[:, None, None, :]
        return tf.reduce_mean(convolved(y * tf.sigmoid(weights), 2), (1, 2))

    conversion = modelport.convert(lite(squeezed_and_excited, tf.TensorSpec((None, 8, 8, 3), name="x")))
    assert conversion.report.verdict == "proven"
    kinds = [node.op_type for node in conversion.model.graph.node]
    assert kinds.count("Transpose") == 1  # of the input
    assert kinds.count("GlobalAveragePool") == 2
    assert "Reshape" not in kinds


def test_zeros_around_negative_values_count_in_a_maximum():
    def padded(x):
        return tf.nn.max_pool2d(tf.pad(-tf.abs(convolved(x)) - 1.0, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 2, "VALID")

    conversion = modelport.convert(lite(padded, tf.TensorSpec((None, 9, 8, 3), name="x")))
    assert conversion.report.verdict == "proven"
    x = floats(2, 9, 8, 3)
    (result,) = by_onnxruntime(conversion.model, {"x": x})
    assert result.max() == 0  # at the border; inside all is negative
    np.testing.assert_allclose(result, padded(x), rtol=1e-4, atol=1e-5)


def test_a_quantised_file_is_read_with_its_integers(tmp_path):
    images = floats(64, 3, 8, 8)
    path = tmp_path / "cnn.tflite"
    modelport.convert(cnn(), output=path, options={"int8": "full"}, samples=images, rtol=0, atol=0.5)
    back = modelport.convert(path, verify=False)
    assert "integers" in " ".join(back.report.notes)
    assert TensorProto.INT8 in {initializer.data_type for initializer in back.model.graph.initializer}
    plain = onnxruntime.SessionOptions()  # without the fused kernels, which saturate on processors without VNNI
    plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(back.model.SerializeToString(), plain, ["CPUExecutionProvider"])
    (got,) = session.run(None, {"image_0": images})
    (expected,) = interpreted(path, {"image_0": images}).values()
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


# --- reading and running -------------------------------------------------------------------------


def test_strings_are_text(plugin):
    model = lite(lambda x: {"y": tf.gather(x, [1, 0])}, tf.TensorSpec((None,), tf.string, name="x"))
    chosen = options(plugin)
    signature = plugin.call("signature", model=model, options=chosen)
    assert [str(spec) for spec in (*signature.inputs, *signature.outputs)] == ["x:string[N]", "y:string[2]"]
    inputs = {"x": np.array(["a", "ü", ""], dtype=object)}
    (result,) = plugin.call("run", model=model, signature=signature, inputs=inputs, options=chosen).values()
    assert result.dtype == object
    assert result.tolist() == ["ü", "a"]


def test_sizes_that_the_file_fixes_are_not_resized(plugin):
    model = lite(lambda x: {"y": x * 2}, tf.TensorSpec((2, 3), name="x"))
    chosen = options(plugin)
    signature = plugin.call("signature", model=model, options=chosen)
    for shape in ((3, 3), (2, 3, 1)):
        with pytest.raises(errors.InputsRefused):
            plugin.call("run", model=model, signature=signature, inputs={"x": floats(*shape)}, options=chosen)
    (result,) = plugin.call(
        "run", model=model, signature=signature, inputs={"x": floats(2, 3)}, options=chosen
    ).values()
    np.testing.assert_array_equal(result, 2 * floats(2, 3))


def test_a_file_without_a_signature_is_named_after_its_tensors(plugin):
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [tf.function(lambda x: x * 2).get_concrete_function(tf.TensorSpec((None, 3), name="x"))]
    )
    model = LiteModel(bytes(converter.convert()))
    assert [spec.name for spec in plugin.call("signature", model=model, options=options(plugin)).inputs] == ["x"]
    assert modelport.convert(model).report.verdict == "proven"


def test_an_interpreter_of_the_users_own_and_plain_bytes_are_converted():
    content = lite(lambda x: {"y": x * 2}, tf.TensorSpec((None, 3), name="x")).content
    assert modelport.convert(Interpreter(model_content=content)).report.verdict == "proven"
    assert modelport.convert(content, from_="tflite").report.verdict == "proven"


def test_a_benchmark_runs_with_the_threads_asked_for(plugin):
    model, chosen = lite(lambda x: {"y": x * 2}, tf.TensorSpec((None, 3), name="x")), options(plugin)
    signature = plugin.call("signature", model=model, options=chosen)
    call = plugin.call(
        "runner", model=model, signature=signature, inputs={"x": floats(7, 3)}, options=chosen, variant="", threads=2
    )
    np.testing.assert_array_equal(call()[0], 2 * floats(7, 3))


# --- what cannot be read or written --------------------------------------------------------------


def test_files_are_recognised_by_their_identifier(plugin, tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(lite(lambda x: {"y": x * 2}, tf.TensorSpec((None, 3), name="x")).content)
    assert registry().detect(path)[0].key == "tflite"
    assert registry().detect(path)[1].confidence == 1.0


@pytest.mark.parametrize("damage", ["half", "text", "zeros"])
def test_a_damaged_file_is_unreadable(plugin, tmp_path, damage, capfd):
    content = lite(lambda x: {"y": x @ floats(3, 100)}, tf.TensorSpec((None, 3), name="x")).content
    contents = {"half": content[: len(content) // 2], "text": b"no model at all", "zeros": content[:8] + bytes(1000)}
    path = tmp_path / "model.tflite"
    path.write_bytes(contents[damage])
    with pytest.raises(errors.SourceUnreadable) as caught:
        plugin.call("load", source=path, options=options(plugin))
    assert str(path) in str(caught.value)
    assert not capfd.readouterr().err


def test_operators_outside_litert_are_named(plugin, tmp_path):
    function = tf.function(lambda x: tf.linalg.det(x), input_signature=[tf.TensorSpec((None, 3, 3), name="x")])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    path = tmp_path / "model.tflite"
    path.write_bytes(converter.convert())
    with pytest.raises(errors.UnsupportedOps, match="FlexMatrixDeterminant"):
        plugin.call("load", source=path, options=options(plugin))


def test_operators_without_a_builtin_form_are_all_named(capfd):
    specs = [tf.TensorSpec((None, 3, 3), name="x"), tf.TensorSpec((None,), tf.string, name="s")]
    with pytest.raises(errors.UnsupportedOps) as caught:
        lite(lambda x, s: {"d": tf.linalg.det(x), "s": tf.strings.regex_replace(s, "a", "b")}, *specs)
    assert sorted(line.partition(":")[0] for line in caught.value.ops) == ["MatrixDeterminant", "StaticRegexReplace"]
    assert not capfd.readouterr().err


def test_operators_without_an_onnx_form_are_named():
    def function(x):
        waves = tf.math.real(tf.signal.rfft2d(x))
        return {"bin": tf.raw_ops.Bucketize(input=x, boundaries=[0.0, 1.0]), "waves": waves}

    with pytest.raises(errors.UnsupportedOps) as caught:
        modelport.convert(lite(function, tf.TensorSpec((8, 16), name="x")))
    assert {"TFL_BUCKETIZE", "TFL_REAL"} <= {line.partition(",")[0] for line in caught.value.ops}


def test_an_unknown_onnx_operator_is_named(tmp_path):
    model = onnx_model([helper.make_node("StringNormalizer", ["x"], ["y"])], {"x": (8, ["N"])}, {"y": (8, ["M"])})
    onnx.checker.check_model(model)
    with pytest.raises(errors.UnsupportedOps):
        modelport.convert(model, output=tmp_path / "model.tflite")
