"""Carrying a model to exactly the requested opset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from fakes import graph, zip_map
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from modelport import opset
from modelport.errors import BadInput, OpsetNotReachable
from modelport.session import newest_opset

RNG = np.random.default_rng(0)
OLD = "(float[N,64] x) => (float[N,1] y) { h = MatMul(x, w) s = Add(h, b) y = ReduceMean<axes: ints = [1]>(s) }"
WEIGHTS = {"w": RNG.standard_normal((64, 64)).astype(np.float32), "b": RNG.standard_normal(64).astype(np.float32)}


def carried(model: Any, version: int) -> onnx.ModelProto:
    result = opset.to_opset(model, version)
    return result if isinstance(result, onnx.ModelProto) else ir.to_proto(result)


def evaluate(model: onnx.ModelProto, **inputs: Any) -> list[Any]:
    return ReferenceEvaluator(model).run(None, inputs)


def weights_of(model: onnx.ModelProto) -> dict[str, bytes]:
    return {tensor.name: numpy_helper.to_array(tensor).tobytes() for tensor in model.graph.initializer}


@pytest.mark.parametrize("form", [lambda model: model, ir.from_proto], ids=["ModelProto", "ir.Model"])
def test_an_upgraded_model_computes_the_same_and_is_valid(form: Any) -> None:
    model = graph(OLD, opset=13, **WEIGHTS)
    result = carried(form(model), 20)
    assert opset.opset_of(result) == 20
    onnx.checker.check_model(result, full_check=True)
    x = RNG.standard_normal((3, 64)).astype(np.float32)
    np.testing.assert_array_equal(evaluate(result, x=x)[0], evaluate(model, x=x)[0])


def test_weights_large_and_small_stay_bit_identical() -> None:
    odd = np.asarray([np.nan, -0.0, np.inf, 1e-45], np.float32)
    odd.view(np.uint32)[0] = 0x7FC00123  # a NaN with a payload
    body = OLD.replace("y) {", "y, float[4] o) { o = Identity(odd)")
    model = graph(body, opset=13, odd=odd, **WEIGHTS)
    after = weights_of(carried(model, 20))
    before = weights_of(model)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (np.float16, "float16"),
        (ml_dtypes.bfloat16, "bfloat16"),
        (np.float64, "double"),
        (np.int8, "int8"),
        (np.bool_, "bool"),
    ],
)
@pytest.mark.parametrize("size", [4, 4096])
def test_weights_of_any_dtype_survive(dtype: Any, name: str, size: int) -> None:
    value = (RNG.standard_normal(size) > 0) if dtype is np.bool_ else (RNG.standard_normal(size) * 50).astype(dtype)
    model = graph(
        f"(float[N] x) => (float[N] y, {name}[{size}] o) {{ y = Relu(x) o = Identity(k) }}", opset=13, k=value
    )
    result = carried(model, 20)
    (after,) = (numpy_helper.to_array(tensor) for tensor in result.graph.initializer if tensor.name == "k")
    assert after.dtype == value.dtype
    assert after.tobytes() == value.tobytes()


def test_a_model_that_is_there_already_is_returned_as_it_is() -> None:
    model = graph(OLD, opset=13, **WEIGHTS)
    assert opset.to_opset(model, 13) is model


def test_the_model_passed_in_keeps_its_graph_and_weights() -> None:
    model = ir.from_proto(graph(OLD, opset=13, **WEIGHTS))
    opset.to_opset(model, 20)
    assert [value.name for value in model.graph.inputs] == ["x"]
    assert set(model.graph.initializers) == {"w", "b"}
    assert opset.opset_of(model) == 13


def test_a_failed_attempt_leaves_the_model_as_it_was() -> None:
    model = ir.from_proto(graph("(float[N,64] x) => (float[N,64] y) { h = MatMul(x, w) y = Gelu(h) }", w=WEIGHTS["w"]))
    with pytest.raises(OpsetNotReachable):
        opset.to_opset(model, 13)
    assert [value.name for value in model.graph.inputs] == ["x"]
    assert set(model.graph.initializers) == {"w"}


def test_a_model_is_carried_down_where_that_is_possible() -> None:
    result = carried(graph("(float[N] x) => (float[N] y) { y = Relu(x) }", opset=20), 15)
    assert opset.opset_of(result) == 15
    onnx.checker.check_model(result, full_check=True)


def test_an_opset_that_no_adapter_reaches_is_refused() -> None:
    with pytest.raises(OpsetNotReachable, match="from opset 20 to 13") as caught:
        opset.to_opset(graph("(float[N] x) => (float[N] y) { y = Gelu(x) }"), 13)
    assert caught.value.exit_status == 3
    assert caught.value.remedy


@pytest.mark.parametrize("version", [0, 6, 27, 127, 1000])
def test_an_opset_out_of_range_is_bad_input(version: int) -> None:
    with pytest.raises(BadInput, match=f"opset {version} is out of range") as caught:
        opset.validate(version)
    assert f"to {newest_opset()}" in str(caught.value.remedy)


@pytest.mark.parametrize("version", [7, 20, newest_opset()])
def test_an_opset_in_range_is_accepted(version: int) -> None:
    opset.validate(version)


def test_other_domains_metadata_and_names_survive() -> None:
    model = graph("(float[N,2] x) => (float[N,2] y) { s = Scaler(x) y = Relu(s) }", opset=13, ml=3)
    model.graph.node[0].domain = "ai.onnx.ml"
    model.graph.node[0].attribute.extend(
        [onnx.helper.make_attribute("offset", [1.0, 2.0]), onnx.helper.make_attribute("scale", [2.0, 3.0])]
    )
    onnx.helper.set_model_props(model, {"author": "somebody"})
    result = carried(model, 20)
    assert {entry.domain: entry.version for entry in result.opset_import} == {"": 20, "ai.onnx.ml": 3}
    assert {entry.key: entry.value for entry in result.metadata_props}["author"] == "somebody"
    assert result.graph.name == model.graph.name
    x = np.asarray([[3.0, 0.0]], np.float32)
    np.testing.assert_array_equal(evaluate(result, x=x)[0], [[4.0, 0.0]])


def test_functions_of_the_model_are_inlined_on_the_way() -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 9, opset_import: ["" : 13, "local" : 1]>
        net (float[N] x) => (float[N] y) { y = local.twice(x) }
        <domain: "local", opset_import: ["" : 13]> twice (a) => (b) { b = Add(a, a) }
    """)
    result = carried(model, 20)
    assert [node.op_type for node in result.graph.node] == ["Add"]
    np.testing.assert_array_equal(evaluate(result, x=np.ones(2, np.float32))[0], [2.0, 2.0])


def test_external_weights_are_not_read_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(
        graph(OLD, opset=13, **WEIGHTS), path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    result = opset.to_opset(ir.load(path), 20)
    assert isinstance(result.graph.initializers["w"].const_value, ir.ExternalTensor)


def test_a_large_weight_in_a_subgraph_is_kept() -> None:
    body = """(float[N,64] x, bool c) => (float[N,64] y) {
        y = If (c) <then_branch = a () => (float[N,64] p) { p = MatMul(x, w) },
            else_branch = b () => (float[N,64] q) { q = Relu(x) }>
    }"""
    model = graph(body, opset=13, w=WEIGHTS["w"])
    result = carried(model, 20)
    assert weights_of(result)["w"] == WEIGHTS["w"].tobytes()
    x = RNG.standard_normal((3, 64)).astype(np.float32)
    np.testing.assert_allclose(evaluate(result, x=x, c=np.asarray(True))[0], x @ WEIGHTS["w"], rtol=1e-4, atol=1e-5)


def test_a_classifier_that_yields_maps_is_carried_though_onnx_ir_has_no_maps() -> None:
    result = carried(zip_map([3, 5], opset=13), 20)
    assert opset.opset_of(result) == 20
    session = onnxruntime.InferenceSession(result.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.zeros((1, 2), np.float32)}) == [[{3: 0.5, 5: 0.5}]]
