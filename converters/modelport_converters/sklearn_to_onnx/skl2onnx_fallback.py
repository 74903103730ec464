"""skl2onnx fallback: estimators without a formula are converted by it, and inlined."""

from __future__ import annotations

import warnings
from typing import Any

import onnx
import skl2onnx
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common import data_types
from skl2onnx.common._registration import _converter_pool
from sklearn.base import is_classifier, is_regressor

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import ML_OPSET, Value
from modelport_converters.onnx_builder.inlining import inline
from modelport_converters.sklearn_to_onnx.methods import usual

_TYPES = {
    "float32": data_types.FloatTensorType,
    "float64": data_types.DoubleTensorType,
    "int64": data_types.Int64TensorType,
    "int32": data_types.Int32TensorType,
    "bool": data_types.BooleanTensorType,
    "object": data_types.StringTensorType,
}


def serves(model: Any, method: str) -> bool:
    """Whether skl2onnx, or a converter registered with it, gives what this method returns."""
    return _origin(type(model)) not in ("", "modelport_converters") and method in usual(model)


def registered(kind: type) -> bool:
    """Whether the user, or a plugin, has registered a converter of their own with skl2onnx for this class."""
    return _origin(kind) not in ("", "skl2onnx", "modelport_converters")


def _origin(kind: type) -> str:
    """Return the package of the converter that skl2onnx has for a class; nothing when it has none."""
    converter = _converter_pool.get(sklearn_operator_name_map.get(kind))
    function = getattr(converter, "_fct", converter)
    return getattr(function, "__module__", "").partition(".")[0] if function else ""


def call(model: Any, method: str, x: Value) -> Value:
    """Return what the method returns, by skl2onnx; its graph is taken in once for all methods."""
    memo = x.graph.memo
    key = (id(model), x.name)
    if key not in memo:
        converted = _converted(model, x)
        columns = [is_regressor(model) and _is_column(output) for output in converted.graph.output]
        found = inline(x, converted)
        memo[key] = [fn.ravel(one) if column else one for one, column in zip(found, columns, strict=True)]
    result: Value = memo[key][usual(model).index(method)]
    if method == "decision_function" and is_classifier(model) and len(model.classes_) == 2:
        return result[:, -1]  # one column or two, whatever skl2onnx declares; the last one is scikit-learn's
    return result


def _is_column(output: onnx.ValueInfoProto) -> bool:
    """Whether a result is declared [N, 1]: a single target, which scikit-learn gives as [N]."""
    dims = output.type.tensor_type.shape.dim
    return len(dims) == 2 and dims[1].dim_value == 1


def _converted(model: Any, x: Value) -> onnx.ModelProto:
    width = getattr(model, "n_features_in_", 1)
    converter = _converter_pool.get(sklearn_operator_name_map[type(model)])
    allowed = (converter and converter.get_allowed_options()) or {}
    with warnings.catch_warnings():
        # skl2onnx reads what scikit-learn 1.9 deprecates
        warnings.filterwarnings("ignore", "Attribute `prob[AB]_` was deprecated", FutureWarning)
        return skl2onnx.convert_sklearn(
            model,
            type(model).__name__,
            [("x", _TYPES[x.dtype.name]([None, width]))],
            target_opset={"": x.graph.opset, "ai.onnx.ml": ML_OPSET},
            options={id(model): {"zipmap": False}} if "zipmap" in allowed else None,
        )
