"""Layer normalization and GELU are fused in every order that they are written in, and nothing else is."""

import math

import pytest
from drawn import floats
from onnx_passes import assert_unchanged

from modelport_converters.tensorflow_to_onnx.passes.fusion import fuse_functions

CONSTANTS = (
    "<float e = {0.001}, float one = {1.0}, float[4] g = {1.0, -2.0, 0.5, 3.0}, float[4] b = {0.5, 0.0, -1.0, 2.0}>"
)
DEVIATION = """
    m = ReduceMean <keepdims = 1> (x, axis)
    d = Sub (x, m)
    s = Mul (d, d)
    v = ReduceMean <keepdims = 1> (s, axis)
    ve = Add (v, e)
    r = Sqrt (ve)
"""
NORMALIZED = {
    "by a reciprocal": "i = Reciprocal (r) n = Mul (d, i) p = Mul (n, g) y = Add (p, b)",
    "by a quotient": "n = Div (d, r) p = Mul (n, g) y = Add (p, b)",
    "as a batch normalization": """
        i = Reciprocal (r) ig = Mul (i, g) xi = Mul (x, ig) mi = Mul (m, ig) rest = Sub (b, mi) y = Add (xi, rest)""",
    "without a shift": "i = Reciprocal (r) n = Mul (i, d) y = Mul (g, n)",
    "without scale and shift": "y = Div (d, r)",
}


def graph(body, dtype="float", axis=-1):
    constants = CONSTANTS.replace("float", dtype).replace("<", f"<int64[1] axis = {{{axis}}}, ", 1)
    return f"g ({dtype}[N,3,4] x) => ({dtype}[N,3,4] y) {constants} {{ {body} }}".replace(") ", ")\n")


def ops(body, dtype="float", opset=18, axis=-1):
    kinds = {"float": "float32", "double": "float64"}
    return assert_unchanged(
        graph(body, dtype, axis), lambda model: fuse_functions(model), floats(2, 3, 4, dtype=kinds[dtype]), opset=opset
    )


@pytest.mark.parametrize("name", NORMALIZED)
def test_layer_normalization_is_one_operator_however_it_is_written(name):
    assert ops(DEVIATION + NORMALIZED[name]) == {"LayerNormalization": 1}


@pytest.mark.parametrize("given", [{"dtype": "double"}, {"axis": 0}], ids=["float64", "the first axis"])
def test_what_layer_normalization_does_not_define_stays_in_steps(given):
    assert "LayerNormalization" not in ops(DEVIATION + NORMALIZED["by a quotient"], **given)


@pytest.mark.parametrize("changed", [("s = Mul (d, d)", "s = Mul (d, x)"), ("ve = Add (v, e)", "ve = Sub (v, e)")])
def test_another_formula_than_the_deviations_stays_in_steps(changed):
    body = DEVIATION.replace(*changed).replace("r = Sqrt (ve)", "a = Abs (ve) r = Sqrt (a)")
    assert "LayerNormalization" not in ops(body + NORMALIZED["by a quotient"])


HALF, ROOT = 0.5, math.sqrt(0.5)
ERF = f"c = Constant <value = float {{{ROOT}}}> () q = Mul (x, c) f = Erf (q) h = Constant <value = float {{0.5}}> () "
GELU = {
    "x half times": "t = Add (f, one) xh = Mul (x, h) y = Mul (xh, t)",
    "the sum halved": "t = Add (one, f) th = Mul (t, h) y = Mul (x, th)",
    "expanded": "xh = Mul (x, h) xf = Mul (xh, f) y = Add (xh, xf)",
    "negated twice": "n = Neg (x) nq = Mul (n, c) nf = Erf (nq) t = Sub (one, nf) xt = Mul (x, t) y = Mul (xt, h)",
}


@pytest.mark.parametrize("name", GELU)
def test_gelu_is_written_as_onnx_runtime_knows_it_however_it_was(name):
    assert ops(ERF + GELU[name]) == {"Div": 1, "Erf": 1, "Add": 1, "Mul": 2}


@pytest.mark.parametrize(
    "changed", [("0.5}", "0.25}"), (str(ROOT), "0.7"), ("t = Add (f, one)", "t = Sub (f, one)")],
    ids=["a quarter", "another scale", "a difference"],
)  # fmt: skip
def test_what_differs_from_gelu_stays_in_steps(changed):
    assert ops((ERF + GELU["x half times"]).replace(*changed))["Div"] == 0
