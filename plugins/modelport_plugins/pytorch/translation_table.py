"""The ``custom_translation_table`` of torch.onnx.export: ATen operators that it writes wrongly, or has no opset for.

Arithmetic goes wrong at the ends of its types' ranges; attention under a mask of numbers needs an operator of a newer opset.
"""

from __future__ import annotations

from typing import Any

_INT32_BYTES = 4
"""ONNX Runtime divides no narrower integers, and float32 holds their quotients exactly."""

_ATTENTION_OPSET = 23
"""The first opset whose Attention treats rows as PyTorch does that may attend to nothing."""


def translation_table(opset: int) -> dict[Any, Any]:
    """Return onnxscript functions by ATen overload, for an export to this opset."""
    import torch

    aten = torch.ops.aten
    table = {
        aten.log_sigmoid.default: _log_sigmoid,
        aten.clamp.default: _clamp,
        aten.clamp_min.default: _clamp_min,
        aten.clamp_min.Tensor: _clamp_min,
        aten.clamp_max.default: _clamp_max,
        aten.clamp_max.Tensor: _clamp_max,
        aten.div.Tensor_mode: _div_mode,
    }
    if opset < _ATTENTION_OPSET:
        table[aten.scaled_dot_product_attention.default] = _attention
    return table


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


def _attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Translate as onnxscript does, but give zeros for rows that the mask leaves nothing to attend to: it gives NaN."""
    import onnx_ir as ir
    from onnxscript import opset18 as op
    from onnxscript.function_libs.torch_lib.ops.nn import aten_scaled_dot_product_attention

    result = aten_scaled_dot_product_attention(
        query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
    )
    if attn_mask is None or attn_mask.dtype == ir.DataType.BOOL:
        return result
    most = op.ReduceMax(attn_mask, [-1], keepdims=1)
    nothing = op.Equal(most, op.CastLike(op.Constant(value_float=float("-inf")), most))
    return op.Where(nothing, op.CastLike(op.Constant(value_float=0.0), result), result)
