"""Freezing traced functions: what stays in the graph, and what is refused."""

import numpy as np
import onnx_ir as ir
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import ran

from modelport.errors import CannotConvert
from modelport.signature import TensorSpec
from modelport_converters.tensorflow_to_onnx.export import export
from modelport_converters.tensorflow_to_onnx.tracing import freezing


class Scaled(tf.Module):
    """A module with a variable, and with a table that is looked up two functions deep."""

    def __init__(self):
        super().__init__()
        self.factor = tf.Variable(floats(3, seed=1))
        self.calls = tf.Variable(7)
        pairs = tf.lookup.KeyValueTensorInitializer(tf.constant([1, 2], tf.int64), tf.constant([5.0, 6.0]))
        self.table = tf.lookup.StaticHashTable(pairs, -1.0)
        self.inner = tf.function(lambda keys: self.table.lookup(keys))
        self.outer = tf.function(lambda keys: self.inner(keys) + 1.0)

    def unused(self, x):
        tf.linalg.inv(tf.matmul(x, x, transpose_a=True))  # nothing takes it
        return x * self.factor

    def counted(self, x):
        count = self.calls.read_value()
        self.calls.assign(count + 1)
        return x + tf.cast(count, tf.float32)


def frozen(call, *specs):
    function = tf.function(call, autograph=False).get_concrete_function(*specs)
    sources, targets = ([tensor.name for tensor in side] for side in (function.inputs[:1], function.outputs))
    return freezing.frozen(function, sources, targets, tf.Module())[0]


ROWS = tf.TensorSpec([None, 3], tf.float32)


def test_variables_become_constants_and_what_nothing_takes_is_gone():
    module = Scaled()
    graph = frozen(module.unused, ROWS)
    kinds = [node.op for node in graph.node]
    assert not {"MatrixInverse", "MatMul", "VarHandleOp", "ReadVariableOp"} & set(kinds)
    held = [tf.make_ndarray(node.attr["value"].tensor) for node in graph.node if node.op == "Const"]
    assert any(np.array_equal(array, module.factor.numpy()) for array in held)


def test_an_assignment_to_what_becomes_a_constant_is_dropped():
    module = Scaled()
    rows, sums = TensorSpec("x", "float32", ("N", 3)), TensorSpec("y", "float32", ("N", 3))
    model = export(lambda x: [module.counted(x)], (rows,), (sums,), opset=18, owner=module)
    np.testing.assert_array_equal(ran(ir.to_proto(model), x=floats(2, 3))[0], floats(2, 3) + 7)


def test_what_only_an_assertion_waits_for_is_kept():
    def checked(x):
        with tf.control_dependencies([tf.debugging.assert_greater(tf.reduce_max(x), -1.0)]):
            return tf.identity(x)

    names = {node.name for node in frozen(checked, ROWS).node}
    taken = {name.lstrip("^").partition(":")[0] for node in frozen(checked, ROWS).node for name in node.input}
    assert taken <= names


def test_a_table_is_found_behind_functions():
    module = Scaled()
    keys, values = TensorSpec("x", "int64", ("N", 2)), TensorSpec("y", "float32", ("N", 2))
    model = export(lambda x: [module.outer(x)], (keys,), (values,), opset=18, owner=module)
    (y,) = ran(ir.to_proto(model), x=np.array([[1, 2], [2, 7]], "int64"))
    np.testing.assert_array_equal(y, np.array([[6, 7], [7, 0]], "float32"))


@pytest.mark.parametrize("held", ["variable", "constant"])
def test_weights_that_a_graph_cannot_hold_are_refused(monkeypatch, held):
    monkeypatch.setattr(freezing, "_LARGEST_BYTES", 2**14)
    array = floats(3, 2**11)
    weight = tf.Variable(array) if held == "variable" else tf.constant(array)
    with pytest.raises(CannotConvert, match="exceed 2 GB"):
        frozen(lambda x: x @ weight, ROWS)
