"""Convolutions."""

from __future__ import annotations

from typing import Any

from tf2onnx.handler import tf_op
from tf2onnx.onnx_opset.nn import ConvOp as Upstream


@tf_op("Conv3D")
class Conv3D:
    """tf2onnx's own form, which sees groups only in two dimensions."""

    @classmethod
    def version_1(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Conv is there from opset 1."""
        groups = _groups(ctx, node)
        Upstream.any_version(ctx.opset, ctx, node)
        node.set_attr("group", groups)

    # tf2onnx has a form for each of these, and takes the newest
    version_11 = version_1
    version_13 = version_1


def _groups(ctx: Any, node: Any) -> int:
    """Return how many times the kernel's channels fit into the input's."""
    first = node.get_attr_value("data_format", b"NDHWC").decode() == "NCDHW"
    channels = ctx.get_shape(node.input[0])[1 if first else -1]
    of_kernel = ctx.get_shape(node.input[1])[-2]
    return int(channels // of_kernel) if channels > 0 and of_kernel > 0 else 1
