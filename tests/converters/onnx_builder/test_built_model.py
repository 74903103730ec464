"""The operator sets and the IR version that a finished graph declares."""

from __future__ import annotations

import numpy as np
import onnx

from modelport_converters.onnx_builder import Graph, build_model, tensor_info


def built(kind: str, domain: str = "", **attributes: object) -> onnx.ModelProto:
    graph = Graph(17)
    (result,) = graph.ops(kind, graph.input("x", "string"), dtypes=["int64"], domain=domain, **attributes)
    graph.output("y", result)
    return build_model(graph, "graph", [tensor_info("x", "string", ["N"])], [tensor_info("y", "int64", None)])


def test_a_model_declares_the_domains_of_its_nodes_and_the_oldest_ir_that_knows_them():
    shape = built("Shape")
    assert [(one.domain, one.version) for one in shape.opset_import] == [("", 17)]
    assert shape.ir_version == 8  # of ONNX 1.12, which opset 17 came with
    labels = built("LabelEncoder", "ai.onnx.ml", keys_strings=["a"], values_int64s=[1])
    assert {one.domain for one in labels.opset_import} == {"", "ai.onnx.ml"}


def test_symbolic_dimensions_and_strings_are_declared():
    (given,) = built("Shape").graph.input
    assert given.type.tensor_type.elem_type == onnx.TensorProto.STRING
    assert [dim.dim_param for dim in given.type.tensor_type.shape.dim] == ["N"]
    assert tensor_info("x", np.float32, None).type.tensor_type.HasField("shape") is False
