"""Preparing a graph: what comes out computes the same, in the newest opset and in operators that the target has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import defs, numpy_helper
from tf_models import assert_same, by_onnxruntime, by_reference, parsed

from modelport.errors import CannotConvert, UnsupportedOps
from modelport_converters.onnx_graph.prepare import prepare
from modelport_converters.onnx_graph.registry import Registry, Traits
from modelport_converters.onnx_graph.schemas import NEWEST_OPSET


def everything(*lacking: str) -> Registry[Traits]:
    """Return a registry that has all operators of ai.onnx but some."""
    found = Registry("Target", Traits)
    schemas: list[Any] = defs.get_all_schemas()
    for schema in schemas:
        if schema.domain == "" and schema.name not in lacking:
            found.variadic({schema.name: max})
    return found


def prepared(model: onnx.ModelProto, *lacking: str) -> onnx.ModelProto:
    return ir.to_proto(prepare(ir.from_proto(model), everything(*lacking)))


def floats(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def with_weights(model: onnx.ModelProto, **arrays: Any) -> onnx.ModelProto:
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items())
    return model


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


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


def test_what_depends_on_constants_only_is_computed_now_and_dead_ends_are_dropped() -> None:
    model = parsed(
        "g (float[N,6] x) => (float[N,2,3] y) {"
        " a = Constant <value_ints=[1,1,2]> ()\n b = Constant <value_ints=[-1,1,1]> ()\n c = Constant <value_ints=[0,1,2]> ()\n"
        " d = Mul (a, b)\n s = Add (d, c)\n dead = Relu (x)\n t = Constant <value_ints=[0,2,3]> ()\n"
        " u = Sub (s, s)\n v = Add (u, t)\n y = Reshape (x, v) }"
    )
    result = prepared(model)
    assert operators(result) == ["Reshape"]
    assert numpy_helper.to_array(next(t for t in result.graph.initializer if t.name == "v")).tolist() == [0, 2, 3]
    assert_same(by_reference(result, {"x": floats(2, 6)}), by_reference(model, {"x": floats(2, 6)}))


def test_random_numbers_are_not_drawn_now() -> None:
    model = parsed("g (float[N] x) => (float[N] y) { r = RandomNormal <shape=[1]> ()\n y = Add (x, r) }")
    assert operators(prepared(model)) == ["RandomNormal", "Add"]


NORM = "BatchNormalization (c, s, b, m, v)"


@pytest.mark.parametrize("conv", ["Conv (x, w)", "Conv (x, w, k)"])
def test_a_batch_normalisation_becomes_part_of_the_convolution_before_it(conv: str) -> None:
    model = parsed(f"g (float[N,3,5,5] x) => (float[N,4,3,3] y) {{ c = {conv}\n n = {NORM}\n y = Relu (n) }}")
    statistics = {"s": floats(4), "b": floats(4) + 1, "m": floats(4) - 1, "v": abs(floats(4)) + 0.5}
    bias = {"k": floats(4) * 2} if "k" in conv else {}
    model = with_weights(model, w=floats(4, 3, 3, 3), **bias, **statistics)
    result = prepared(model)
    assert operators(result) == ["Conv", "Relu"]
    assert_same(by_reference(result, {"x": floats(2, 3, 5, 5)}), by_reference(model, {"x": floats(2, 3, 5, 5)}))


REASONS = {
    "the convolution has another use": f"(float[N,4,3,3] y, float[N,4,3,3] c) {{ c = Conv (x, w)\n y = {NORM} }}",
    "the statistics are of the batch": "(float[N,4,3,3] y) { c = Conv (x, w)\n"
    " y, p, q = BatchNormalization <training_mode=1> (c, s, b, m, v) }",
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_batch_normalisation_stays_where(reason: str) -> None:
    statistics = {"s": floats(4), "b": floats(4), "m": floats(4), "v": abs(floats(4)) + 0.5}
    model = with_weights(parsed(f"g (float[N,3,5,5] x) => {REASONS[reason]}"), w=floats(4, 3, 3, 3), **statistics)
    result = prepared(model)
    assert operators(result) == ["Conv", "BatchNormalization"]
    assert_same(by_reference(result, {"x": floats(2, 3, 5, 5)}), by_reference(model, {"x": floats(2, 3, 5, 5)}))


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
