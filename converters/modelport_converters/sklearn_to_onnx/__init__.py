"""scikit-learn to ONNX, on skl2onnx."""

from modelport_converters.sklearn_to_onnx.conversion import convert
from modelport_converters.sklearn_to_onnx.graph import keep, name_outputs

__all__ = ["convert", "keep", "name_outputs"]
