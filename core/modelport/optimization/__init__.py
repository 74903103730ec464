"""Optimising an ONNX model: what carries it to one that computes the same with less."""
