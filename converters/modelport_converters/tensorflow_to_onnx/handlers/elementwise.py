"""Functions of one element."""

from __future__ import annotations

from typing import Any

from tf2onnx.handler import tf_op


@tf_op("Log")
class Log:
    """The same operator; tf2onnx computes that of float64 in float32 and refuses float16, for an older ONNX Runtime."""

    @classmethod
    def version_6(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Log is there from opset 1."""
