"""Fourier transforms of real signals; a complex tensor is held as real and imaginary parts along a last axis of two."""

from __future__ import annotations

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler

_READERS = {"Real", "Imag", "ComplexAbs"}
"""What may follow a transform: any other operator would take the pair of parts for two numbers."""


@handler("RFFT", since=17)
def rfft(op: Operation, signal: Value, length: Value) -> None:
    """DFT of each row, cut or padded to the length of the transform."""
    spectrum = op.node.output[0]
    others = {reader.type for reader in op.ctx.find_output_consumers(spectrum)} - _READERS
    if others:
        raise ValueError(f"of a spectrum only tf.math.real, imag and abs have a form, not {', '.join(sorted(others))}")
    exact = signal.dtype if _is_power_of_two(op) else "float64"
    # the sizes are sliced: tf2onnx's optimizers overlook the bounds that Shape itself may have
    leading, last = fn.shape(signal)[:-1], fn.size(signal, -1)
    count = fn.reshape(length.cast("int64"), [1])
    rows = _fitted(fn.reshape(signal, [-1, last]), count)
    found = op.graph.op("DFT", fn.expand_dims(rows.cast(exact), 2), axis=1, onesided=1).cast(signal.dtype)
    pairs = fn.reshape(found, [leading, fn.quotient(count, 2) + 1, 2])
    op.ctx.replace_all_inputs(spectrum, pairs.name)  # an Identity would have the spectrum's own dtype, which is complex
    op.ctx.remove_node(op.node.name)


def _is_power_of_two(op: Operation) -> bool:
    """Whether ONNX Runtime is as exact as TensorFlow: for other lengths it loses four digits of a float32."""
    size = int(op.constant(1).reshape(-1)[0]) if op.is_constant(1) else 0
    return size > 0 and size & (size - 1) == 0


def _fitted(rows: Value, length: Value) -> Value:
    """Cut or pad rows to a length."""
    missing = fn.maximum(length - fn.size(rows, 1), [0])
    return fn.pad(rows, fn.concatenate([rows.graph.constant([0, 0, 0]), missing], 0))[:, :length]


@handler("Real")
def real(_: Operation, x: Value) -> Value:
    """The first part."""
    return fn.take(_pairs(x), 0, -1)


@handler("Imag")
def imag(_: Operation, x: Value) -> Value:
    """The second part."""
    return fn.take(_pairs(x), 1, -1)


@handler("ComplexAbs")
def complex_abs(_: Operation, x: Value) -> Value:
    """The length of the pair."""
    return fn.sqrt(fn.sum(fn.square(_pairs(x)), -1))


def _pairs(x: Value) -> Value:
    """Return a spectrum; raises ValueError for complex numbers of another origin, which are no pairs."""
    if x.dtype.kind == "c":
        raise ValueError("its input is complex, and not the spectrum of real numbers")
    return x
