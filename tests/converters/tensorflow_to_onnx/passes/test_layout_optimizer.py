"""Transposes between regions of one layout are removed, results stay, and their number never rises."""

import numpy as np
import pytest
from drawn import floats
from onnx_passes import assert_unchanged, inferred, model_of

from modelport_converters.tensorflow_to_onnx.passes.layout_optimizer import remove_transposes

FIRST, LAST = "<perm = [0, 3, 1, 2]>", "<perm = [0, 2, 3, 1]>"
KERNEL = "float[4,4,1,1] w = {" + ", ".join(str(index % 5 - 2.0) for index in range(16)) + "}"
CONSTANTS = f"<{KERNEL}, float[4] bias = {{1.0, 2.0, 3.0, 4.0}}, int64[2] pixels = {{1, 2}}, int64[1] channel = {{3}}>"
BETWEEN = {
    "a bias": "b = Add (a, bias)",
    "a bias before an activation": "p = Add (a, bias) b = Relu (p)",
    "a split": "s, t = Split <axis = 3, num_outputs = 2> (a) b = Concat <axis = -1> (t, s)",
    "a softmax": "b = Softmax <axis = -1> (a)",
    "two consumers": "p = Sigmoid (a) q = Tanh (a) b = Mul (p, q)",
    "a scale by the mean": "m = ReduceMean <keepdims = 1> (a, pixels) b = Mul (a, m)",
}


def between_convolutions(body):
    """A graph of channels-last images whose convolutions are channels-first."""
    return f"""g (float[N,5,6,4] x) => (float[N,5,6,4] y) {CONSTANTS} {{
        x1 = Transpose {FIRST} (x)
        c1 = Conv (x1, w)
        a = Transpose {LAST} (c1)
        {body.replace(") ", ")" + chr(10))}
        b1 = Transpose {FIRST} (b)
        c2 = Conv (b1, w)
        y = Transpose {LAST} (c2)
    }}"""


@pytest.mark.parametrize("name", BETWEEN)
def test_only_the_transposes_of_input_and_output_are_left(name):
    ops = assert_unchanged(between_convolutions(BETWEEN[name]), remove_transposes, floats(2, 5, 6, 4), atol=1e-4)
    assert ops["Transpose"] == 2


def test_the_fall_of_their_number_is_returned():
    assert remove_transposes(inferred(model_of(between_convolutions(BETWEEN["a bias"])))) == 2


def test_a_reduction_that_drops_the_pixels_ends_the_layout():
    text = f"""g (float[N,5,6,4] x) => (float[N,4] y) {CONSTANTS} {{
        x1 = Transpose {FIRST} (x)
        c = Conv (x1, w)
        a = Transpose {LAST} (c)
        y = ReduceMax <keepdims = 0> (a, pixels)
    }}"""
    assert assert_unchanged(text, remove_transposes, floats(2, 5, 6, 4), atol=1e-4)["Transpose"] == 1


def test_a_transpose_of_one_pixel_becomes_a_reshape_where_it_must_stay():
    text = f"""g (float[N,1,1,4] x) => (float[N,1,1,4] y) {CONSTANTS} {{
        x1 = Transpose {FIRST} (x)
        c = Conv (x1, w)
        a = Transpose {LAST} (c)
        y = Softmax <axis = 3> (a)
    }}"""
    ops = assert_unchanged(text, remove_transposes, floats(2, 1, 1, 4), atol=1e-4)
    assert ops["Transpose"] <= 2


def test_transposes_of_transposes_are_merged_and_identities_dropped():
    text = f"""g (float[N,5,6,4] x) => (float[N,5,6,4] y, float[] z) {{
        a = Transpose {FIRST} (x)
        b = Transpose {LAST} (a)
        y = Relu (b)
        c = Transpose <perm = [2, 3, 1, 0]> (a)
        d = Transpose <perm = [1, 0, 2, 3]> (c)
        z = Transpose <perm = [1, 0, 2, 3]> (d)
    }}"""
    assert assert_unchanged(text, remove_transposes, floats(2, 5, 6, 4))["Transpose"] == 1


def test_a_layout_that_an_operator_depends_on_keeps_its_transposes():
    text = between_convolutions("b = MatMul (a, k)").replace(
        "<float", "<float[4,4] k = {" + "1.0, " * 15 + "2.0}, float", 1
    )
    assert assert_unchanged(text, remove_transposes, floats(2, 5, 6, 4), atol=1e-3)["Transpose"] == 4


def test_a_tensor_beside_its_own_transposed_form_is_computed_right():
    text = f"""g (float[4,4,4,4] x) => (float[4,4,4,4] y) {{
        a = Transpose {FIRST} (x)
        b = Transpose {LAST} (x)
        c = Mul (a, b)
        d = Relu (x)
        y = Add (c, d)
    }}"""
    ops = assert_unchanged(text, remove_transposes, floats(4, 4, 4, 4))
    assert ops["Transpose"] <= 2


def test_older_opsets_whose_softmax_flattens_are_left_alone():
    text = between_convolutions("p = Relu (a) b = Neg (p)").replace("int64[1] channel", "int64[1] unused")
    assert assert_unchanged(text, remove_transposes, floats(2, 5, 6, 4), opset=12, atol=1e-4)["Transpose"] == 4


def test_random_chains_compute_the_same_with_no_more_transposes():
    numbers = np.random.default_rng(5)
    steps = [
        "Relu ({x})", "Neg ({x})", f"Transpose {FIRST} ({{x}})", f"Transpose {LAST} ({{x}})", "Softmax <axis = 1> ({x})",
        "Concat <axis = 2> ({x}, {x})", "Add ({x}, {x})",
    ]  # fmt: skip
    for _ in range(20):
        chosen = [steps[index] for index in numbers.integers(len(steps), size=9)]
        lines = [f"v{at + 1} = {step.format(x=f'v{at}')}" for at, step in enumerate(chosen)]
        text = "g (float[2,2,2,2] v0) => (float[] v9, float[E,F,G,H] v5) {\n" + "\n".join(lines) + "\n}"
        ops = assert_unchanged(text, remove_transposes, floats(2, 2, 2, 2), rtol=1e-4, atol=1e-4)
        assert ops["Transpose"] <= sum("Transpose" in step for step in chosen)
