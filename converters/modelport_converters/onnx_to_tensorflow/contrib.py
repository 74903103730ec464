"""Operators of com.microsoft that ONNX Runtime's optimizer and quantizer write."""
