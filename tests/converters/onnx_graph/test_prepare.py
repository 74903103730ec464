"""Preparing a graph: what comes out computes the same, in the newest opset and in operators that the target has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from prepared_models import everything, floats, operators, prepared, with_weights
from tf_models import assert_same, by_onnxruntime, by_reference, parsed

from modelport.errors import CannotConvert, UnsupportedOps
from modelport_converters.onnx_graph.prepare import prepare
from modelport_converters.onnx_graph.schemas import NEWEST_OPSET

OLD = [
    (7, "Dropout <ratio=0.5> (x)", ["Identity", "Dropout"]),
    (9, "Upsample (x, s)", ["Resize"]),
    (9, "Slice <axes=[1], starts=[1], ends=[3]> (x)", ["Slice"]),
    (10, "ReduceSum <axes=[1], keepdims=0> (x)", ["ReduceSum"]),
    (12, "Softmax <axis=1> (x)", ["Softmax", "Reshape"]),
    (12, "Unsqueeze <axes=[0]> (x)", ["Unsqueeze"]),
]


@pytest.mark.parametrize(("opset", "call", "expected"), OLD)
def test_a_model_of_an_old_opset_computes_the_same_in_the_newest(opset: int, call: str, expected: list[str]) -> None:
    model = parsed(f"g (float[2,3,4,4] x) => (float y) {{ y = {call} }}", opset=opset)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    if "s)" in call:
        with_weights(model, s=np.array([1, 1, 2, 2], np.float32))
    result = prepared(model)
    assert {entry.domain: entry.version for entry in result.opset_import}[""] == NEWEST_OPSET
    assert set(operators(result)) & set(expected)
    inputs = {"x": floats(2, 3, 4, 4)}
    assert_same(by_reference(result, inputs), by_onnxruntime(model, inputs))


def test_a_function_of_the_model_is_replaced_by_its_body() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["": 20, "own": 1]>
        g (float[N,3] x) => (float[N,3] y) { a = own.twice (x)
            y = own.twice (a) }
        <opset_import: ["": 20], domain: "own"> twice (x) => (y) { y = Add (x, x) }"""
    )
    result = prepared(model)
    assert operators(result) == ["Add", "Add"]
    assert_same(by_reference(result, {"x": floats(2, 3)}), by_reference(model, {"x": floats(2, 3)}))


def test_an_operator_that_the_target_lacks_is_replaced_by_those_that_define_it() -> None:
    model = parsed("g (float[N,3] x) => (float[N,3] y) { y = HardSwish (x) }")
    assert operators(prepared(model)) == ["HardSwish"]
    result = prepared(model, "HardSwish", "HardSigmoid")  # the first is defined by the second, which is defined too
    assert not {"HardSwish", "HardSigmoid"} & set(operators(result))
    assert_same(by_reference(result, {"x": floats(2, 3)}), by_reference(model, {"x": floats(2, 3)}))


class Untouched(ir.ExternalTensor):
    """A tensor that fails when its values are read."""

    def numpy(self) -> Any:
        raise AssertionError(f"{self.name} was read")

    def tobytes(self) -> bytes:
        raise AssertionError(f"{self.name} was read")


def test_a_large_weight_is_carried_over_without_being_read(tmp_path: Path) -> None:
    model = ir.from_proto(
        parsed("g (float[N,300] x, float[300,200] w) => (float[N,200] y) { y = MatMul (x, w) }", opset=9)
    )
    value = model.graph.inputs.pop()
    tensor = Untouched("w.bin", 0, 240_000, ir.DataType.FLOAT, shape=ir.Shape([300, 200]), name="w", base_dir=tmp_path)
    value.const_value = tensor
    model.graph.register_initializer(value)
    result = prepare(model, everything())
    assert result.graph.initializers["w"].const_value is tensor
    assert model.graph.initializers["w"].const_value is tensor  # and the model is left as it was
    assert [value.name for value in model.graph.inputs] == ["x"]
    assert [value.name for value in result.graph.inputs] == ["x"]


def test_an_initializer_that_is_an_input_too_is_a_constant() -> None:
    model = with_weights(
        parsed("g (float[N,2] x, float[2] w) => (float[N,2] y) { y = Mul (x, w) }", opset=8), w=floats(2)
    )
    result = prepared(model)
    assert [value.name for value in result.graph.input] == ["x"]
    assert_same(by_reference(result, {"x": floats(3, 2)}), {"y": floats(3, 2) * floats(2)})


def test_everything_that_the_target_lacks_is_named_at_once_and_where_it_stands() -> None:
    model = parsed(
        "g (float[2,2] x, bool c) => (float[2,2] y) { a = Det (x)\n b = own.Magic (x)\n"
        " y = If (c) <then_branch = t () => (float[2,2] p) { [deep] p = Erf (x) },"
        " else_branch = e () => (float[2,2] q) { q = Identity (x) }> }",
        imports={"own": 1},
    )
    model.graph.node[0].name, model.graph.node[1].name = "first", "second"
    with pytest.raises(UnsupportedOps) as caught:
        prepared(model, "Det", "Erf")
    found = str(caught.value)
    assert "3 operator(s)" in found
    assert "ai.onnx.Det (version 22), node 'first': Target has no form for it" in found
    assert "own.Magic, node 'second': a custom operator whose meaning is not known" in found
    assert "ai.onnx.Erf (version 13), node 'deep'" in found


def test_a_refused_operator_is_named_with_its_reason() -> None:
    registry = everything("Det")
    registry.refuse({"Det": "there are no determinants"})
    model = ir.from_proto(parsed("g (float[2,2] x) => (float y) { y = Det (x) }"))
    with pytest.raises(UnsupportedOps, match="there are no determinants"):
        prepare(model, registry)


def test_a_model_that_cannot_be_carried_to_the_newest_opset_says_why() -> None:
    model = parsed("g (float[2] x) => (float[2] y) { y = NoSuchOperator (x) }", opset=9)
    with pytest.raises(CannotConvert, match=f"from opset 9 to {NEWEST_OPSET}.*NoSuchOperator"):
        prepared(model)
