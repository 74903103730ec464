"""Passes over the finished ONNX graph, each on onnx_ir and in place: layout, fusion, loops, weights."""
