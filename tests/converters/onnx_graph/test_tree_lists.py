"""Long attributes of tree ensembles, detached from a model and reattached."""

from __future__ import annotations

import onnx
import onnx_ir as ir
import pytest
from onnx import helper

from modelport_converters.onnx_graph.tree_lists import put_back, set_aside


def forest(nodes: int) -> ir.Model:
    node = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", nodes_treeids=list(range(nodes)), n_targets=1,
        target_weights=[0.5] * nodes,
    )  # fmt: skip
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 1])],
    )
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)]
    return ir.from_proto(helper.make_model(graph, opset_imports=imports, ir_version=10))


def test_long_lists_come_back_to_a_model_made_from_the_one_without_them() -> None:
    model = forest(1000)
    before = ir.to_proto(model).SerializeToString()
    lists = set_aside(model)
    proto = ir.to_proto(model)
    assert len(proto.SerializeToString()) < 1000
    made = ir.from_proto(proto)
    for each in (model, made):
        put_back(each, lists)
        attributes = {name: item.value for name, item in each.graph[0].attributes.items()}
        assert list(attributes["nodes_treeids"]) == list(range(1000))
        assert list(attributes["target_weights"]) == [0.5] * 1000
        assert attributes.keys() == {"nodes_treeids", "n_targets", "target_weights"}
    assert len(before) > 5000


@pytest.mark.parametrize("nodes", [1, 64])
def test_short_lists_stay(nodes: int) -> None:
    model = forest(nodes)
    assert set_aside(model) == []
    assert len(model.graph[0].attributes) == 3
