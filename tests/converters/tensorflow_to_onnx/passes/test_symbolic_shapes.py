"""Symbolic sizes, with numbers for their symbols, are the sizes that ONNX Runtime computes."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx_passes import inferred, model_of, run

from modelport_converters.tensorflow_to_onnx.passes.symbolic_shapes import Sizes

CONSTANTS = f"""<int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[1] five = {{5}}, int64[2] turned = {{1, 0}},
    int64[3] flat = {{-1, 1, 4}}, float fill = {{2.0}}, float[4,5] w = {{{", ".join(["1.0"] * 20)}}}>"""
SHAPE = "s = Shape (x) n = Slice (s, zero, one, zero)"
BODIES = {
    "an activation": "y = Tanh (x)",
    "a transpose": "y = Transpose <perm = [2, 0, 1]> (x)",
    "a product with a matrix": "y = MatMul (x, w)",
    "an expanded number": f"{SHAPE} y = Expand (fill, s)",
    "a vector of sizes": f"{SHAPE} t = Concat <axis = 0> (n, five) y = Expand (fill, t)",
    "gathered sizes": f"{SHAPE} t = Gather (s, turned) c = Cast <to = 6> (t) d = Cast <to = 7> (c) y = Expand (fill, d)",
    "sizes to and fro": f"{SHAPE} q = Squeeze (n) u = Unsqueeze (q, zero) y = Expand (fill, u)",
    "a reshape to an open size": "k = Reshape (x, flat) y = Neg (k) ",
    "several": "t = Transpose <perm = [1, 0, 2]> (x) m = MatMul (t, w) y = Relu (m)",
}
NUMBERS = {"N": 3, "T": 2}


def graph(body, size="N,T,4"):
    return model_of(f"g (float[{size}] x) => (float[] y) {CONSTANTS} {{ {body} }}".replace(") ", ")\n"))


def value_of(model, name):
    return next(value for node in model.graph for value in node.outputs if value.name == name)


@pytest.mark.parametrize("name", [name for name in BODIES if name != "a reshape to an open size"])
def test_sizes_are_those_that_are_computed(name):
    proto = graph(BODIES[name])
    (result,) = run(proto, np.ones((3, 2, 4), np.float32))
    model = inferred(proto)
    value, sizes = value_of(model, "y"), Sizes()
    found = [sizes.of(value, axis) for axis in range(result.ndim)]
    assert [NUMBERS.get(size, size) for size in found] == list(result.shape)
    assert any(isinstance(size, str) for size in found)


def test_the_size_left_open_in_a_reshape_is_the_only_dynamic_one():
    proto = graph(BODIES["a reshape to an open size"], size="N,1,4")
    assert Sizes().of(value_of(ir.from_proto(proto), "k"), 0) == "N"
    two = value_of(ir.from_proto(graph(BODIES["a reshape to an open size"])), "k")
    assert Sizes().of(two, 0) == (two, 0)


def test_what_no_rule_infers_is_itself_until_it_is_told():
    value, sizes = value_of(ir.from_proto(graph("z = NonZero (x) c = Cast <to = 1> (z) y = Neg (c)")), "c"), Sizes()
    assert sizes.of(value, 1) == (value.producer().inputs[0], 1)
    sizes.tell(value, [3, "K"])
    assert sizes.of(value, 1) == "K"


def test_small_integer_constants_are_numbers_and_sizes_are_not():
    model = inferred(graph(f"{SHAPE} y = Expand (fill, n)"))
    sizes = Sizes()
    assert sizes.numbers(model.graph.initializers["turned"]) == [1, 0]
    assert sizes.numbers(value_of(model, "n")) is None
    assert sizes.integers(value_of(model, "n")) == ["N"]
    assert sizes.integers(model.graph.initializers["w"]) is None


def test_a_chain_without_end_is_given_up():
    lines = "\n".join(f"v{at + 1} = Tanh (v{at})" for at in range(60))
    model = ir.from_proto(onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 18]> g (float[N] v0) => (float[N] v60) {{\n{lines}\n}}'
    ))  # fmt: skip
    value = value_of(model, "v59")
    assert isinstance(Sizes().of(value, 0), tuple)
