"""The registry of operators: what a function declares, and what a node may give it."""

from __future__ import annotations

from typing import Any

import pytest

from modelport_converters.onnx_graph.registry import Op, Registry, Traits, Unsupported, bind, snake


def gemm(a: Any, b: Any, c: Any = None, *, alpha: float = 1.0, trans_a: int = 0) -> tuple[Any, ...]:
    return a, b, c, alpha, trans_a


def registered(function: Any, name: str = "Gemm", **options: Any) -> Op[Traits]:
    registry = Registry("Target", Traits)
    registry.op(name, **options)(function)
    found = registry.find(options.get("domain", ""), name)
    assert found is not None
    return found


def test_attributes_arrive_by_their_names_in_snake_case() -> None:
    inputs, attributes = bind(registered(gemm), [1, 2], {"transA": 1, "alpha": 0.5}, 1)
    assert gemm(*inputs, **attributes) == (1, 2, None, 0.5, 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("transA", "trans_a"), ("axis", "axis"), ("kernel_shape", "kernel_shape"), ("nodes_featureids", "nodes_featureids"),
     ("qk_matmul_output_mode", "qk_matmul_output_mode"), ("K", "k"), ("transBatchA", "trans_batch_a")],
)  # fmt: skip
def test_a_name_in_snake_case(name: str, expected: str) -> None:
    assert snake(name) == expected


def test_an_attribute_that_the_function_does_not_know_is_refused_and_not_dropped() -> None:
    with pytest.raises(Unsupported, match="the attribute beta is not known"):
        bind(registered(gemm), [1, 2], {"beta": 0.5}, 1)


def test_an_attribute_that_the_function_cannot_do_without_is_named() -> None:
    def concat(*values: Any, axis: int) -> Any:
        return values, axis

    with pytest.raises(Unsupported, match="the attribute axis is missing"):
        bind(registered(concat, "Concat"), [1, 2], {}, 1)


def test_an_input_more_than_the_function_takes_is_refused_and_not_dropped() -> None:
    with pytest.raises(Unsupported, match="4 inputs, where at most 3 are known"):
        bind(registered(gemm), [1, 2, 3, 4], {}, 1)


def test_absent_inputs_at_the_end_are_no_inputs_and_those_between_are_none() -> None:
    assert bind(registered(gemm), [1, None, None, None], {}, 1)[0] == [1]
    assert bind(registered(gemm), [1, None, 3], {}, 1)[0] == [1, None, 3]


def test_any_number_of_inputs_of_one_kind_is_taken() -> None:
    def total(*values: Any) -> Any:
        return sum(values)

    op = registered(total, "Sum")
    assert op.variadic
    assert bind(op, [1, 2, 3, 4, 5], {}, 1)[0] == [1, 2, 3, 4, 5]


def test_the_number_of_outputs_wanted_is_told_to_a_function_that_asks() -> None:
    def dropout(x: Any, *, wanted: int = 1) -> Any:
        return (x, True)[:wanted]

    assert bind(registered(dropout, "Dropout"), [1], {}, 2)[1] == {"wanted": 2}
    assert bind(registered(gemm), [1, 2], {}, 2)[1] == {}


def test_an_operator_registered_twice_is_an_error() -> None:
    registry = Registry("Target", Traits)
    registry.op("Gemm")(gemm)
    with pytest.raises(ValueError, match="Gemm is registered twice"):
        registry.variadic({"Gemm": max})
    registry.op("Gemm", domain="com.example")(gemm)  # another domain is another operator


def test_a_static_name_that_is_no_input_is_an_error() -> None:
    with pytest.raises(ValueError, match="Gemm has no parameter axes"):
        registered(gemm, static=("axes",))


def test_the_default_domain_has_two_names() -> None:
    registry = Registry("Target", Traits)
    registry.op("Gemm")(gemm)
    registry.refuse({"Gradient": "it cannot be seen"})
    assert registry.find("ai.onnx", "Gemm") is registry.find("", "Gemm") is not None
    assert registry.refusal("ai.onnx", "Gradient") == "it cannot be seen"
    assert registry.refusal("", "Gemm") is None
    assert registry.keys() == {("", "Gemm"), ("", "Gradient")}
