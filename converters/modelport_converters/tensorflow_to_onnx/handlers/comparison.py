"""Comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np
from tf2onnx.handler import tf_op

from modelport_converters.tensorflow_to_onnx.handlers.writing import Writer


@tf_op(["Greater", "Less"])
class GreaterLess:
    """x > y and x < y; tf2onnx compares integers as float32, which has not all of them."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Integers are compared from opset 9."""
        write = Writer(ctx, node)
        inputs = write.inputs
        if write.dtype_of(inputs[0]).kind in "iu" and write.dtype_of(inputs[0]) != np.uint64:
            # in the condition of a loop, tf2onnx may have put an int64 size in the place of one of two int32 values
            inputs = [write.cast(name, np.int64) for name in inputs]
        write.finish(write(node.type, *inputs))
