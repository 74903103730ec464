"""A node rewritten by its layout rule computes on transposed inputs what the untouched node computes."""

import numpy as np
import onnx_ir as ir
import pytest
from drawn import floats
from onnx_passes import inferred, model_of, run

from modelport_converters.tensorflow_to_onnx.lazy_tensors import initializer
from modelport_converters.tensorflow_to_onnx.passes.layout_rules import rule_of

PERM = (0, 3, 1, 2)
CONSTANTS = """<int64[1] one = {1}, int64[1] three = {3}, int64[8] pads = {0, 1, 0, 2, 0, 0, 3, 0}, int64[2] few = {1, 2},
    int64[1] zero = {0}, float half = {0.5}, float[4] row = {1.0, 2.0, 3.0, 4.0}, float[3,1,1] column = {1.0, 2.0, 3.0}>"""
RULES = {
    "elementwise": "y = Sigmoid (x)",
    "a scalar": "y = Mul (x, half)",
    "a constant of fewer axes": "y = Add (row, x)",
    "a constant along another axis": "y = Add (x, column)",
    "concat": "y = Concat <axis = -2> (x, x)",
    "softmax": "y = Softmax (x)",
    "softmax along another axis": "y = LogSoftmax <axis = 1> (x)",
    "a reduction": "y = ReduceMean <keepdims = 1> (x, few)",
    "a reduction that drops its axes": "y = ReduceSum <keepdims = 0> (x, few)",
    "pad": "y = Pad (x, pads, half)",
    "slice": "y = Slice (x, one, three, three)",
    "shape": "y = Shape (x)",
}
NONE = {
    "a matrix product": "y = MatMul (x, x)",
    "a reduction that would leave its axes in another order": "y = ReduceSum <keepdims = 0> (x, one)",
    "a shape of some axes": "y = Shape <start = 1> (x)",
    "another rank": "f = Flatten (x) y = Softmax (f)",
    "a pad of given axes": "y = Pad (x, few, half, one)",
    "a slice of the first axes": "y = Slice (x, zero, one)",
}


def node_of(call):
    """Return the model of a call, a copy of it, and the node of the copy whose output is y."""
    out = "int64[]" if "Shape" in call else "float[]"
    before = model_of(f"g (float[2,3,4,4] x) => ({out} y) {CONSTANTS} {{ {call} }}".replace(") y", ")\ny"))
    model = inferred(before)
    return before, model, next(node for node in model.graph if node.outputs[0].name == "y")


@pytest.mark.parametrize("name", RULES)
def test_a_node_computes_the_same_on_transposed_inputs(name):
    before, model, node = node_of(RULES[name])
    rule = rule_of(node, PERM)
    assert rule is not None

    def added(array, stem):
        return initializer(model.graph, ir.tensor(np.ascontiguousarray(array), name=f"{stem}_{node.op_type}"))

    for index in rule.turned:
        value = node.inputs[index]
        if value.is_initializer():
            array = value.const_value.numpy()
            node.replace_input_with(
                index, added(array.reshape((1,) * (4 - array.ndim) + array.shape).transpose(PERM), "t")
            )
    rule.rewrite(node, added)
    model.graph.inputs[0].shape = model.graph.outputs[0].shape = None
    array = floats(2, 3, 4, 4)
    (expected,), (result,) = run(before, array), run(ir.to_proto(model), array.transpose(PERM))
    np.testing.assert_allclose(result, expected.transpose(PERM) if rule.turns_outputs else expected, rtol=1e-5)


@pytest.mark.parametrize("name", NONE)
def test_what_depends_on_the_layout_has_no_rule(name):
    _, _, node = node_of(NONE[name])
    assert rule_of(node, PERM) is None


def test_operators_of_other_domains_have_no_rule():
    node = ir.node("Relu", [ir.Value(name="x", shape=ir.Shape([2, 3, 4, 4]))], domain="own")
    assert rule_of(node, PERM) is None
