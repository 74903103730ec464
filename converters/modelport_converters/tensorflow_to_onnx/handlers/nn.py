"""Convolutions, activations, losses and recurrent cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from tf2onnx.onnx_opset import nn as tf2onnx_nn

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler

# --- convolutions --------------------------------------------------------------------------------


@handler("Conv3D", since=1)
def conv3d(op: Operation, images: Value, kernel: Value, *_: Value) -> None:
    """tf2onnx's own handler, which knows groups only in two dimensions."""
    first = op.attr("data_format", "NDHWC") == "NCDHW"
    channels, of_kernel = (op.ctx.get_shape(x.name)[axis] for x, axis in ((images, 1 if first else -1), (kernel, -2)))
    tf2onnx_nn.ConvOp.any_version(op.opset, op.ctx, op.node)
    op.node.set_attr("group", channels // of_kernel if channels > 0 and of_kernel > 0 else 1)


@handler("Conv2DBackpropInput", "Conv3DBackpropInputV2", since=11)
def conv_transpose(op: Operation, _: Value, kernel: Value, *__: Value) -> Value | None:
    """A transposed convolution to a given size.

    Between kernels narrower than the strides the output is zero. There tf2onnx writes negative pads, or pads after a bias that
    belongs behind the pads: here all of the output is computed, then cut to the size.
    """
    rank = len(op.attr("strides")) - 2
    last = (op.attr("data_format") or "NHWC")[-1] == "C"
    strides, dilations = (_spatial(op.attr(name), rank, last) for name in ("strides", "dilations"))
    sizes = (op.shape(kernel) or [])[:rank]  # of a kernel of unknown rank there are no extents either
    extents = [(size - 1) * step + 1 for size, step in zip(sizes, dilations, strict=False)]
    if op.attr("padding") == "EXPLICIT" or all(extent >= step for extent, step in zip(extents, strides, strict=False)):
        op.upstream(tf2onnx_nn.ConvTranspose.version_1)
        return None
    return _cut_to_size(op, sizes, strides, dilations, extents, last)


def _cut_to_size(
    op: Operation, sizes: list[int], strides: list[int], dilations: list[int], extents: list[int], last: bool
) -> Value:
    """Write the whole transposed convolution, and slice the output from it; `last`: whether channels are last."""
    size, kernel, x, *bias = op.inputs  # tf2onnx has made a bias an input
    rank = len(sizes)
    spatial = range(rank)
    if last:
        x = fn.transpose(x, [0, rank + 1, *(axis + 1 for axis in spatial)])
    whole = op.graph.op(
        "ConvTranspose", x, fn.transpose(kernel, [rank + 1, rank, *spatial]), *bias,
        kernel_shape=sizes, strides=strides, dilations=dilations, output_padding=[step - 1 for step in strides],
    )  # fmt: skip
    at = 1 if last else 2
    out, start = size.cast("int64")[at : at + rank], op.graph.constant([0] * rank)
    if op.attr("padding") == "SAME":
        full = (fn.shape(x)[2 : 2 + rank] - 1) * strides + extents
        start = fn.quotient(fn.maximum(full - out, [0]), 2)
    found = op.graph.op("Slice", whole, start, start + out, [axis + 2 for axis in spatial])
    return fn.transpose(found, [0, *(axis + 2 for axis in spatial), 1]) if last else found


def _spatial(values: Sequence[int] | None, rank: int, last: bool) -> list[int]:
    """Return the spatial ones of an attribute's values; 1 for each where it is absent."""
    if values is None:
        return [1] * rank
    return list(values[1:-1] if last else values[2:])


# --- activations of float64, for whose own operators ONNX Runtime has no kernel ------------------


def _elu(x: Value, alpha: float = 1.0, scale: float = 1.0) -> Value:
    return (fn.maximum(x, 0.0) + (fn.exp(fn.minimum(x, 0.0)) - 1.0) * alpha) * scale


def _softplus(x: Value) -> Value:
    return fn.maximum(x, 0.0) + fn.log(fn.exp(-fn.absolute(x)) + 1.0)


def _softsign(x: Value) -> Value:
    return x / (fn.absolute(x) + 1.0)


_ACTIVATIONS: dict[str, Callable[[Value], Value]] = {
    "Elu": _elu,
    "Selu": partial(_elu, alpha=1.6732632423543772, scale=1.0507009873554805),  # Klambauer et al., 2017
    "Softplus": _softplus,
    "Softsign": _softsign,
}


@handler(*_ACTIVATIONS, since=6)
def activation(op: Operation, x: Value) -> Value | None:
    """An activation; ONNX's operator of the same name where the dtype is not float64."""
    return _ACTIVATIONS[op.type](x) if x.dtype == np.float64 else None


@handler("LeakyRelu", since=6)
def leaky_relu(op: Operation, x: Value) -> Value | None:
    """X, below 0 times alpha; ONNX's operator where the dtype is not float64."""
    if x.dtype != np.float64:
        return None
    return fn.maximum(x, 0.0) + fn.minimum(x, 0.0) * float(op.attr("alpha", 0.2))


# --- losses and scores ---------------------------------------------------------------------------


@handler("InTopK", "InTopKV2")
def in_top_k(op: Operation, predictions: Value, targets: Value, k: Value | None = None) -> Value:
    """Whether fewer than k classes score higher than the target; false in a row with a score that is not finite."""
    score = fn.take_along_axis(predictions, fn.expand_dims(targets.cast("int64"), 1), 1)
    better = fn.sum(predictions > score, 1)
    finite = fn.equal(fn.sum(predictions * 0.0, 1), 0.0)
    return (better < (op.attr("k") if k is None else k.cast("int64"))) & finite


@handler("L2Loss")
def l2_loss(op: Operation, x: Value) -> Value:
    """sum(x^2) / 2."""
    return op.graph.op("ReduceSumSquare", x, keepdims=0) * 0.5


@handler("SoftmaxCrossEntropyWithLogits")
def softmax_cross_entropy(_: Operation, logits: Value, labels: Value) -> tuple[Value, Value]:
    """The loss of each row, and its gradient."""
    return -fn.sum(labels * fn.log_softmax(logits), 1), fn.softmax(logits) - labels


@handler("SparseSoftmaxCrossEntropyWithLogits")
def sparse_softmax_cross_entropy(op: Operation, logits: Value, labels: Value) -> tuple[Value, Value]:
    """The loss of each row, whose label is a class number, and its gradient."""
    rows = fn.expand_dims(labels.cast("int64"), 1)
    loss = -fn.squeeze(fn.take_along_axis(fn.log_softmax(logits), rows, 1), 1)
    marked = fn.equal(fn.expand_dims(fn.arange(fn.size(logits, 1)), 0), rows)
    return loss, fn.softmax(logits) - marked.cast(op.dtype)


# --- recurrent cells -----------------------------------------------------------------------------


@handler("GRUBlockCell")
def gru_block_cell(
    op: Operation, x: Value, state: Value, w_ru: Value, w_c: Value, b_ru: Value, b_c: Value
) -> tuple[Value, ...]:
    """One step of tf.contrib.rnn.GRUBlockCellV2: r, u, c, h."""
    (units,) = op.sizes(w_c, [1])
    reset, update = fn.split(fn.expit(fn.concatenate([x, state], 1) @ w_ru + b_ru), [units, units], 1)
    candidate = fn.tanh(fn.concatenate([x, reset * state], 1) @ w_c + b_c)
    return reset, update, candidate, update * (state - candidate) + candidate
