"""What happens to a traced TensorFlow function before tf2onnx: variables lifted, control flow lowered, the graph frozen."""
