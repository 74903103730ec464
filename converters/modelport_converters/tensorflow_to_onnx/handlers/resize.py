"""Resizing images: a matrix along the height and one along the width, with the coefficients that TensorFlow computes.

ONNX's Resize takes other coefficients and other pixels at the border than TensorFlow does, but for linear interpolation.
The matrices, [new size, old size], follow TensorFlow's kernels (resize_bicubic_op.cc, resize_area_op.cc,
scale_and_translate_op.cc, sampling_kernels.h), in float32 as there: in NumPy where the sizes of an axis are static, else in
the functions of the same names that write nodes (`Axis.xp`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from math import pi
from typing import Any

import numpy as np

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler

_SPATIAL = (1, 2)

_TABLE = 1024
"""TensorFlow rounds the distance to a pixel to a table of so many steps."""

_TINY = 1000 * 1.1754944e-38
"""Below this sum, weights are not normalised: there are none."""

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@dataclass(frozen=True)
class Axis:
    """The axis of an image that is resized; its numbers are float32, of the shape [1] where they are values.

    Attributes:
        xp: the module that computes on them: numpy, or onnx_builder's functions.
        source, target: the old and the new size.
        scale, shift: given for ScaleAndTranslate: the new size over the old, and the translation.
        aligned: whether the centres of the corner pixels stay where they are.
        half: whether coordinates are those of the centres of pixels.
        smooth: whether the kernel is widened when an image shrinks.
    """

    xp: Any
    source: Any
    target: Any
    scale: Any = None
    shift: Any = None
    _: KW_ONLY
    aligned: bool = False
    half: bool = False
    smooth: bool = False

    @property
    def step(self) -> Any:
        """How many old pixels a new one is wide."""
        if not self.aligned:
            return self.source / self.target
        within = (self.source - 1.0) / self.xp.maximum(self.target - 1.0, 1.0)
        return self.xp.where(self.target < 1.5, self.source / self.target, within)

    @property
    def places(self) -> Any:
        """The numbers of the new pixels, 0, 1, ..."""
        return self.xp.arange(self.target, dtype=np.float32)

    @property
    def pixels(self) -> Any:
        """The numbers of the old pixels, 0, 1, ..."""
        return self.xp.arange(self.source, dtype=np.float32)


Kernel = Callable[[Any, Any], Any]
"""A sampling kernel: from the module that computes, and distances, to weights."""

# --- handlers ------------------------------------------------------------------------------------


@handler("ResizeNearestNeighbor")
def resize_nearest_neighbor(op: Operation, images: Value, size: Value) -> Value:
    """Rows and columns gathered, since Resize rounds other coordinates; whole factors leave nothing to round."""
    axes = _axes(op, images, size)
    if all(axis.xp is np and axis.target % axis.source == 0 and not axis.aligned for axis in axes):
        scales = np.array([1, 1, *(axis.target // axis.source for axis in axes)], np.float32)
        modes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        resized = op.graph.op("Resize", fn.transpose(images, [0, 3, 1, 2]), None, scales, **modes)
        return fn.transpose(resized, [0, 2, 3, 1])
    for place, axis in zip(_SPATIAL, axes, strict=True):
        images = fn.take(images, _value(op, nearest(axis), "int64"), place)
    return images


@handler("ResizeBilinear")
def resize_bilinear(op: Operation, images: Value, size: Value) -> Value:
    """Linear interpolation, by Resize; the result is float32."""
    corners, half = op.attr("align_corners", 0), op.attr("half_pixel_centers", 0)
    mode = "align_corners" if corners else "half_pixel" if half else "asymmetric"
    narrow = fn.transpose(images.cast("float32"), [0, 3, 1, 2])
    shape = fn.concatenate([fn.shape(narrow)[:2], size.cast("int64")], 0)
    resized = op.graph.op("Resize", narrow, None, None, shape, mode="linear", coordinate_transformation_mode=mode)
    return fn.transpose(resized, [0, 2, 3, 1])


@handler("ResizeBicubic")
def resize_bicubic(op: Operation, images: Value, size: Value) -> Value:
    """Cubic convolution."""
    return _multiplied(op, images, _axes(op, images, size), cubic)


@handler("ResizeArea")
def resize_area(op: Operation, images: Value, size: Value) -> Value:
    """The mean of the pixels under each new one, by the area they share with it."""
    return _multiplied(op, images, _axes(op, images, size), area)


@handler("ScaleAndTranslate")
def scale_and_translate(op: Operation, images: Value, *given: Value) -> Value:
    """Resizing with antialiasing, or with a Lanczos, Gaussian or Mitchell kernel."""
    kernel = KERNELS[op.attr("kernel_type", "lanczos3")]
    return _multiplied(op, images, _axes(op, images, *given), partial(sampled, kernel=kernel))


def _axes(op: Operation, images: Value, *given: Value) -> list[Axis]:
    """Return height and width; `given` are the new sizes, for ScaleAndTranslate also the scales and the translations."""
    if op.rank(images) != 4:
        raise ValueError("its images must have four axes")
    shape = op.shape(images) or []
    known = all(op.is_constant(index + 1) for index in range(len(given)))
    axes = []
    for place, axis in enumerate(_SPATIAL):
        numbers: list[Any]
        if known and shape[axis] >= 0:
            xp: Any = np
            numbers = [shape[axis], *(op.constant(index + 1)[place] for index in range(len(given)))]
            numbers = [np.float32(number) for number in numbers]
        else:
            xp = fn
            numbers = [x.cast("float32") for x in (fn.size(images, axis), *(one[place : place + 1] for one in given))]
        aligned, half = (bool(op.attr(name, False)) for name in ("align_corners", "half_pixel_centers"))
        axes.append(Axis(xp, *numbers, aligned=aligned, half=half, smooth=bool(op.attr("antialias", True))))
    return axes


def _value(op: Operation, x: Any, dtype: str) -> Value:
    """Return what an axis computed as a value."""
    return x.cast(dtype) if isinstance(x, Value) else op.graph.constant(x, dtype)


def _multiplied(op: Operation, images: Value, axes: list[Axis], matrix: Callable[[Axis], Any]) -> Value:
    """Multiply the rows of the images with one matrix and their columns with the other."""
    rows, columns = (_value(op, matrix(axis), "float32") for axis in axes)
    images = images.cast("float32")
    shape = fn.shape(images)
    by_row = rows @ fn.reshape(images, [0, 0, -1])
    return columns @ fn.reshape(by_row, [shape[:1], fn.size(rows, 0), shape[2:4]])


# --- matrices ------------------------------------------------------------------------------------


def nearest(axis: Axis) -> Any:
    """Return the old pixel of each new one, as float32."""
    at = (axis.places + (0.5 if axis.half else 0.0)) * axis.step
    at = axis.xp.floor(at + 0.5) if axis.aligned else axis.xp.floor(at)
    return axis.xp.minimum(at, axis.source - 1.0)


def cubic(axis: Axis) -> Any:
    """Return the matrix of cubic convolution.

    With half pixels the coefficient is Keys's -0.5 and pixels beyond the border do not count; without, it is -0.75 and
    the border is repeated.
    """
    xp, pixels = axis.xp, axis.pixels
    at = (axis.places + 0.5) * axis.step - 0.5 if axis.half else axis.places * axis.step
    first = xp.floor(at)
    near = xp.rint((at - first) * _TABLE) / _TABLE
    a = -0.5 if axis.half else -0.75

    def inner(x: Any) -> Any:
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0

    def outer(x: Any) -> Any:
        return ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a

    def tap(offset: int, weight: Any) -> Any:
        pixel = first + float(offset)
        if not axis.half:
            pixel = xp.minimum(xp.maximum(pixel, 0.0), axis.source - 1.0)
        return xp.where(xp.equal(pixel[:, None], pixels), weight[:, None], _ZERO)

    matrix = tap(-1, outer(near + 1.0)) + tap(0, inner(near)) + tap(1, inner(1.0 - near)) + tap(2, outer(2.0 - near))
    return matrix / xp.sum(matrix, axis=1, keepdims=True) if axis.half else matrix


def area(axis: Axis) -> Any:
    """Return the matrix of shared areas; the last pixel goes on beyond the border."""
    xp, across, places, pixels = axis.xp, axis.step, axis.places[:, None], axis.pixels
    ends = xp.where(xp.equal(pixels, axis.source - 1.0), np.float32(1e9), pixels + 1.0)
    shared = xp.minimum((places + 1.0) * across, ends) - xp.maximum(places * across, pixels)
    return xp.maximum(shared, 0.0) / across


def sampled(axis: Axis, kernel: Kernel) -> Any:
    """Return the matrix of ScaleAndTranslate: a kernel around each new pixel's centre, its weights normalised."""
    xp, across = axis.xp, 1.0 / axis.scale
    at = ((axis.places + 0.5) * across - across * axis.shift)[:, None]
    width = xp.maximum(across, 1.0) if axis.smooth else 1.0
    weights = kernel(xp, xp.absolute(axis.pixels + 0.5 - at) / width)
    total = xp.sum(weights, axis=1, keepdims=True)
    total = xp.where(xp.absolute(total) < _TINY, _ONE, total)
    return weights / total * xp.where(at < 0.0, _ZERO, xp.where(at > axis.source, _ZERO, _ONE))


def _lanczos(xp: Any, x: Any, radius: float) -> Any:
    safe = xp.maximum(x, 1e-3)
    value = radius * xp.sin(pi * safe) * xp.sin(pi * safe / radius) / (pi * pi * safe * safe)
    return xp.where(x > radius, _ZERO, xp.where(x > 1e-3, value, _ONE))


def _gaussian(xp: Any, x: Any) -> Any:
    radius = 1.5
    return xp.where(x < radius, xp.exp(x * x * (-0.5 * 9.0 / radius**2)), _ZERO)


def _box(xp: Any, x: Any) -> Any:
    return xp.where(x < 0.5, _ONE, xp.where(xp.equal(x, 0.5), _HALF, _ZERO))


def _triangle(xp: Any, x: Any) -> Any:
    return xp.maximum(1.0 - x, 0.0)


def _keys(xp: Any, x: Any) -> Any:
    outer = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    inner = (1.5 * x - 2.5) * x * x + 1.0
    return xp.where(x < 1.0, inner, xp.where(x < 2.0, outer, _ZERO))


def _mitchell(xp: Any, x: Any) -> Any:
    outer = ((-7.0 / 18.0 * x + 2.0) * x - 10.0 / 3.0) * x + 16.0 / 9.0
    inner = (7.0 / 6.0 * x - 2.0) * x * x + 8.0 / 9.0
    return xp.where(x < 1.0, inner, xp.where(x < 2.0, outer, _ZERO))


KERNELS: dict[str, Kernel] = {
    "lanczos1": partial(_lanczos, radius=1.0),
    "lanczos3": partial(_lanczos, radius=3.0),
    "lanczos5": partial(_lanczos, radius=5.0),
    "gaussian": _gaussian,
    "box": _box,
    "triangle": _triangle,
    "keyscubic": _keys,
    "mitchellcubic": _mitchell,
}
"""TensorFlow's sampling kernels."""
