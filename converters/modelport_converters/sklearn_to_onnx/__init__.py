"""scikit-learn to ONNX, on skl2onnx."""
