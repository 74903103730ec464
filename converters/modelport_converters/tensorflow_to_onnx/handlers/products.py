"""Products of matrices."""

from __future__ import annotations

from typing import Any

from onnx import TensorProto
from tf2onnx.handler import tf_op
from tf2onnx.onnx_opset.math import MatMul as Upstream

_NARROW = (TensorProto.INT8, TensorProto.UINT8)


@tf_op(["MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"])
class MatMul:
    """A product; that of 8-bit integers is MatMulInteger.

    tf2onnx gives it zero points of 0, one constant for all of them, which ONNX Runtime cannot load on some settings
    ("Attempt to replace the existing tensor"); left out, they mean the same.
    """

    @classmethod
    def version_1(cls, ctx: Any, node: Any, **settings: Any) -> None:
        """MatMul is there from opset 1."""
        Upstream.version_1(ctx, node, **settings)

    @classmethod
    def version_10(cls, ctx: Any, node: Any, **settings: Any) -> None:
        """MatMulInteger is there from opset 10."""
        if all(ctx.get_dtype(name) in _NARROW for name in node.input[:2]):
            node.type = "MatMulInteger"
        Upstream.version_1(ctx, node, **settings)
