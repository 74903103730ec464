"""Names, order and dimensions of the inputs and outputs of an exported model."""

import pytest
import tensorflow as tf
from onnx import helper

from modelport.signature import TensorSpec
from modelport_converters.tensorflow_to_onnx.interface import set_dims, set_interface, tensor_spec


@pytest.mark.parametrize(
    ("shape", "expected"), [(("N", 3), [None, 3]), ((), []), ((2,), [2]), (None, None)],
)  # fmt: skip
def test_symbolic_dimensions_are_dynamic_in_tensorflow(shape, expected):
    spec = tensor_spec(TensorSpec("x", "int64", shape))
    assert spec.dtype == tf.int64
    assert (None if spec.shape.rank is None else spec.shape.as_list()) == expected


def dims(value):
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


def test_dimensions_are_declared_and_a_scalar_has_a_shape():
    value = helper.make_tensor_value_info("x", 1, [7, 7, 7])
    set_dims(value, ["N", 3])
    assert dims(value) == ["N", 3]
    set_dims(value, [])
    assert value.type.tensor_type.HasField("shape")
    assert dims(value) == []


def test_unused_inputs_come_back_in_order_and_dynamic_outputs_take_the_batch_of_the_inputs():
    inputs = [TensorSpec(name, "float32", ("B", size)) for name, size in (("a", 4), ("b", 5), ("c", 6))]
    outputs = [TensorSpec("y", "float32", ("rows", "columns")), TensorSpec("z", "float32", None)]
    function = tf.function(lambda a, b, c: (c * 2.0, tf.boolean_mask(c, c[:, 0] > 0))).get_concrete_function(
        *map(tensor_spec, inputs)
    )
    used = helper.make_tensor_value_info("c", 1, [None, 6])
    results = [helper.make_tensor_value_info(name, 1, None) for name in ("y", "z")]
    model = helper.make_model(helper.make_graph([], "g", [used], results))
    set_interface(model, function, inputs, outputs)
    assert {value.name: dims(value) for value in model.graph.input} == {"a": ["B", 4], "b": ["B", 5], "c": ["B", 6]}
    assert {value.name: dims(value) for value in model.graph.output} == {"y": ["B", 6], "z": ["B", 6]}
