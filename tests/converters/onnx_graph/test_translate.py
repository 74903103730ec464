"""The walk over a graph, with Python's numbers as the target's values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import pytest
from tf_models import parsed

from modelport.errors import UnsupportedOps
from modelport_converters.onnx_graph.registry import Op, Registry, Traits, Unsupported
from modelport_converters.onnx_graph.translate import Body, Walk


class Numbers:
    """A target of numbers; results are tuples inside the graph and plain outside."""

    def constant(self, value: ir.Value) -> Any:
        assert value.const_value is not None
        return float(value.const_value.numpy())

    def call(self, op: Op[Traits], node: ir.Node, inputs: list[Any], attributes: dict[str, Any]) -> Sequence[Any]:
        result = op.function(*inputs, **attributes)
        return result if isinstance(result, tuple) else (result,)

    def plain(self, value: Any) -> Any:
        return value


def registry() -> Registry[Traits]:
    found = Registry("Numbers", Traits)
    found.variadic({"Add": lambda a, b: a + b, "Mul": lambda a, b: a * b})

    @found.op("If")
    def if_(cond: Any, *, then_branch: Body, else_branch: Body) -> Any:
        return tuple((then_branch if cond else else_branch)())

    @found.op("Split")
    def split(x: Any, sizes: Any = None, *, axis: int = 0, num_outputs: int | None = None, wanted: int = 1) -> Any:
        return tuple(x / wanted for _ in range(wanted))

    @found.op("Neg")
    def neg(x: Any) -> Any:
        raise Unsupported("there are no negative numbers")

    return found


def walked(text: str, *values: Any) -> list[Any]:
    return Walk(ir.from_proto(parsed(text)), registry(), Numbers())(*values)


def test_each_node_is_one_call_and_outputs_come_in_order() -> None:
    assert walked("g (float a, float b) => (float y, float z) { z = Add (a, b)\n y = Mul (z, a) }", 2, 3) == [10, 5]


@pytest.mark.parametrize(("condition", "expected"), [(True, 7), (False, 12)])
def test_a_body_sees_the_values_around_it(condition: bool, expected: int) -> None:
    text = (
        "g (float a, float b, bool c) => (float y) { y = If (c) <then_branch = t () => (float p) { p = Add (a, b) },"
        " else_branch = e () => (float q) { q = Mul (a, b) }> }"
    )
    assert walked(text, 3, 4, condition) == [expected]


def test_the_number_of_outputs_wanted_ends_with_the_last_that_has_a_name() -> None:
    assert walked("g (float a) => (float y, float z) { y, z = Split <axis=0> (a) }", 6) == [3, 3]


def test_what_a_function_refuses_is_reported_with_the_node() -> None:
    with pytest.raises(
        UnsupportedOps, match=r"ai.onnx.Neg \(version 13\), node 'minus': there are no negative numbers"
    ):
        walked("g (float a) => (float y) { [minus] y = Neg (a) }", 1)
