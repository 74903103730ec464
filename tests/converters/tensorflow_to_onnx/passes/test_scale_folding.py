"""Scales and shifts of channels are folded into the weights before them, and results stay."""

import pytest
from drawn import floats
from onnx_passes import assert_unchanged

from modelport_converters.tensorflow_to_onnx.passes.scale_folding import fold_scales


def listed(*shape, seed):
    dims = ",".join(map(str, shape))
    return f"float[{dims}] w{seed} = {{{', '.join(f'{value:.3f}' for value in floats(*shape, seed=seed).ravel())}}}"


def ops(body, *constants, size="N,3,5,5"):
    shape = [2 if name == "N" else int(name) for name in size.split(",")]
    text = f"g (float[{size}] x) => (float[] y) <{', '.join(constants)}> {{ {body} }}".replace(") ", ")\n")
    return assert_unchanged(text, lambda model: fold_scales(model.graph), floats(*shape), rtol=1e-4, atol=1e-5)


KERNEL, CHANNEL, OTHER = listed(4, 3, 2, 2, seed=1), listed(4, 1, 1, seed=2), listed(1, 4, 1, 1, seed=3)


def test_a_batch_normalization_is_folded_into_a_convolution():
    assert ops("a = Conv (x, w1) b = Mul (a, w2) y = Add (b, w3)", KERNEL, CHANNEL, OTHER) == {"Conv": 1}


@pytest.mark.parametrize(
    "op", ["Mul (a, w2)", "Div (a, w2)", "Add (a, w2)", "Sub (a, w2)", "Mul (w2, a)", "Add (w2, a)"]
)
@pytest.mark.parametrize("bias", ["", ", w4"])
def test_every_operator_is_folded_beside_a_bias_or_without(op, bias):
    assert ops(f"a = Conv (x, w1{bias}) y = {op}", KERNEL, CHANNEL, listed(4, seed=4)) == {"Conv": 1}


@pytest.mark.parametrize("op", ["Div", "Sub"])
def test_what_takes_the_convolution_as_second_operand_is_not_folded(op):
    assert ops(f"a = Conv (x, w1) y = {op} (w2, a)", KERNEL, CHANNEL) == {"Conv": 1, op: 1}


def test_the_output_channels_of_a_transposed_convolution_are_its_second_axis():
    weights = listed(3, 4, 2, 2, seed=1)
    assert ops("a = ConvTranspose (x, w1) y = Mul (a, w2)", weights, CHANNEL) == {"ConvTranspose": 1}


def test_the_columns_of_a_matrix_are_scaled_and_not_shifted():
    assert ops("a = MatMul (x, w1) y = Mul (a, w2)", listed(3, 4, seed=1), listed(4, seed=2), size="N,3") == {
        "MatMul": 1
    }
    assert ops("a = MatMul (x, w1) y = Add (a, w2)", listed(3, 4, seed=1), listed(4, seed=2), size="N,3")["Add"] == 1


def test_a_scale_of_positions_is_not_folded():
    assert ops("a = Conv (x, w1) y = Mul (a, w2)", KERNEL, listed(4, 1, seed=2))["Mul"] == 1


@pytest.mark.parametrize("body", [
    "a = Conv (x, w1) b = Mul (a, w2) y = Add (a, b)", "a = Conv (x, w1) b = Conv (x, w1) c = Mul (a, w2) y = Add (b, c)",
], ids=["a result", "a weight"])  # fmt: skip
def test_what_others_use_too_is_not_scaled(body):
    assert ops(body, KERNEL, CHANNEL)["Mul"] == 1
