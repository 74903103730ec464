"""Expansions agree with onnx's reference evaluator on random numbers, and are equal for equal formulas alone."""

from __future__ import annotations

import math

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx.reference import ReferenceEvaluator

from modelport_converters.tensorflow_to_onnx.passes.polynomials import Expansion, number

FORMULAS = {
    "product of sums": "p = Add(x, y) q = Sub(x, two) z = Mul(p, q)",
    "square of a difference": "p = Sub(x, y) z = Mul(p, p)",
    "negated": "p = Neg(x) q = Add(y, p) z = Mul(q, half)",
    "divided": "p = Div(x, two) q = Mul(p, weights) z = Sub(q, y)",
    "reciprocal of a number": "p = Reciprocal(two) z = Mul(x, p)",
    "cancelled": "p = Add(x, y) z = Sub(p, y)",
}


def graph_of(formula: str) -> onnx.ModelProto:
    text = formula.replace(") ", ")\n")
    return onnx.parser.parse_model(f"""
        <ir_version: 8, opset_import: ["" : 18]>
        g (float[3] x, float[3] y, float[3] r) => (float[3] z)
        <float two = {{2.0}}, float half = {{0.5}}, float[3] weights = {{1.0, -2.0, 3.0}}> {{
            {text}
        }}""")


def expanded(proto: onnx.ModelProto, steps: int | None = None) -> dict | None:
    graph = ir.from_proto(proto).graph
    x, y, r = graph.inputs
    expansion = Expansion({x: "x", y: "y"}, inverse={r: "1/r"})
    return expansion(graph.outputs[0]) if steps is None else expansion(graph.outputs[0], steps)


@pytest.mark.parametrize("name", FORMULAS)
def test_an_expansion_has_the_value_of_its_formula(name: str) -> None:
    proto = graph_of(FORMULAS[name])
    generator = np.random.default_rng(0)
    given = {key: generator.normal(size=3).astype(np.float32) for key in "xyr"}
    (expected,) = ReferenceEvaluator(proto).run(None, given)
    terms = expanded(proto)
    assert terms

    def value(factor: str | ir.Value) -> np.ndarray:
        return given[factor] if isinstance(factor, str) else factor.const_value.numpy()

    total = sum(coefficient * math.prod(map(value, factors)) for factors, coefficient in terms.items())
    np.testing.assert_allclose(total, expected, rtol=1e-5, atol=1e-6)


def test_equal_formulas_have_equal_expansions() -> None:
    apart = expanded(graph_of("p = Mul(x, x) q = Mul(y, y) z = Sub(p, q)"))
    assert apart == expanded(graph_of("p = Add(x, y) q = Sub(x, y) z = Mul(p, q)"))
    assert apart != expanded(graph_of("p = Add(x, y) q = Sub(y, x) z = Mul(p, q)"))


def test_a_division_by_a_variable_has_its_own_name() -> None:
    assert expanded(graph_of("z = Div(x, r)")) == {("1/r", "x"): 1.0}


@pytest.mark.parametrize("formula", ["z = Add(x, r)", "z = Div(x, y)", "p = Exp(x) z = Add(p, y)"])
def test_other_formulas_have_none(formula: str) -> None:
    assert expanded(graph_of(formula)) is None


def test_what_is_too_far_away_has_none() -> None:
    proto = graph_of("p = Neg(x) q = Neg(p) z = Neg(q)")
    assert expanded(proto, 4) == {("x",): -1.0}
    assert expanded(proto, 3) is None


def test_only_constants_of_one_float_are_numbers() -> None:
    graph = ir.from_proto(graph_of("z = Mul(x, two)")).graph
    assert number(graph.initializers["two"]) == 2.0
    assert number(graph.initializers["weights"]) is None
    assert number(graph.inputs[0]) is None
