"""TensorFlow functions made ready for tf2onnx: variables lifted to arguments, control flow lowered, the graph frozen."""
