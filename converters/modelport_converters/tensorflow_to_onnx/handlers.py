"""TensorFlow operators that tf2onnx lacks, one handler class for each."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper
from tf2onnx.handler import tf_op


@tf_op("Erfc")
class Erfc:
    """erfc(x) = 1 - erf(x)."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Erf is there from opset 9."""
        dtype, shape = ctx.get_dtype(node.output[0]), ctx.get_shape(node.output[0])
        one = ctx.make_const(f"{node.name}_one", np.ones((), onnx_dtype(dtype)))
        erf = ctx.make_node("Erf", [node.input[0]], shapes=[shape], dtypes=[dtype])
        ctx.remove_node(node.name)
        ctx.make_node(
            "Sub", [one.output[0], erf.output[0]], name=node.name, outputs=node.output, shapes=[shape], dtypes=[dtype]
        )


@tf_op("FloorDiv")
class FloorDiv:
    """Division rounded down; tf2onnx rounds that of integers towards zero."""

    @classmethod
    def version_10(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Mod, which takes the sign of the divisor, is there from opset 10."""
        x, y = node.input
        dtype, shape = ctx.get_dtype(node.output[0]), ctx.get_shape(node.output[0])
        common: dict[str, Any] = {"shapes": [shape], "dtypes": [dtype]}
        ctx.remove_node(node.name)
        if np.issubdtype(onnx_dtype(dtype), np.integer):
            rest = ctx.make_node("Mod", [x, y], **common)
            x = ctx.make_node("Sub", [x, rest.output[0]], **common).output[0]
            ctx.make_node("Div", [x, y], name=node.name, outputs=node.output, **common)
        else:
            quotient = ctx.make_node("Div", [x, y], **common)
            ctx.make_node("Floor", quotient.output, name=node.name, outputs=node.output, **common)


def onnx_dtype(elem_type: int) -> np.dtype[Any]:
    """Return the NumPy dtype of an ONNX element type."""
    return np.dtype(helper.tensor_dtype_to_np_dtype(elem_type))
