"""Activations on float64, for whose own operators ONNX Runtime has no kernel: written with the ones that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tf2onnx.handler import tf_op

from modelport_converters.tensorflow_to_onnx.handlers.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""From the paper (Klambauer et al., 2017), as TensorFlow has them."""


def _elu(write: Writer, x: str, alpha: float = 1.0, scale: float = 1.0) -> str:
    below = write("Mul", write("Sub", write("Exp", write("Min", x, write.like(0))), write.like(1)), write.like(alpha))
    return write("Mul", write("Add", write("Relu", x), below), write.like(scale))


def _softplus(write: Writer, x: str) -> str:
    rest = write("Log", write("Add", write("Exp", write("Neg", write("Abs", x))), write.like(1)))
    return write("Add", write("Relu", x), rest)


def _softsign(write: Writer, x: str) -> str:
    return write("Div", x, write("Add", write("Abs", x), write.like(1)))


def _leaky(write: Writer, x: str, alpha: float) -> str:
    return write("Add", write("Relu", x), write("Mul", write("Min", x, write.like(0)), write.like(alpha)))


_FORMS: dict[str, Callable[[Writer, str, Any], str]] = {
    "Elu": lambda write, x, _: _elu(write, x),
    "Selu": lambda write, x, _: _elu(write, x, _SELU_ALPHA, _SELU_SCALE),
    "Softplus": lambda write, x, _: _softplus(write, x),
    "Softsign": lambda write, x, _: _softsign(write, x),
    "LeakyRelu": lambda write, x, node: _leaky(write, x, node.get_attr_value("alpha", 0.2)),
}


@tf_op(list(_FORMS))
class Activation:
    """An activation, with ONNX's own operator where the type is not float64."""

    @classmethod
    def version_6(cls, ctx: Any, node: Any, **_: Any) -> None:
        """All of these operators are there from opset 6."""
        write = Writer(ctx, node)
        if write.dtype == np.float64:
            write.finish(_FORMS[node.type](write, write.inputs[0], node))
