"""ONNX to a SavedModel through the plugin: the signature, the layout of images, weights that can be trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
import tensorflow as tf
from onnx import numpy_helper

import modelport
from modelport_converters.onnx_to_tensorflow import build

RNG = np.random.default_rng(0)


def convolution(path: Path) -> Path:
    """Write a convolution with a batch normalisation, a pool and a linear head, x:float32[N,3,8,10]."""
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["": 20]>
        g (float[N,3,8,10] x) => (float[N,5] scores) {
            a = Conv<pads = [1,1,1,1], strides = [2,2]>(x, w)
            b = BatchNormalization(a, scale, shift, mean, variance)
            c = Relu(b)
            d = GlobalAveragePool(c)
            e = Flatten(d)
            scores = Gemm<transB = 1>(e, head, bias)
        }"""
    )
    weights = {
        "w": RNG.standard_normal((4, 3, 3, 3)), "scale": RNG.uniform(0.5, 2, 4), "shift": RNG.standard_normal(4),
        "mean": RNG.standard_normal(4), "variance": RNG.uniform(0.5, 2, 4), "head": RNG.standard_normal((5, 4)),
        "bias": RNG.standard_normal(5),
    }  # fmt: skip
    model.graph.initializer.extend(numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items())
    onnx.save(model, path)
    return path


def answers(path: Path, x: Any) -> Any:
    return onnxruntime.InferenceSession(str(path)).run(None, {"x": x})[0]


def test_a_saved_model_has_one_signature_named_after_the_onnx_inputs_and_outputs(tmp_path: Path) -> None:
    source = convolution(tmp_path / "model.onnx")
    conversion = modelport.convert(source, to="tensorflow", output=tmp_path / "out")
    assert conversion.report.verdict == "proven"
    loaded = tf.saved_model.load(str(tmp_path / "out"))
    assert list(loaded.signatures) == ["serving_default"]
    x = RNG.standard_normal((2, 3, 8, 10)).astype(np.float32)
    results = loaded.signatures["serving_default"](x=tf.constant(x))
    assert list(results) == ["scores"]
    np.testing.assert_allclose(results["scores"].numpy(), answers(source, x), rtol=1e-4, atol=1e-5)


def test_images_are_taken_channels_last_on_request_and_the_proof_holds(tmp_path: Path) -> None:
    source = convolution(tmp_path / "model.onnx")
    options = {"inputs_layout": "nhwc"}
    conversion = modelport.convert(source, to="tensorflow", output=tmp_path / "out", options=options)
    assert conversion.report.verdict == "proven"
    function = tf.saved_model.load(str(tmp_path / "out")).signatures["serving_default"]
    x = RNG.standard_normal((2, 3, 8, 10)).astype(np.float32)
    found = function(x=tf.constant(np.moveaxis(x, 1, -1)))["scores"].numpy()
    np.testing.assert_allclose(found, answers(source, x), rtol=1e-4, atol=1e-5)


def test_a_convolutional_network_has_one_transposition_at_its_input(tmp_path: Path) -> None:
    source = convolution(tmp_path / "model.onnx")
    modelport.convert(source, to="tensorflow", output=tmp_path / "out", verify=False)
    function = tf.saved_model.load(str(tmp_path / "out")).signatures["serving_default"]
    graph = function.graph.as_graph_def()
    ops = [node.op for inner in graph.library.function for node in inner.node_def]
    assert ops.count("Transpose") == 1
    assert ops.count("Conv2D") == 1
    assert "FusedBatchNormV3" not in ops


def test_a_trainable_model_learns_after_it_is_reloaded(tmp_path: Path) -> None:
    source = convolution(tmp_path / "model.onnx")
    options = {"trainable": True}
    assert (
        modelport.convert(source, to="tensorflow", output=tmp_path / "out", options=options).report.verdict == "proven"
    )
    loaded = tf.saved_model.load(str(tmp_path / "out"))
    function = loaded.signatures["serving_default"]
    x = tf.constant(RNG.standard_normal((8, 3, 8, 10)).astype(np.float32))
    variables = [variable for variable in loaded.weights if variable.trainable]
    assert {tuple(variable.shape) for variable in variables} >= {(3, 3, 3, 4), (4, 5), (5,)}

    def loss() -> Any:
        return tf.reduce_mean(tf.square(function(x=x)["scores"] - 1.0))

    before = loss().numpy()
    for _ in range(5):
        with tf.GradientTape() as tape:
            value = loss()
        for variable, gradient in zip(variables, tape.gradient(value, variables), strict=True):
            variable.assign_sub(0.01 * gradient)
    assert loss().numpy() < 0.9 * before


def test_large_weights_become_variables_and_the_report_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "LARGEST_CONSTANTS", 100)
    source = convolution(tmp_path / "model.onnx")
    report = modelport.convert(source, to="tensorflow", output=tmp_path / "out").report
    assert report.verdict == "proven"
    assert any("variables" in note for note in report.notes)
    assert tf.saved_model.load(str(tmp_path / "out")).weights


def test_a_result_in_memory_runs_too(tmp_path: Path) -> None:
    source = convolution(tmp_path / "model.onnx")
    conversion = modelport.convert(source, to="tensorflow")
    assert conversion.report.verdict == "proven"
    x = RNG.standard_normal((1, 3, 8, 10)).astype(np.float32)
    found = conversion.model.signatures["serving_default"](x=tf.constant(x))["scores"].numpy()
    np.testing.assert_allclose(found, answers(source, x), rtol=1e-4, atol=1e-5)


def test_what_was_translated_converts_back(tmp_path: Path) -> None:
    source = convolution(tmp_path / "model.onnx")
    modelport.convert(source, to="tensorflow", output=tmp_path / "out")
    back = modelport.convert(tmp_path / "out", output=tmp_path / "back.onnx")
    assert back.report.verdict == "proven"
    assert modelport.verify(source, tmp_path / "back.onnx").verdict == "proven"
