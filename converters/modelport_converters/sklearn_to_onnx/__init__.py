"""scikit-learn to ONNX: formulas for its estimators, and skl2onnx for those that it converts well.

`formula` and `refuse` are public, for plugins whose estimators are to stand in scikit-learn's pipelines.
"""

from modelport_converters.sklearn_to_onnx import formulas, skl2onnx_registration
from modelport_converters.sklearn_to_onnx.conversion import convert
from modelport_converters.sklearn_to_onnx.dispatch import serves
from modelport_converters.sklearn_to_onnx.methods import METHODS, has, last_step, usual
from modelport_converters.sklearn_to_onnx.registry import formula, refuse

__all__ = ["METHODS", "convert", "formula", "formulas", "has", "last_step", "refuse", "serves", "usual"]

skl2onnx_registration.register()
