"""Transposed convolution."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_graph.windows import Pairs, Window, halves
from modelport_converters.onnx_to_tensorflow import shapes
from modelport_converters.onnx_to_tensorflow.ops.convolution.conv import convolved
from modelport_converters.onnx_to_tensorflow.ops.convolution.windows import cropped, paddings, spatial_sizes
from modelport_converters.onnx_to_tensorflow.profile import is_lite
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, op
from modelport_converters.onnx_to_tensorflow.shapes import Size
from modelport_converters.onnx_to_tensorflow.weights import Weight, arrange, static_array
from modelport_converters.onnx_to_tensorflow.widening import HALVES, widened


@op("ConvTranspose", layout=LayoutRule.SPATIAL, lazy=("w",))
def conv_transpose(
    x: tf.Tensor, w: Weight | tf.Tensor, b: tf.Tensor | None = None,
    *, auto_pad: str = "NOTSET", dilations: Sequence[int] = (), group: int = 1, kernel_shape: Sequence[int] = (),
    output_padding: Sequence[int] = (), output_shape: Sequence[int] = (), pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> tf.Tensor:  # fmt: skip
    """Transposed convolution; x is channels-last, w as in ONNX: [C, M/group, *kernel]."""
    kernel = [int(size) for size in w.shape[2:]]
    strides, dilations = strides or [1] * len(kernel), dilations or [1] * len(kernel)
    extra = list(output_padding or [0] * len(kernel))
    spans = [(taps - 1) * dilation + 1 + more for taps, dilation, more in zip(kernel, dilations, extra, strict=True)]
    crops = _crops(spatial_sizes(x), spans, strides, pads, auto_pad, output_shape)
    crops = [(before, after - more) for (before, after), more in zip(crops, extra, strict=True)]
    window = Window(tuple(kernel), tuple(strides), tuple(dilations), tuple(crops))
    compute = _native if group == 1 and max(dilations) == 1 else _spread
    y = widened(lambda x: compute(x, w, group, window), HALVES)(x)
    return y if b is None else tf.nn.bias_add(y, b)


def _crops(
    sizes: Sequence[Size], spans: Sequence[int], strides: Sequence[int], pads: Sequence[int], auto_pad: str,
    output_shape: Sequence[int],
) -> Pairs:  # fmt: skip
    """Return the crops of the full result at both sides, which ONNX calls pads; negative ones are added."""
    rank = len(spans)
    if output_shape:  # some models give the batch and the channels too
        steps = zip(sizes, spans, strides, output_shape[-rank:], strict=True)
        return [halves(stride * (size - 1) + span - wanted, auto_pad) for size, span, stride, wanted in steps]
    if auto_pad.startswith("SAME"):
        return [halves(span - stride, auto_pad) for span, stride in zip(spans, strides, strict=True)]
    return [(int(pads[axis]), int(pads[axis + rank])) if pads else (0, 0) for axis in range(rank)]


def _native(x: tf.Tensor, w: Weight | tf.Tensor, group: int, window: Window) -> tf.Tensor:
    """Transposed convolution by TensorFlow's kernel, which crops in two dimensions only, in TensorFlow Lite to SAME only."""
    rank = len(window.kernel)
    if rank == 1:
        return tf.squeeze(_native(tf.expand_dims(x, 1), w, group, window.lifted()), 1)
    shape, perm = (int(w.shape[0]), int(w.shape[1]), *window.kernel), (*range(2, 2 + rank), 1, 0)
    filters = tf.cast(arrange(w, shape=shape, perm=perm), x.dtype)
    same = rank == 2 and is_lite() and _is_same(window)
    inside = same or (rank == 2 and not is_lite() and _fits(window))
    crops = window.pads if inside else [(0, 0)] * rank
    sizes = [
        stride * (size - 1) + taps - before - after
        for size, taps, stride, (before, after) in zip(
            spatial_sizes(x), window.kernel, window.strides, crops, strict=True
        )
    ]
    target = shapes.vector([shapes.size(x, 0, tf.int32), *sizes, int(w.shape[1])], tf.int32)
    if rank == 3:
        y = tf.nn.conv3d_transpose(x, filters, target, list(window.strides), "VALID")
    else:
        padding: str | list[list[Size]] = "SAME" if same else paddings(crops) if inside and window.padded else "VALID"
        y = tf.nn.conv2d_transpose(x, filters, target, list(window.strides), padding)
    return y if inside else cropped(y, window.pads)


def _fits(window: Window) -> bool:
    """Tell whether the kernel can apply the crops: smaller than the window, at both sides."""
    pairs = zip(window.pads, window.kernel, strict=True)
    return window.fixed and all(0 <= before < taps and 0 <= after < taps for (before, after), taps in pairs)


def _is_same(window: Window) -> bool:
    """Tell whether the crops are those of SAME padding: the smaller half before, and as many windows as the input is long."""
    return window.fixed and all(
        0 <= after - before <= 1 and before >= 0 and 0 < taps - before - after <= stride
        for (before, after), taps, stride in zip(window.pads, window.kernel, window.strides, strict=True)
    )


def _spread(x: tf.Tensor, w: Weight | tf.Tensor, group: int, window: Window) -> tf.Tensor:
    """Transposed convolution as a convolution of the dilated input with flipped filters, which takes groups and dilations."""
    kernel, array = window.kernel, static_array(w)
    reversed_filters = _reversed(arrange(w) if array is None else array, group, tf if array is None else np)
    reach = [(taps - 1) * dilation for taps, dilation in zip(kernel, window.dilations, strict=True)]
    ones = (1,) * len(kernel)
    pads = [(far - before, far - after) for far, (before, after) in zip(reach, window.pads, strict=True)]
    inside = window.fixed and min(map(min, pads)) >= 0
    whole = Window(kernel, ones, window.dilations, tuple(pads if inside else [(far, far) for far in reach]))
    y = convolved(_interleaved(x, window.strides), reversed_filters, None, group, whole)
    return y if inside else cropped(y, window.pads)


def _reversed(w: np.ndarray | tf.Tensor, group: int, library: ModuleType) -> np.ndarray | tf.Tensor:
    """Flip the filters and bring them to the order of Conv, [M, C/group, *kernel], by TensorFlow or NumPy."""
    depth, filters, *kernel = [int(w.shape[0]) // group, *(int(size) for size in w.shape[1:])]
    split = library.reshape(w, (group, depth, filters, *kernel))
    moved = library.transpose(split, (0, 2, 1, *range(3, 3 + len(kernel))))
    joined = library.reshape(moved, (group * filters, depth, *kernel))
    return joined[(slice(None), slice(None), *[slice(None, None, -1)] * len(kernel))]


def _interleaved(x: tf.Tensor, strides: Sequence[int]) -> tf.Tensor:
    """Dilate the spatial dimensions with stride - 1 zeros between elements."""
    for axis, stride in enumerate(strides, 1):
        if stride > 1:
            sizes, zeros = shapes.sizes(x, tf.int32), [[0, 0]] * (x.shape.rank + 1)
            zeros[axis + 1] = [0, stride - 1]
            wide = tf.pad(tf.expand_dims(x, axis + 1), zeros)
            wide = shapes.reshaped(wide, [*sizes[:axis], sizes[axis] * stride, *sizes[axis + 1 :]])
            x = wide[(*[slice(None)] * axis, slice(None, 1 - stride))]
    return x
