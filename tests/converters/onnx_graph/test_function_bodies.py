"""Function bodies in onnx's schemas."""

from __future__ import annotations

import pytest
from tf_models import parsed

from modelport_converters.onnx_graph.schemas import body_ops, has_body, nodes_in


@pytest.mark.parametrize(
    ("name", "expected"), [("HardSwish", True), ("Softmax", True), ("Conv", False), ("NoSuchOperator", False)]
)
def test_an_operator_may_be_defined_by_others(name: str, expected: bool) -> None:
    assert has_body(("", name)) == expected


def test_a_body_names_the_operators_that_it_is_made_of() -> None:
    assert body_ops(("", "HardSwish")) == {("", "HardSigmoid"), ("", "Mul")}
    assert body_ops(("", "NoSuchOperator")) == set()


def test_nodes_of_subgraphs_are_among_those_of_the_graph() -> None:
    model = parsed(
        "g (float[N] x, bool c) => (float[N] y) { y = If (c) <then_branch = t () => (float[N] p) { p = Erf (x) },"
        " else_branch = e () => (float[N] q) { q = Neg (x) }> }"
    )
    assert sorted(node.op_type for node in nodes_in(model.graph.node)) == ["Erf", "If", "Neg"]
