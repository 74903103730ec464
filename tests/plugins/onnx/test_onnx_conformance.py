"""The ONNX plugin against the conformance kit."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from modelport.testing import PluginConformance


class TestOnnx(PluginConformance):
    key = "onnx"

    def model(self):
        weights = numpy_helper.from_array(np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32), "w")
        nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Tanh", ["m"], ["y"])]
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])
        graph = helper.make_graph(nodes, "affine", [x], [y], [weights])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
