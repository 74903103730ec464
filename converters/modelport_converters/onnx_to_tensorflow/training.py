"""Optimizers of ai.onnx.preview.training."""
