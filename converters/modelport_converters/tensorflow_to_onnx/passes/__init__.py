"""Passes over the ONNX graph that tf2onnx returns, each in place on an `onnx_ir` model; `pipeline.py` has their order."""
