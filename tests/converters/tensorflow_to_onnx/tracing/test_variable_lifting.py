"""The variables of SavedModels and modules stay outside the graph and come back as lazily read initializers."""

import numpy as np
import onnx_ir as ir
import pytest
import tensorflow as tf

import modelport
from modelport_converters.tensorflow_to_onnx.tracing.variable_lifting import lift


class Network(tf.Module):
    """Reads its variables in the graph, through a gather, in a branch and in a loop; counts how often it was called."""

    def __init__(self):
        super().__init__()
        numbers = np.random.default_rng(4)
        self.table = tf.Variable(numbers.normal(size=(50, 8)).astype("float32"), name="table")
        self.square = tf.Variable(numbers.normal(size=(8, 8)).astype("float32") / 4, name="square")
        self.shift = tf.Variable(numbers.normal(size=(8,)).astype("float32"), name="shift")
        self.calls = tf.Variable(0, name="calls")

    @tf.function
    def step(self, x):
        return tf.nn.tanh(x @ self.square) + self.shift

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int64, name="ids")])
    def __call__(self, ids):
        x = tf.gather(self.table, ids)
        for _ in tf.range(3):
            x = self.step(x)
        return {"out": tf.cond(tf.reduce_sum(x) > 0.0, lambda: x + self.shift, lambda: x @ self.square)}

    @tf.function(input_signature=[tf.TensorSpec((None, 8), name="x")])
    def counted(self, x):
        self.calls.assign_add(1)
        return self.step(x) + tf.cast(tf.shape(self.square)[0], tf.float32)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path, module = tmp_path_factory.mktemp("lifted") / "model", Network()
    tf.saved_model.save(module, path, signatures={"serving_default": module.__call__, "counted": module.counted})
    return path


IDS = np.array([3, 1, 40], np.int64)


@pytest.mark.parametrize("load", [False, True])
def test_a_function_computes_the_same_without_its_variables(saved, load):
    model = tf.saved_model.load(saved) if load else Network()
    function = model.signatures["serving_default"] if load else model.__call__.get_concrete_function()
    lifted = lift(function)
    assert sorted(weight.shape for weight in lifted.weights) == [(8,), (8, 8), (50, 8)]
    arrays = [weight.read() for weight in lifted.weights]
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        values = [tf.constant(array) for array in arrays]
        (result,) = session.run(lifted.call(tf.constant(IDS), *values))
    module = Network()
    np.testing.assert_allclose(result, module(tf.constant(IDS))["out"], rtol=1e-5)
    assert not {node.type for node in graph.get_operations()} & {"ReadVariableOp", "ResourceGather"}


def test_small_variables_become_constants():
    module = Network()
    lifted = lift(module.__call__.get_concrete_function(), smallest=300)
    assert sorted(weight.shape for weight in lifted.weights) == [(50, 8)]


def test_large_variables_become_lazily_read_initializers(saved, monkeypatch):
    monkeypatch.setattr("modelport_converters.tensorflow_to_onnx.export.DETACHED_BYTES", 200)
    conversion = modelport.convert(saved, to="onnx", proof_seconds=1)
    assert conversion.report.verdict == "proven"
    plugin = modelport.plugins.registry().get("tensorflow")
    options = modelport.spec.Options({"signature": "serving_default", "tags": None, "inputs_layout": "nchw"})
    model = tf.saved_model.load(saved)
    signature = plugin.call("signature", model=model, options=options)
    exported = plugin.call("to_onnx", model=model, signature=signature, opset=18, options=options)
    lazy = [v for v in exported.graph.initializers.values() if isinstance(v.const_value, ir.LazyTensor)]
    assert sorted(tuple(value.shape.numpy()) for value in lazy) == [(8, 8), (50, 8)]


def test_a_variable_that_is_assigned_stays_a_variable(saved):
    model = tf.saved_model.load(saved)
    assert sorted(weight.shape for weight in lift(model.signatures["counted"]).weights) == [(8,), (8, 8)]


class Steps(tf.Module):
    """Has what is rewritten before the translation inside functions of its own, as a SavedModel keeps them."""

    @tf.function
    def smoothed(self, x):
        return tf.scan(lambda state, row: state * 0.5 + row, x)

    @tf.function
    def chosen(self, index, x):
        return tf.switch_case(index, [lambda: x, lambda: x * 2.0, lambda: -x])

    @tf.function(input_signature=[tf.TensorSpec((), tf.int32, name="index"), tf.TensorSpec((None, 4), name="x")])
    def __call__(self, index, x):
        return {"chosen": self.chosen(index, x), "smoothed": self.smoothed(x) * 2.0}


def test_scans_and_choices_inside_functions_convert(tmp_path):
    tf.saved_model.save(Steps(), tmp_path)
    conversion = modelport.convert(tmp_path, to="onnx", proof_seconds=1)
    assert conversion.report.verdict == "proven"
