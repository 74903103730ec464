"""plan(): the route and what becomes of each operator, without converting."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import helper

import modelport
from modelport.errors import UnsupportedOps

X = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 4])
Y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 4])


def written(path: Path, *nodes: onnx.NodeProto, functions: tuple[onnx.FunctionProto, ...] = ()) -> Path:
    domains = {node.domain for node in nodes if node.domain}
    imports = [helper.make_opsetid("", 20), *(helper.make_opsetid(domain, 1) for domain in sorted(domains))]
    graph = helper.make_graph(list(nodes), "graph", [X], [Y])
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=10, functions=list(functions)), path)
    return path


def test_each_operator_is_told_with_its_version_and_nodes(tmp_path: Path) -> None:
    path = written(
        tmp_path / "model.onnx",
        helper.make_node("Relu", ["x"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"], name="second"),
        helper.make_node("Frobnicate", ["b"], ["y"], name="third", domain="my.ops"),
    )
    found = modelport.plan(path, "tensorflow")
    assert found.route == ["onnx", "tensorflow"]
    assert found.opset == 20
    relu, custom = found.ops
    assert (relu.domain, relu.operator, relu.version, relu.nodes) == ("ai.onnx", "Relu", 14, ("first", "second"))
    assert relu.status == "native"
    assert (custom.domain, custom.operator, custom.version, custom.nodes) == ("my.ops", "Frobnicate", None, ("third",))
    assert "custom operator" in custom.reason
    assert found.unsupported == [custom]


def test_a_function_of_the_model_is_inlined(tmp_path: Path) -> None:
    body = [helper.make_node("Relu", ["a"], ["b"])]
    function = helper.make_function("my.ops", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 20)])
    node = helper.make_node("Twice", ["x"], ["y"], name="call", domain="my.ops")
    found = modelport.plan(written(tmp_path / "model.onnx", node, functions=(function,)), "tensorflow")
    assert {op.operator: op.status for op in found.ops} == {"Twice": "inlined", "Relu": "native"}


def test_a_target_whose_plugin_does_not_say_gets_the_route_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "model.onnx", helper.make_node("Relu", ["x"], ["y"]))
    found = modelport.plan(path, "onnx")
    assert found.route == ["onnx"]
    assert not found.ops


def test_all_unsupported_operators_are_named_before_anything_is_proven(tmp_path: Path) -> None:
    path = written(
        tmp_path / "model.onnx",
        helper.make_node("Frobnicate", ["x"], ["a"], name="one", domain="my.ops"),
        helper.make_node("Twist", ["a"], ["y"], name="two", domain="my.ops"),
    )
    with pytest.raises(UnsupportedOps) as caught:
        modelport.convert(path, to="tensorflow", output=tmp_path / "out")
    assert [line.partition(",")[0] for line in caught.value.ops] == ["my.ops.Frobnicate", "my.ops.Twist"]
    assert "'one'" in caught.value.ops[0]
    assert not (tmp_path / "out").exists()
