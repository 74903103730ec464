"""Convolutions."""

from __future__ import annotations

from tf2onnx.onnx_opset.nn import ConvOp as Upstream

from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form


@form("Conv3D", since=1)
def conv3d(write: Form, images: str, kernel: str, *_: str) -> None:
    """tf2onnx's own form, which sees groups only in two dimensions."""
    groups = _groups(write, images, kernel)
    Upstream.any_version(write.opset, write.ctx, write.node)
    write.node.set_attr("group", groups)


def _groups(write: Form, images: str, kernel: str) -> int:
    """Return how many times the kernel's channels fit into the input's."""
    first = write.attr("data_format", "NDHWC") == "NCDHW"
    channels, of_kernel = write.ctx.get_shape(images)[1 if first else -1], write.ctx.get_shape(kernel)[-2]
    return int(channels // of_kernel) if channels > 0 and of_kernel > 0 else 1
