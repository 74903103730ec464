"""Activations on float64, for whose own operators ONNX Runtime has no kernel: written with the ones that it has."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form

if TYPE_CHECKING:
    from collections.abc import Callable

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""From the paper (Klambauer et al., 2017), as TensorFlow has them."""


def _elu(write: Form, x: str, alpha: float = 1.0, scale: float = 1.0) -> str:
    below = write("Mul", write("Sub", write("Exp", write("Min", x, write.like(0))), write.like(1)), write.like(alpha))
    return write("Mul", write("Add", write("Relu", x), below), write.like(scale))


def _softplus(write: Form, x: str) -> str:
    rest = write("Log", write("Add", write("Exp", write("Neg", write("Abs", x))), write.like(1)))
    return write("Add", write("Relu", x), rest)


def _softsign(write: Form, x: str) -> str:
    return write("Div", x, write("Add", write("Abs", x), write.like(1)))


def _leaky(write: Form, x: str) -> str:
    below = write("Mul", write("Min", x, write.like(0)), write.like(write.attr("alpha", 0.2)))
    return write("Add", write("Relu", x), below)


_FORMS: dict[str, Callable[[Form, str], str]] = {
    "Elu": _elu,
    "Selu": partial(_elu, alpha=_SELU_ALPHA, scale=_SELU_SCALE),
    "Softplus": _softplus,
    "Softsign": _softsign,
    "LeakyRelu": _leaky,
}


@form(*_FORMS, since=6)
def activation(write: Form, x: str) -> str | None:
    """An activation, with ONNX's own operator where the type is not float64."""
    return _FORMS[write.kind](write, x) if write.dtype == np.float64 else None
