"""FunctionTransformer over NumPy's and SciPy's functions."""

from __future__ import annotations

from typing import Any

from sklearn import preprocessing

from modelport_converters.sklearn_to_onnx.columns import Features, matrix
from modelport_converters.sklearn_to_onnx.numpy_ops import counterpart
from modelport_converters.sklearn_to_onnx.registry import refuse, transform


@transform(preprocessing.FunctionTransformer, columns=True)
def applied(model: Any, x: Features) -> Features:
    """The function of every element; a table passes through as it is where there is none."""
    if model.func is None:
        return x
    function = counterpart(model.func, model.kw_args)
    if function is None:
        refuse(model, _reason(model), _REMEDY)
    return function(matrix(x))


_REMEDY = (
    "take a function of NumPy or scipy.special that works element by element (numpy.log1p, scipy.special.expit, ...), or "
    "write a transformer class of your own and register a converter for it with skl2onnx.update_registered_converter"
)


def _reason(model: Any) -> str:
    name = getattr(model.func, "__qualname__", None) or repr(model.func)
    if "<lambda>" in name:
        return "func is a lambda, whose code cannot be read"
    options = f" with {', '.join(f'{key}={value!r}' for key, value in model.kw_args.items())}" if model.kw_args else ""
    return f"func={name}{options} has no counterpart in ONNX that is known"
