"""Resizing images: a matrix along the height and one along the width, with the coefficients that TensorFlow computes.

ONNX's Resize takes other coefficients and other pixels at the border than TensorFlow does, but for linear interpolation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelport_converters.tensorflow_to_onnx.handler import Form, handler
from modelport_converters.tensorflow_to_onnx.handlers.resizing_kernels import (
    KERNELS,
    Axis,
    area,
    cubic,
    nearest,
    sampled,
)
from modelport_converters.tensorflow_to_onnx.handlers.symbols import Known, Nodes

if TYPE_CHECKING:
    from collections.abc import Callable

_SPATIAL = (1, 2)


@handler("ResizeNearestNeighbor")
def resize_nearest_neighbor(write: Form, images: str, size: str) -> str:
    """Rows and columns gathered, since Resize rounds other coordinates; whole factors leave nothing to round."""
    axes = _axes(write, images, size)
    if all(isinstance(xp, Known) and axis.target % axis.source == 0 and not axis.aligned for xp, axis in axes):
        factors = [float(axis.target // axis.source) for _, axis in axes]
        narrow = write("Transpose", images, perm=[0, 3, 1, 2])
        scales = write.const([1.0, 1.0, *factors], np.float32)
        modes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return write("Transpose", write("Resize", narrow, "", scales, mode="nearest", **modes), perm=[0, 2, 3, 1])
    for place, (xp, axis) in zip(_SPATIAL, axes, strict=True):
        images = write("Gather", images, xp.tensor(write, nearest(xp, axis), np.int64), axis=place)
    return images


@handler("ResizeBicubic")
def resize_bicubic(write: Form, images: str, size: str) -> str:
    """Cubic convolution."""
    return _multiplied(write, images, _axes(write, images, size), cubic)


@handler("ResizeArea")
def resize_area(write: Form, images: str, size: str) -> str:
    """The mean of the pixels under each new one, by the area they share with it."""
    return _multiplied(write, images, _axes(write, images, size), area)


@handler("ScaleAndTranslate")
def scale_and_translate(write: Form, images: str, *places: str) -> str:
    """Resizing with antialiasing, or with a Lanczos, Gaussian or Mitchell kernel."""
    kernel = KERNELS[write.attr("kernel_type", "lanczos3")]
    return _multiplied(write, images, _axes(write, images, *places), lambda xp, axis: sampled(xp, axis, kernel))


def _axes(write: Form, images: str, *given: str) -> list[tuple[Any, Axis]]:
    """Return height and width, each with its arithmetic: NumPy's for one whose numbers are known, else the graph's.

    `given` are the new sizes, for ScaleAndTranslate also the scales and the translations.
    """
    if write.rank_of(images) != 4:
        raise ValueError("its images must have four axes")
    known = [_known(write, index) for index in range(1, len(given) + 1)]
    axes = []
    for place, axis in enumerate(_SPATIAL):
        size = (write.shape(images) or [])[axis]
        fixed = size >= 0 and all(values is not None for values in known)
        xp: Any = Known() if fixed else Nodes(write)
        source = xp.number(size if size >= 0 else write.size(images, axis))
        parts = [
            xp.number(values[place] if values is not None else write("Gather", name, write.const([place])))
            for values, name in zip(known, given, strict=True)
        ]
        axes.append((xp, _axis(write, source, *parts)))
    return axes


def _axis(write: Form, source: Any, target: Any, scale: Any = None, shift: Any = None) -> Axis:
    return Axis(
        source,
        target,
        aligned=bool(write.attr("align_corners", False)),
        half=bool(write.attr("half_pixel_centers", False)),
        scale=scale,
        shift=shift,
        smooth=bool(write.attr("antialias", True)),
    )


def _known(write: Form, index: int) -> Any:
    """Return the array of a constant input, None for any other."""
    try:
        return write.known(index)
    except ValueError:
        return None


def _multiplied(write: Form, images: str, axes: list[tuple[Any, Axis]], matrix: Callable[[Any, Axis], Any]) -> str:
    """Multiply the rows of the images with one matrix and their columns with the other."""
    rows, columns = (xp.tensor(write, matrix(xp, axis)) for xp, axis in axes)
    images = write.cast(images, np.float32)
    shape = write("Shape", images)
    by_row = write("MatMul", rows, write.reshape(images, [0, 0, -1]))
    raised = write.reshape(by_row, write.join(write.slice(shape, 0, 1), write.size(rows, 0), write.slice(shape, 2, 4)))
    return write("MatMul", columns, raised)
