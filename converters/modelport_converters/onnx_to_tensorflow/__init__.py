"""ONNX to TensorFlow: the operators in `ops`, and the layout, weights and module that surround them."""
