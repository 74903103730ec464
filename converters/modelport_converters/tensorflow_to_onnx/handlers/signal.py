"""Fourier transforms of real signals; a complex tensor is held as real and imaginary parts along a last axis of two."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from modelport_converters.tensorflow_to_onnx.handler import Form, handler

_READERS = {"Real", "Imag", "ComplexAbs"}
"""What may follow a transform: any other operator would take the pair of parts for two numbers."""


@handler("RFFT", since=17)
def rfft(write: Form, signal: str, length: str) -> None:
    """DFT of each row, cut or padded to the length of the transform."""
    spectrum = write.node.output[0]
    others = {reader.type for reader in write.ctx.find_output_consumers(spectrum)} - _READERS
    if others:
        raise ValueError(f"of a spectrum only tf.math.real, imag and abs have a form, not {', '.join(sorted(others))}")
    dtype = write.dtype_of(signal)
    exact = dtype if _is_power_of_two(write.node.inputs[1]) else np.float64
    # the sizes are sliced: tf2onnx's optimizers overlook the bounds that Shape itself may have
    leading, last = write.slice(write("Shape", signal), 0, -1), write.size(signal, -1)
    count = write.reshape(write.cast(length, np.int64), [1])
    rows = _fitted(write, write.reshape(signal, write.join(write.const([-1]), last)), count)
    found = write.cast(write("DFT", write.unsqueeze(write.cast(rows, exact), 2), axis=1, onesided=1), dtype)
    bins = write("Add", write("Div", count, write.const([2])), write.const([1]))
    # not an Identity of the spectrum's own type, which is complex
    write.ctx.replace_all_inputs(spectrum, write.reshape(found, write.join(leading, bins, write.const([2]))))
    write.ctx.remove_node(write.node.name)


def _is_power_of_two(length: Any) -> bool:
    """Whether ONNX Runtime is as exact as TensorFlow: for other lengths it loses four digits of a float32."""
    size = int(length.get_tensor_value(as_list=False).reshape(-1)[0]) if length.is_const() else 0
    return size > 0 and size & (size - 1) == 0


def _fitted(write: Form, rows: str, length: str) -> str:
    """Cut or pad rows to a length."""
    missing = write("Max", write("Sub", length, write.size(rows, 1)), write.const([0]))
    padded = write("Pad", rows, write.join(write.const([0, 0, 0]), missing))
    return write.slice(padded, 0, length, axis=1)


@handler("Real")
def real(write: Form, x: str) -> str:
    """The first part."""
    return write("Gather", _pairs(write, x), write.const(0), axis=-1)


@handler("Imag")
def imag(write: Form, x: str) -> str:
    """The second part."""
    return write("Gather", _pairs(write, x), write.const(1), axis=-1)


@handler("ComplexAbs")
def complex_abs(write: Form, x: str) -> str:
    """The length of the pair."""
    x = _pairs(write, x)
    squares = write.reduce("Sum", write("Mul", x, x), [-1])
    return write("Sqrt", squares)


def _pairs(write: Form, x: str) -> str:
    """Return a spectrum; raises ValueError for complex numbers of another origin, which are no pairs."""
    if write.type_of(x) in (TensorProto.COMPLEX64, TensorProto.COMPLEX128):
        raise ValueError("its input is complex, and not the spectrum of real numbers")
    return x
