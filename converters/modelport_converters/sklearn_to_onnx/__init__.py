"""scikit-learn to ONNX: formulas for its estimators, and skl2onnx for those that it converts well."""

from modelport_converters.sklearn_to_onnx import formulas, skl2onnx_registration
from modelport_converters.sklearn_to_onnx.conversion import Input, Output, convert
from modelport_converters.sklearn_to_onnx.dispatch import serves
from modelport_converters.sklearn_to_onnx.methods import METHODS, has, last_step, usual

__all__ = ["METHODS", "Input", "Output", "convert", "formulas", "has", "last_step", "serves", "usual"]

skl2onnx_registration.register()
