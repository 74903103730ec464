"""ONNX to TensorFlow: one function per operator, grouped into files named alike for every target."""
