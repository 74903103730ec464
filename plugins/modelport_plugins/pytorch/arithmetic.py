"""Arithmetic that torch.onnx writes wrongly at the ends of its types' ranges."""

from __future__ import annotations

from typing import Any

_INT32_BYTES = 4
"""ONNX Runtime divides no narrower integers, and float32 holds their quotients exactly."""


def translations() -> dict[Any, Any]:
    """Return what `torch.onnx.export` takes as its ``custom_translation_table``."""
    import torch

    aten = torch.ops.aten
    return {
        aten.log_sigmoid.default: _log_sigmoid,
        aten.clamp.default: _clamp,
        aten.clamp_min.default: _clamp_min,
        aten.clamp_min.Tensor: _clamp_min,
        aten.clamp_max.default: _clamp_max,
        aten.clamp_max.Tensor: _clamp_max,
        aten.div.Tensor_mode: _div_mode,
    }


def _log_sigmoid(x: Any) -> Any:
    """Translate by softplus: the logarithm of a sigmoid that underflows is -inf."""
    from onnxscript import opset18 as op

    return op.Neg(op.Softplus(op.Neg(x)))


def _clamp(x: Any, low: Any = None, high: Any = None) -> Any:
    from onnxscript.function_libs.torch_lib.ops.core import aten_clamp

    if low is None and high is not None:
        return _clamp_max(x, high)
    return _clamp_min(x, low) if high is None and low is not None else aten_clamp(x, low, high)


def _clamp_min(x: Any, bound: Any) -> Any:
    """Translate by a maximum: Clip with one bound brings infinity down to the largest finite number."""
    from onnxscript import opset18 as op

    return op.Max(x, op.CastLike(bound, x))


def _clamp_max(x: Any, bound: Any) -> Any:
    """Translate by a minimum, as `_clamp_min` does by a maximum."""
    from onnxscript import opset18 as op

    return op.Min(x, op.CastLike(bound, x))


def _div_mode(x: Any, y: Any, rounding_mode: str | None = None) -> Any:
    """Divide integers as integers, which torch.onnx divides as float32: wrong beyond 2**24."""
    from onnxscript import opset18 as op
    from onnxscript.function_libs.torch_lib.ops.core import aten_div_mode, aten_floor_divide

    whole = x.dtype.is_integer() and (isinstance(y, int) or x.dtype == y.dtype)
    if rounding_mode is None or not whole or x.dtype.itemsize < _INT32_BYTES:
        return aten_div_mode(x, y, rounding_mode)
    return op.Div(x, y) if rounding_mode == "trunc" else aten_floor_divide(x, y)
