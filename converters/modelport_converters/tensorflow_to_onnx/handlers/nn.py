"""Convolutions, activations, losses and cells of neural networks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from tf2onnx.onnx_opset import nn as tf2onnx_nn

from modelport_converters.tensorflow_to_onnx.handler import Form, handler

if TYPE_CHECKING:
    from collections.abc import Callable


@handler("Conv3D", since=1)
def conv3d(write: Form, images: str, kernel: str, *_: str) -> None:
    """tf2onnx's own form, which sees groups only in two dimensions."""
    groups = _groups(write, images, kernel)
    tf2onnx_nn.ConvOp.any_version(write.opset, write.ctx, write.node)
    write.node.set_attr("group", groups)


def _groups(write: Form, images: str, kernel: str) -> int:
    """Return how many times the kernel's channels fit into the input's."""
    first = write.attr("data_format", "NDHWC") == "NCDHW"
    channels, of_kernel = write.ctx.get_shape(images)[1 if first else -1], write.ctx.get_shape(kernel)[-2]
    return int(channels // of_kernel) if channels > 0 and of_kernel > 0 else 1


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


@handler(*_FORMS, since=6)
def activation(write: Form, x: str) -> str | None:
    """An activation, with ONNX's own operator where the type is not float64."""
    return _FORMS[write.kind](write, x) if write.dtype == np.float64 else None


@handler("Conv2DBackpropInput", "Conv3DBackpropInputV2", since=11)
def conv_transpose(write: Form, _: str, kernel: str, *__: str) -> str | None:
    """A transposed convolution to a given size.

    Between kernels narrower than the steps the output is zero. There tf2onnx writes negative pads, or pads after a bias that
    belongs behind the pads: here all of the output is computed, then cut to the size.
    """
    sizes, padding = (
        write.shape(kernel) or [],
        write.attr("padding"),
    )  # of an unknown kernel there are no extents either
    rank = len(write.attr("strides")) - 2
    last = (write.attr("data_format") or "NHWC")[-1] == "C"
    strides, dilations = (_spatial(write.attr(name), rank, last) for name in ("strides", "dilations"))
    extents = [(size - 1) * step + 1 for size, step in zip(sizes[:rank], dilations, strict=False)]
    if padding == "EXPLICIT" or all(extent >= step for extent, step in zip(extents, strides, strict=False)):
        write.upstream(tf2onnx_nn.ConvTranspose.version_1)
        return None
    return _cut(write, rank, last, sizes, strides, dilations, extents, padding)


def _cut(
    write: Form, rank: int, last: bool, sizes: list[int], strides: list[int], dilations: list[int],
    extents: list[int], padding: str,
) -> str:  # fmt: skip
    wanted, kernel, x, *bias = write.inputs  # tf2onnx has made a bias an input
    spatial = list(range(rank))
    if last:
        x = write("Transpose", x, perm=[0, rank + 1, *(axis + 1 for axis in spatial)])
    kernel = write("Transpose", kernel, perm=[rank + 1, rank, *spatial])
    whole = write(
        "ConvTranspose",
        x,
        kernel,
        *bias,
        kernel_shape=sizes[:rank],
        strides=strides,
        dilations=dilations,
        output_padding=[step - 1 for step in strides],
    )
    at = 1 if last else 2
    out = write.slice(write.cast(wanted, np.int64), at, at + rank)
    start = write.const([0] * rank)
    if padding == "SAME":
        taken = write.slice(write("Shape", x), 2, 2 + rank)
        full = write(
            "Add", write("Mul", write("Sub", taken, write.const(1)), write.const(strides)), write.const(extents)
        )
        start = write("Div", write("Max", write("Sub", full, out), write.const([0])), write.const(2))
    axes = write.const([axis + 2 for axis in spatial])
    found = write("Slice", whole, start, write("Add", start, out), axes)
    return write("Transpose", found, perm=[0, *(axis + 2 for axis in spatial), 1]) if last else found


def _spatial(values: list[int] | None, rank: int, last: bool) -> list[int]:
    """Return the spatial ones of an attribute's values; 1 for each where it is absent."""
    if values is None:
        return [1] * rank
    return list(values[1:-1] if last else values[2:])


@handler("GRUBlockCell")
def gru_block_cell(write: Form, x: str, state: str, w_ru: str, w_c: str, b_ru: str, b_c: str) -> tuple[str, ...]:
    """One step of tf.contrib.rnn.GRUBlockCellV2: r, u, c, h."""
    (units,) = write.sizes(w_c, [1])
    gates = write("Sigmoid", write("Add", write("MatMul", write.join(x, state, axis=1), w_ru), b_ru))
    reset, update = write.several("Split", [gates, write.const([units, units])], 2, axis=1)
    both = write.join(x, write("Mul", reset, state), axis=1)
    candidate = write("Tanh", write("Add", write("MatMul", both, w_c), b_c))
    kept = write("Mul", update, write("Sub", state, candidate))
    return reset, update, candidate, write("Add", kept, candidate)


@handler("InTopK", "InTopKV2")
def in_top_k(write: Form, predictions: str, targets: str, k: str = "") -> str:
    """Whether fewer than k classes score higher than the target, which scores a finite number."""
    count = write.cast(k, np.int64) if k else write.const(write.attr("k"))
    rows = write.unsqueeze(write.cast(targets, np.int64), 1)
    score = write("GatherElements", predictions, rows, axis=1)
    better = write.reduce("Sum", write.cast(write("Greater", predictions, score), np.int64), [1])
    finite = write("Less", write("Abs", write.squeeze(score, 1)), write.const(np.inf, np.float32))
    return write("And", write("Less", better, count), finite)


@handler("L2Loss")
def l2_loss(write: Form, x: str) -> str:
    """sum(x^2) / 2."""
    total = write("ReduceSumSquare", x, keepdims=0)
    return write("Mul", total, write.like(0.5))


@handler("SoftmaxCrossEntropyWithLogits")
def softmax_cross_entropy(write: Form, logits: str, labels: str) -> tuple[str, str]:
    """The loss of each row, and its gradient."""
    logarithms = write("LogSoftmax", logits, axis=-1)
    loss = write("Neg", write.reduce("Sum", write("Mul", labels, logarithms), [1]))
    return loss, write("Sub", write("Softmax", logits, axis=-1), labels)


@handler("SparseSoftmaxCrossEntropyWithLogits")
def sparse_softmax_cross_entropy(write: Form, logits: str, labels: str) -> tuple[str, str]:
    """The loss of each row, whose label is a number, and its gradient."""
    rows = write.unsqueeze(write.cast(labels, np.int64), 1)
    loss = write("Neg", write.squeeze(write("GatherElements", write("LogSoftmax", logits, axis=-1), rows, axis=1), 1))
    marked = write("Equal", write.unsqueeze(write.arange(write.size(logits, 1)), 0), rows)
    return loss, write("Sub", write("Softmax", logits, axis=-1), write.cast(marked, write.dtype))
