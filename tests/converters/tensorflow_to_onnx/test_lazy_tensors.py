"""Lazily read tensors call their reader when their values are asked for, each time, and not before."""

import numpy as np
import onnx_ir as ir
import pytest

from modelport_converters.tensorflow_to_onnx.lazy_tensors import derived, initializer, lazy

ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def read():
    """A reader that counts."""

    def reader():
        reader.count += 1
        return ARRAY

    reader.count = 0
    return reader


def test_values_are_read_on_demand_and_not_kept(read):
    tensor = lazy("w", read, ir.DataType.FLOAT, ARRAY.shape)
    assert (tensor.name, tuple(tensor.shape.numpy()), tensor.dtype, read.count) == ("w", (2, 3), ir.DataType.FLOAT, 0)
    for count in (1, 2):
        np.testing.assert_array_equal(tensor.numpy(), ARRAY)
        assert read.count == count


def test_what_is_computed_of_a_lazy_tensor_is_lazy(read):
    doubled = derived(lazy("w", read, ir.DataType.FLOAT, ARRAY.shape), lambda array: array * 2, "d")
    assert read.count == 0
    np.testing.assert_array_equal(doubled.numpy(), ARRAY * 2)
    assert doubled.name == "d"


def test_what_is_computed_of_another_tensor_is_computed_at_once():
    doubled = derived(ir.tensor(ARRAY, name="w"), lambda array: array * 2, "d")
    assert not isinstance(doubled, ir.LazyTensor)
    np.testing.assert_array_equal(doubled.numpy(), ARRAY * 2)


def test_an_initializer_has_the_type_and_shape_of_its_tensor(read):
    graph = ir.Graph([], [], nodes=[])
    value = initializer(graph, lazy("w", read, ir.DataType.FLOAT, ARRAY.shape))
    assert graph.initializers["w"] is value
    assert (value.dtype, list(value.shape)) == (ir.DataType.FLOAT, [2, 3])
    assert read.count == 0
