"""Choosing between values."""

from __future__ import annotations

from typing import Any

import numpy as np
from tf2onnx.handler import tf_op

from modelport_converters.tensorflow_to_onnx.handlers.writing import Writer

_WHERE = {"uint8", "int32", "int64", "float16", "float32", "float64", "object"}
"""The types that ONNX Runtime chooses between."""


@tf_op(["Select", "SelectV2"])
class Select:
    """x where the condition holds, else y; tf2onnx multiplies by the condition, which makes NaN of what is not chosen."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Where is there from opset 9."""
        write = Writer(ctx, node)
        condition, x, y = write.inputs
        if node.type == "Select":
            condition = _along_rows(write, condition, x)
        if write.dtype.name in _WHERE:
            write.finish(write("Where", condition, x, y))
        else:
            wide = np.int32 if write.dtype.itemsize < 4 else np.int64  # which has room for the bits of uint64 too
            chosen = write("Where", condition, write.cast(x, wide), write.cast(y, wide))
            write.finish(write.cast(chosen, write.dtype))


def _along_rows(write: Writer, condition: str, x: str) -> str:
    """Give the condition of the older operator, which may be a vector that chooses rows, the rank of the values."""
    sizes, of_condition = write.shape(x), write.shape(condition)
    if sizes is None or of_condition is None:
        raise ValueError("whether the condition chooses rows or elements is not known: use tf.where of TensorFlow 2")
    if len(of_condition) != 1 or len(sizes) == 1:
        return condition
    return write("Reshape", condition, write.const([-1] + [1] * (len(sizes) - 1)))
