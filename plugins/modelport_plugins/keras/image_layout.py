"""The layout of image inputs: channels-first in the ONNX file (-O inputs_layout=nchw), channels-last in the model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelport.spec import Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelport.signature import TensorSpec

_RANKS = (4, 5)
"""Images and volumes; a tensor of rank 3 is rather a sequence."""


def is_channels_first(options: Options) -> bool:
    """Tell whether the user wants image inputs channels-first."""
    return options.values.get("inputs_layout") == "nchw"


def is_image(spec: TensorSpec) -> bool:
    """Tell whether an input is taken for images: floats with two or three spatial axes."""
    return spec.shape is not None and len(spec.shape) in _RANKS and "float" in (spec.dtype or "float32")


def channels_first(spec: TensorSpec) -> TensorSpec:
    """Declare an image input channels-first."""
    batch, *space, channels = spec.shape or ()
    return replace(spec, shape=(batch, channels, *space))


def with_inputs_channels_last(options: Options) -> Options:
    """Return the options with the images of --input, which are declared as in the ONNX file, in the model's layout."""
    if not is_channels_first(options):
        return options
    turned = []
    for spec in options.inputs:
        batch, *rest = spec.shape or (1,)
        turned.append(replace(spec, shape=(batch, *rest[1:], rest[0])) if is_image(spec) else spec)
    return replace(options, inputs=tuple(turned))


def to_channels_last(ops: Any, tensors: Sequence[Any], inputs: Sequence[TensorSpec]) -> list[Any]:
    """Transpose the images among the tensors to the model's layout, with `keras.ops`."""
    return [
        ops.transpose(tensor, (0, *range(2, len(spec.shape or ())), 1)) if is_image(spec) else tensor
        for tensor, spec in zip(tensors, inputs, strict=True)
    ]
