"""Operators of the domain com.microsoft that ONNX Runtime's optimizers write."""
