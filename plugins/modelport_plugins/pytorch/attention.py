"""Attention under a mask of numbers, for opsets without an operator for it."""

from __future__ import annotations

from typing import Any

ATTENTION_OPSET = 23
"""The first opset whose Attention treats rows as PyTorch does that may attend to nothing."""


def translations(opset: int) -> dict[Any, Any]:
    """Return what `torch.onnx.export` takes as its ``custom_translation_table``."""
    import torch

    if opset >= ATTENTION_OPSET:
        return {}
    return {torch.ops.aten.scaled_dot_product_attention.default: _attention}


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
