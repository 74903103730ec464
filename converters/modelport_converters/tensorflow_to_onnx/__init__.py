"""TensorFlow to ONNX, on tf2onnx."""
