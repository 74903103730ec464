"""The formulas of scikit-learn's estimators, a module for each family; importing this package registers them all."""

from modelport_converters.sklearn_to_onnx.formulas import composition as composition
from modelport_converters.sklearn_to_onnx.formulas import decomposition as decomposition
from modelport_converters.sklearn_to_onnx.formulas import linear as linear
