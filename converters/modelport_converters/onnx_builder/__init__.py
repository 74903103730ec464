"""Writing ONNX as one writes NumPy: the public API for translators, those of plugins too.

    graph = Graph(opset=18)
    x = graph.input("x", "float32")
    graph.output("y", fn.exp(x) / (1.0 + fn.exp(x)))
    model = build_model(graph, "logistic", [tensor_info("x", "float32", ["N", 3])], [tensor_info("y", "float32", ["N", 3])])

`Value` has NumPy's operators and type promotion, `functions` (imported as `fn`) has NumPy's functions under their own names,
`elementary` and `special` those that ONNX has no operator for, or ONNX Runtime no float64 kernel. `inline` takes a model that
another translator has written into a graph, `tree_ensemble` writes forests. Names that are not listed here may change.
"""

from modelport_converters.onnx_builder import elementary, functions, special, tree_ensemble
from modelport_converters.onnx_builder.graph import Graph, Operand, Value
from modelport_converters.onnx_builder.inlining import inline
from modelport_converters.onnx_builder.model import build_model, tensor_info

__all__ = [
    "Graph",
    "Operand",
    "Value",
    "build_model",
    "elementary",
    "functions",
    "inline",
    "special",
    "tensor_info",
    "tree_ensemble",
]
