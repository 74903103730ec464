"""Transposed convolutions whose steps are wider than their kernels."""

from __future__ import annotations

import numpy as np
from tf2onnx.onnx_opset.nn import ConvTranspose as Upstream

from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form


@form("Conv2DBackpropInput", "Conv3DBackpropInputV2", since=11)
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
        write.upstream(Upstream.version_1)
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
