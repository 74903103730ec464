"""The export of TensorFlow functions: interface, weights, refusals."""

import numpy as np
import onnx_ir as ir
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import ran

from modelport.errors import CannotConvert, UnsupportedOps
from modelport.signature import TensorSpec
from modelport_converters.tensorflow_to_onnx.detached_weights import Weight
from modelport_converters.tensorflow_to_onnx.export import export
from modelport_converters.tensorflow_to_onnx.handler import NEWEST_OPSET

X = TensorSpec("x", "float32", ("N", 4))
Y = TensorSpec("y", "float32", ("N", 4))


def exported(call, inputs=(X,), outputs=(Y,), weights=(), opset=NEWEST_OPSET):
    return ir.to_proto(export(call, inputs, outputs, opset=opset, owner=tf.Module(), weights=weights))


def test_functions_compiled_with_xla_are_inlined():
    compiled = tf.function(lambda value: value * 3, jit_compile=True)
    (y,) = ran(exported(lambda value: [compiled(value) + 1]), x=floats(2, 4))
    np.testing.assert_allclose(y, floats(2, 4) * 3 + 1, rtol=1e-6)


def test_weights_become_initializers_and_are_not_read_by_the_export():
    reads = []
    weight = Weight("weight", "float32", (4, 300), lambda: reads.append(1) or floats(4, 300))
    output = TensorSpec("y", "float32", ("N", 300))
    model = export(lambda value, w: [value @ w], (X,), (output,), opset=18, owner=tf.Module(), weights=[weight])
    assert reads == []
    assert [value.name for value in model.graph.inputs] == ["x"]
    assert list(model.graph.initializers) == ["weight"]
    np.testing.assert_allclose(ran(ir.to_proto(model), x=floats(2, 4))[0], floats(2, 4) @ floats(4, 300), rtol=1e-5)


def test_the_dimensions_of_the_inputs_are_those_asked_for():
    inputs = (TensorSpec("a", "float32", ("rows", "columns")), TensorSpec("b", "float32", (3, "columns")))
    model = exported(
        lambda a, b: [tf.matmul(a, b, transpose_b=True)], inputs, (TensorSpec("y", "float32", ("rows", 3)),)
    )
    shapes = {value.name: value.type.tensor_type.shape.dim for value in [*model.graph.input, *model.graph.output]}
    named = {name: [dim.dim_param or dim.dim_value for dim in dims] for name, dims in shapes.items()}
    assert named == {"a": ["rows", "columns"], "b": [3, "columns"], "y": ["rows", 3]}


def test_a_fixed_size_reaches_the_output():
    model = exported(lambda value: [value + 1], (TensorSpec("x", "float32", (2, 4)),))
    assert [dim.dim_value for dim in model.graph.output[0].type.tensor_type.shape.dim] == [2, 4]


def test_every_open_size_of_an_output_has_a_symbol():
    output = TensorSpec("y", "float32", None)
    model = exported(lambda value: [tf.boolean_mask(tf.transpose(value), value[0] > 0)], outputs=(output,))
    named = [dim.dim_param for dim in model.graph.output[0].type.tensor_type.shape.dim]
    assert len(set(named)) == 2
    assert all(named)


def test_a_scalar_has_a_shape_without_dimensions():
    model = exported(lambda value: [tf.reduce_sum(value)], outputs=(TensorSpec("y", "float32", ()),))
    assert model.graph.output[0].type.tensor_type.HasField("shape")
    np.testing.assert_allclose(ran(model, x=floats(2, 4))[0], floats(2, 4).sum(), rtol=1e-5)


def test_an_unknown_operator_inside_a_loop_is_found():
    def call(value):
        return tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, tf.math.igamma(v, v)), (0, value))[1:]

    with pytest.raises(UnsupportedOps, match="Igamma"):
        exported(call)


def test_bfloat16_inside_the_graph_is_refused():
    with pytest.raises(CannotConvert, match="bfloat16"):
        exported(lambda value: [tf.cast(tf.cast(value, tf.bfloat16) * 2, tf.float32)])
