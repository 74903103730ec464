"""Small constants are read from initializers and Constant nodes; graph inputs and large tensors are none."""

import numpy as np
import pytest
from onnx_passes import inferred, model_of

from modelport_converters.tensorflow_to_onnx.passes import constants

GRAPH = """g (float[2,3,4] x) => (float[] y)
    <int64[2] given = {2, 1}> {
    own = Constant <value = float[2] {1.5, 2.5}> ()
    shape = Shape (x)
    axis = Constant <value_ints = [1]> ()
    m = ReduceMean <keepdims = 1> (x, given)
    y = ReduceSum <keepdims = 1> (m, axis)
}"""


@pytest.fixture
def values():
    graph = inferred(model_of(GRAPH)).graph
    return {value.name: value for node in graph for value in (*node.inputs, *node.outputs)}


@pytest.mark.parametrize(("name", "expected"), [("given", [2, 1]), ("own", [1.5, 2.5]), ("axis", [1])])
def test_initializers_and_constant_nodes_are_read(values, name, expected):
    assert constants.constant_shape(values[name]) == (len(expected),)
    np.testing.assert_array_equal(constants.constant(values[name]), expected)


@pytest.mark.parametrize("name", ["x", "shape", "y"])
def test_what_is_computed_is_no_constant(values, name):
    assert not constants.is_constant(values[name])
    assert constants.constant(values[name]) is None


def test_large_constants_are_left_to_be_read_lazily(values, monkeypatch):
    monkeypatch.setattr(constants, "_LARGEST", 1)
    assert constants.constant(values["given"]) is None
    assert constants.constant_shape(values["given"]) == (2,)


def test_axes_are_those_of_the_input_or_of_the_attribute(values):
    assert constants.axes_of(values["m"].producer()) == [2, 1]
    assert constants.axes_of(values["y"].producer()) == [1]
    old = inferred(model_of("g (float[2,3] x) => (float[] y) { y = ReduceMax <axes = [-1]> (x) }", opset=13))
    assert constants.axes_of(next(iter(old.graph))) == [-1]
