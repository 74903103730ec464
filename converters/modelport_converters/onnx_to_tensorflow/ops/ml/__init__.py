"""Operators of the domain ai.onnx.ml: feature encoders, linear models and tree ensembles."""
