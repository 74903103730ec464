"""Products of matrices."""

from __future__ import annotations

from onnx import TensorProto
from tf2onnx.onnx_opset.math import MatMul as Upstream

from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form

_NARROW = (TensorProto.INT8, TensorProto.UINT8)


@form("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", since=10)
def mat_mul(write: Form, x: str, y: str, *_: str) -> None:
    """A product; that of 8-bit integers is MatMulInteger.

    tf2onnx gives it zero points of 0, one constant for all of them, which ONNX Runtime cannot load on some settings
    ("Attempt to replace the existing tensor"); left out, they mean the same.
    """
    if all(write.ctx.get_dtype(name) in _NARROW for name in (x, y)):
        write.node.type = "MatMulInteger"
    write.upstream(Upstream.version_1)
