"""The matrices that resize one axis, [new size, old size], and the pixels that nearest-neighbour resizing takes.

Written after TensorFlow's kernels (resize_bicubic_op.cc, resize_area_op.cc, scale_and_translate_op.cc, sampling_kernels.h),
in float32 as there. `xp` is `symbols.Known` or `symbols.Nodes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import pi
from typing import Any

_TABLE = 1024
"""TensorFlow rounds the distance to a pixel to a table of so many steps."""

_TINY = 1000 * 1.1754944e-38
"""Below this sum, weights are not normalised: there are none."""


@dataclass(frozen=True)
class Axis:
    """The axis of an image that is resized.

    Attributes:
        source, target: the old and the new size.
        aligned: whether the centres of the corner pixels stay where they are.
        half: whether coordinates are those of the centres of pixels.
        scale, shift: given for ScaleAndTranslate: the new size over the old, and the translation.
        smooth: whether the kernel is widened when an image shrinks.
    """

    source: Any
    target: Any
    aligned: bool = False
    half: bool = False
    scale: Any = None
    shift: Any = None
    smooth: bool = False


def step(xp: Any, axis: Axis) -> Any:
    """Return how many old pixels a new one is wide."""
    if not axis.aligned:
        return axis.source / axis.target
    within = (axis.source - 1.0) / xp.maximum(axis.target - 1.0, 1.0)
    return xp.where(xp.less(axis.target, 1.5), axis.source / axis.target, within)


def nearest(xp: Any, axis: Axis) -> Any:
    """Return the old pixel of each new one, as float32."""
    at = (xp.arange(axis.target) + (0.5 if axis.half else 0.0)) * step(xp, axis)
    at = xp.floor(at + 0.5) if axis.aligned else xp.floor(at)
    return xp.minimum(at, axis.source - 1.0)


def cubic(xp: Any, axis: Axis) -> Any:
    """Return the matrix of cubic convolution.

    With half pixels the coefficient is Keys's -0.5 and pixels beyond the border do not count; without, it is -0.75 and
    the border is repeated.
    """
    across = step(xp, axis)
    places, pixels = xp.arange(axis.target), xp.arange(axis.source)
    at = (places + 0.5) * across - 0.5 if axis.half else places * across
    first = xp.floor(at)
    near = xp.rint((at - first) * _TABLE) / _TABLE
    a = -0.5 if axis.half else -0.75

    def inner(x: Any) -> Any:
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0

    def outer(x: Any) -> Any:
        return ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a

    matrix: Any = 0.0
    for tap, weight in ((-1, outer(near + 1.0)), (0, inner(near)), (1, inner(1.0 - near)), (2, outer(2.0 - near))):
        pixel = first + float(tap)
        if not axis.half:
            pixel = xp.minimum(xp.maximum(pixel, 0.0), axis.source - 1.0)
        matrix = xp.where(xp.equal(xp.column(pixel), pixels), xp.column(weight), 0.0) + matrix
    return matrix / xp.total(matrix) if axis.half else matrix


def area(xp: Any, axis: Axis) -> Any:
    """Return the matrix of shared areas; the last pixel goes on beyond the border."""
    across = step(xp, axis)
    places, pixels = xp.column(xp.arange(axis.target)), xp.arange(axis.source)
    ends = xp.where(xp.equal(pixels, axis.source - 1.0), 1e9, pixels + 1.0)
    shared = xp.minimum((places + 1.0) * across, ends) - xp.maximum(places * across, pixels)
    return xp.maximum(shared, 0.0) / across


def sampled(xp: Any, axis: Axis, kernel: Callable[[Any, Any], Any]) -> Any:
    """Return the matrix of ScaleAndTranslate: a kernel around each new pixel's centre, its weights normalised."""
    across = 1.0 / axis.scale
    at = xp.column((xp.arange(axis.target) + 0.5) * across - across * axis.shift)
    width = xp.maximum(across, 1.0) if axis.smooth else 1.0
    weights = kernel(xp, xp.abs(xp.arange(axis.source) + 0.5 - at) / width)
    inside = xp.where(xp.less(at, 0.0), 0.0, xp.where(xp.less(axis.source, at), 0.0, 1.0))
    total = xp.total(weights)
    total = xp.where(xp.less(xp.abs(total), _TINY), 1.0, total)
    return weights / total * inside


def _lanczos(xp: Any, x: Any, radius: float) -> Any:
    safe = xp.maximum(x, 1e-3)
    value = radius * xp.sin(pi * safe) * xp.sin(pi * safe / radius) / (pi * pi * safe * safe)
    return xp.where(xp.less(radius, x), 0.0, xp.where(xp.less(1e-3, x), value, 1.0))


def _gaussian(xp: Any, x: Any) -> Any:
    radius = 1.5
    return xp.where(xp.less(x, radius), xp.exp(x * x * (-0.5 * 9.0 / radius**2)), 0.0)


def _box(xp: Any, x: Any) -> Any:
    return xp.where(xp.less(x, 0.5), 1.0, xp.where(xp.equal(x, 0.5), 0.5, 0.0))


def _triangle(xp: Any, x: Any) -> Any:
    return xp.maximum(1.0 - x, 0.0)


def _keys(xp: Any, x: Any) -> Any:
    outer = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    inner = (1.5 * x - 2.5) * x * x + 1.0
    return xp.where(xp.less(x, 1.0), inner, xp.where(xp.less(x, 2.0), outer, 0.0))


def _mitchell(xp: Any, x: Any) -> Any:
    outer = ((-7.0 / 18.0 * x + 2.0) * x - 10.0 / 3.0) * x + 16.0 / 9.0
    inner = (7.0 / 6.0 * x - 2.0) * x * x + 8.0 / 9.0
    return xp.where(xp.less(x, 1.0), inner, xp.where(xp.less(x, 2.0), outer, 0.0))


KERNELS: dict[str, Callable[[Any, Any], Any]] = {
    "lanczos1": partial(_lanczos, radius=1.0),
    "lanczos3": partial(_lanczos, radius=3.0),
    "lanczos5": partial(_lanczos, radius=5.0),
    "gaussian": _gaussian,
    "box": _box,
    "triangle": _triangle,
    "keyscubic": _keys,
    "mitchellcubic": _mitchell,
}
"""TensorFlow's sampling kernels, as functions of the distance."""
