"""Arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
from tf2onnx.handler import tf_op

from modelport_converters.tensorflow_to_onnx.handlers.writing import Writer


@tf_op("Erfc")
class Erfc:
    """erfc(x) = 1 - erf(x)."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Erf is there from opset 9."""
        write = Writer(ctx, node)
        write.finish(write("Sub", write.like(1), write("Erf", *write.inputs)))


@tf_op("FloorDiv")
class FloorDiv:
    """Division rounded down; tf2onnx rounds that of integers towards zero."""

    @classmethod
    def version_10(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Mod, which takes the sign of the divisor, is there from opset 10."""
        write = Writer(ctx, node)
        x, y = write.inputs
        if np.issubdtype(write.dtype, np.integer):
            write.finish(write("Div", write("Sub", x, write("Mod", x, y)), y))
        else:
            write.finish(write("Floor", write("Div", x, y)))
