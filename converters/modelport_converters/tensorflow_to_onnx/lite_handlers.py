"""TensorFlow Lite operators that tf2onnx lacks, one handler class for each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tf2onnx.handler import tfl_op

from modelport_converters.tensorflow_to_onnx.handlers.writing import onnx_dtype


@tfl_op("TFL_GELU")
class Gelu:
    """x * Phi(x), or its approximation by tanh: Hendrycks and Gimpel, Gaussian Error Linear Units, equation 2."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Erf is there from opset 9, Gelu only from 20."""
        x, dtype, shape = node.input[0], ctx.get_dtype(node.output[0]), ctx.get_shape(node.output[0])

        def made(op: str, *inputs: str | float, **keywords: Any) -> str:
            named = [
                item
                if isinstance(item, str)
                else ctx.make_const(f"{node.name}_{op}_{index}_{item}", np.array(item, onnx_dtype(dtype))).output[0]
                for index, item in enumerate(inputs)
            ]
            result: str = ctx.make_node(op, named, shapes=[shape], dtypes=[dtype], **keywords).output[0]
            return result

        approximate = bool(node.get_attr_value("approximate", False))
        ctx.remove_node(node.name)
        if approximate:
            cubic = made("Mul", made("Mul", made("Mul", x, x), x), 0.044715)
            bounded = made("Tanh", made("Mul", made("Add", x, cubic), math.sqrt(2 / math.pi)))
        else:
            bounded = made("Erf", made("Mul", x, math.sqrt(0.5)))
        half = made("Mul", x, 0.5)
        made("Mul", half, made("Add", bounded, 1.0), name=node.name, outputs=node.output)
