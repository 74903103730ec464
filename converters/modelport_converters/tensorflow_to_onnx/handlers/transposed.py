"""Transposed convolutions whose steps are wider than their kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from tf2onnx.handler import tf_op
from tf2onnx.onnx_opset.nn import ConvTranspose as Upstream

from modelport_converters.tensorflow_to_onnx.handlers.writing import Writer


@tf_op(["Conv2DBackpropInput", "Conv3DBackpropInputV2"])
class ConvTranspose:
    """A transposed convolution to a given size.

    Between kernels narrower than the steps the output is zero. There tf2onnx writes negative pads, or pads after a bias that
    belongs behind the pads: here all of the output is computed, then cut to the size.
    """

    @classmethod
    def version_11(cls, ctx: Any, node: Any, **settings: Any) -> None:
        """Slice takes its bounds as inputs."""
        write = Writer(ctx, node)
        sizes = write.shape(node.input[1])
        rank = len(node.get_attr_value("strides")) - 2
        last = (node.get_attr_value("data_format") or b"NHWC").decode()[-1] == "C"
        strides, dilations = (_spatial(node.get_attr_value(name), rank, last) for name in ("strides", "dilations"))
        padding = node.get_attr_value("padding").decode()
        if sizes is None or padding == "EXPLICIT":
            Upstream.version_1(ctx, node, **settings)
            return
        extents = [(size - 1) * step + 1 for size, step in zip(sizes[:rank], dilations, strict=True)]
        if all(extent >= step for extent, step in zip(extents, strides, strict=True)):
            Upstream.version_1(ctx, node, **settings)
            return
        write.finish(_cut(write, rank, last, sizes, strides, dilations, extents, padding))


def _cut(
    write: Writer, rank: int, last: bool, sizes: list[int], strides: list[int], dilations: list[int],
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
    out = write("Slice", write.cast(wanted, np.int64), write.const([at]), write.const([at + rank]), write.const([0]))
    start = write.const([0] * rank)
    if padding == "SAME":
        taken = write("Slice", write("Shape", x), write.const([2]), write.const([2 + rank]), write.const([0]))
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
