"""Writing ONNX as one writes NumPy: values with operators, functions with NumPy's names, subgraphs, and whole models."""
