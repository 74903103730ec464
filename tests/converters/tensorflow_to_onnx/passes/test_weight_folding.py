"""What is computed of lazy weights alone is folded into them, and computed when they are read."""

import numpy as np
import pytest
from drawn import floats
from onnx_passes import assert_unchanged, inferred, model_of

from modelport_converters.tensorflow_to_onnx.lazy_tensors import lazy
from modelport_converters.tensorflow_to_onnx.passes.weight_folding import fold_weights

ARRAY = floats(3, 4, seed=1)
CONSTANTS = f"""<float[3,4] w = {{{", ".join(str(value) for value in ARRAY.ravel())}}}, int64[3] shape = {{0, 2, -1}},
    float[4] row = {{1.0, 2.0, 3.0, 4.0}}, float[2,1,1] tall = {{1.0, 2.0}}, int64[4] whole = {{7, -7, 8, -8}}>"""
FOLDED = {
    "transpose": "v = Transpose (w)",
    "transpose by a permutation": "v = Transpose <perm = [1, 0]> (w)",
    "reshape": "v = Reshape (w, shape)",
    "halves and back": "h = Cast <to = 10> (w) v = Cast <to = 1> (h)",
    "identity": "v = Identity (w)",
    "product": "v = Mul (w, row)",
    "sum": "v = Add (row, w)",
    "difference": "v = Sub (row, w)",
    "quotient": "v = Div (w, row)",
    "several": "t = Transpose (w) r = Identity (t) v = Transpose (r)",
}


def folded(model, reads):
    """Make the weight lazy and fold."""
    value = model.graph.initializers["w"]
    array = value.const_value.numpy()
    value.const_value = lazy("w", lambda: reads.append(1) or array, value.dtype, array.shape)
    fold_weights(model.graph)


def graph(body, use="y = Neg (v)"):
    return f"g (float[1] x) => (float[] y, float[1] z) {CONSTANTS} {{ {body} {use} z = Neg (x) }}".replace(") ", ")\n")


@pytest.mark.parametrize("name", FOLDED)
def test_operators_on_weights_are_folded_and_compute_the_same(name):
    assert assert_unchanged(graph(FOLDED[name]), lambda model: folded(model, []), floats(1)) == {"Neg": 2}


def test_weights_are_read_when_the_result_is_and_not_before():
    model, reads = inferred(model_of(graph(FOLDED["several"]))), []
    folded(model, reads)
    assert reads == []
    (weight,) = [value.const_value for value in model.graph.initializers.values() if value.uses() and value.name != "x"]
    np.testing.assert_array_equal(weight.numpy(), ARRAY)
    assert reads


def test_a_weight_with_other_uses_is_not_written_twice():
    ops = assert_unchanged(
        graph("v = Transpose (w)", "m = MatMul (w, v) y = Neg (m)"),
        lambda model: folded(model, []),
        floats(1),
        rtol=1e-4,
    )
    assert ops["Transpose"] == 1


def test_a_broadcast_is_not_stored():
    assert assert_unchanged(graph("v = Mul (w, tall)"), lambda model: folded(model, []), floats(1))["Mul"] == 1


def test_integers_are_divided_by_onnx_which_truncates():
    text = "g (int64[1] x) => (int64[2] y) <int64[2] w = {7, -7}, int64[1] two = {2}> {\nv = Div (w, two)\ny = Add (v, x)\n}"
    assert assert_unchanged(text, lambda model: folded(model, []), np.array([0]))["Div"] == 1


def test_a_graph_output_is_not_folded():
    text = f"g (float[1] x) => (float[4,3] y, float[1] z) {CONSTANTS} {{\ny = Transpose (w)\nz = Neg (x)\n}}"
    assert assert_unchanged(text, lambda model: folded(model, []), floats(1))["Transpose"] == 1
