"""Resampling: coordinates, taps and kernels, as ONNX's operators Resize, GridSample and AffineGrid define them.

Every function works on NumPy arrays, for sizes that are known, and on a framework's tensors when it is given that framework's
arithmetic as `xp`: a namespace with `abs`, `arange`, `ceil`, `clip`, `floor`, `round`, `sum` and `where` as NumPy has them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any, TypeAlias

import numpy as np

Number: TypeAlias = Any
"""A number, an array, or a tensor of the framework whose arithmetic is used."""

Namespace: TypeAlias = ModuleType | SimpleNamespace
"""The arithmetic of NumPy or of a framework under NumPy's names."""

CUBIC_A = -0.75
"""The coefficient of cubic convolution in GridSample, as in PyTorch; Keys 1981 (10.1109/TASSP.1981.1163711), equation 4."""


_STEPS = 2.0**36
"""Coordinates are rounded to this part of an element before the nearest one is sought: halves are often meant exactly."""


@dataclass(frozen=True)
class Resized:
    """One dimension that is resized; everything is a number, or a scalar tensor of float64 where it is not known.

    Attributes:
        size: number of elements of the input.
        out: number of elements of the output.
        over: numerator of the scale.
        under: its denominator; kept apart so that sizes give exact coordinates.
        start: of the region of interest, in units of size - 1.
        end: of the region of interest.
        stretched: the scale is the quotient of the sizes, even where these are not known.
    """

    size: Number
    out: Number
    over: Number
    under: Number = 1.0
    start: Number = 0.0
    end: Number = 1.0
    stretched: bool = False

    @property
    def length(self) -> Number:
        """The number of elements of the output, with a fraction if it comes from a scale."""
        return self.over * self.size / self.under

    @property
    def known(self) -> bool:
        """Whether everything is a number."""
        return all(
            isinstance(item, int | float) for item in (self.size, self.out, self.over, self.under, self.start, self.end)
        )


def scaled_size(size: int, scale: float) -> int:
    """Return the size that a scale gives, in the arithmetic of ONNX's shape inference: float32."""
    return int(np.floor(np.float32(size) * np.float32(scale)))


def coordinates(dim: Resized, mode: str, xp: Namespace = np) -> Number:
    """Return the input coordinate of each output element, as Resize's coordinate_transformation_mode defines it: [dim.out].

    Args:
        dim: the dimension.
        mode: Resize's coordinate_transformation_mode.
        xp: arithmetic.
    """
    at, last = xp.arange(dim.out) * 1.0, dim.size - 1
    if mode == "align_corners":
        return at * last / xp.where(dim.length == 1, 1.0, dim.length - 1.0)
    if mode == "tf_crop_and_resize":
        middle = 0.5 * (dim.start + dim.end) * last + at * 0.0
        step = (dim.end - dim.start) * last / xp.where(dim.out > 1, dim.out - 1.0, 1.0)
        return xp.where(dim.out > 1, dim.start * last + at * step, middle)
    if mode == "asymmetric":
        return at * dim.under / dim.over
    centres = (at + 0.5) * dim.under / dim.over - 0.5
    if mode == "half_pixel_symmetric":
        return centres + dim.size / 2 * (1 - dim.out / dim.length)
    return xp.where(dim.out > 1, centres, at * 0.0) if mode == "pytorch_half_pixel" else centres


def nearest(points: Number, size: Number, rounding: str, xp: Namespace = np) -> Number:
    """Return the index of the element nearest to each coordinate, as floats.

    Args:
        points: coordinates.
        size: of the dimension.
        rounding: Resize's nearest_mode.
        xp: arithmetic.
    """
    points = xp.round(points * _STEPS) / _STEPS
    rounded = {
        "floor": lambda: xp.floor(points),
        "ceil": lambda: xp.ceil(points),
        "round_prefer_floor": lambda: xp.ceil(points - 0.5),
        "round_prefer_ceil": lambda: xp.floor(points + 0.5),
    }
    return xp.clip(rounded[rounding](), 0.0, size - 1.0)


def taps(
    points: Number,
    size: Number,
    scale: Number = 1.0,
    *,
    mode: str,
    cubic_a: float = CUBIC_A,
    inside: bool = False,
    xp: Namespace = np,
) -> tuple[Number, Number]:
    """Return the interpolation taps of each output: the indices of input elements and their weights.

    Args:
        points: coordinates, n of them.
        size: of the dimension.
        scale: 1, or less to widen the filter by its inverse, against aliasing.
        mode: "linear" or "cubic".
        cubic_a: the coefficient of cubic convolution.
        inside: elements outside the tensor have no weight, and the weights are normalised.
        xp: arithmetic.

    Returns:
        Indices, which may lie outside the tensor, and weights: both as floats, with one more dimension than the coordinates.
    """
    reach = 1.0 if mode == "linear" else 2.0
    if isinstance(scale, float):
        first = math.floor(-reach / scale) + 1
        offsets = [float(first + at) for at in range(2 - 2 * first)]
    else:
        first = xp.floor(-reach / scale) + 1
        offsets = xp.arange(2 - 2 * first) + first
    index = xp.floor(points)[..., None] + offsets
    weights = kernel((index - points[..., None]) * scale, mode, cubic_a, xp)
    if inside:
        weights = xp.where((index < 0) | (index > size - 1), 0.0, weights)
    if inside or not isinstance(scale, float) or scale != 1.0:
        weights = weights / xp.sum(weights, axis=-1, keepdims=True)
    return index, weights


def kernel(distance: Number, mode: str, cubic_a: float = CUBIC_A, xp: Namespace = np) -> Number:
    """Return the interpolation kernel at a distance: linear (triangle), or cubic convolution (Keys 1981, equation 4)."""
    d = xp.abs(distance)
    if mode == "linear":
        return xp.clip(1.0 - d, 0.0, 1.0)
    near = ((cubic_a + 2) * d - (cubic_a + 3)) * d * d + 1
    far = ((cubic_a * d - 5 * cubic_a) * d + 8 * cubic_a) * d - 4 * cubic_a
    return xp.where(d <= 1, near, xp.where(d < 2, far, 0.0))


def from_normalized(grid: Number, size: Number, align_corners: bool) -> Number:
    """Return the coordinates of normalized positions, -1 and 1 being the corner centers if they are aligned, else the edges."""
    return (grid + 1) / 2 * (size - 1) if align_corners else ((grid + 1) * size - 1) / 2


def apply_padding_mode(index: Number, size: Number, padding: str, align_corners: bool, xp: Namespace = np) -> Number:
    """Apply GridSample's padding_mode to indices beyond the border; "zeros" moves none."""
    if padding == "border":
        return xp.clip(index, 0.0, size - 1.0)
    low, span = (0.0, size - 1.0) if align_corners else (-0.5, size * 1.0)
    return reflected(index - low, span, xp) + low if padding == "reflection" else index


def reflected(distance: Number, span: Number, xp: Namespace = np) -> Number:
    """Reflect distances from the lower border at both borders until they lie between them."""
    distance = xp.abs(distance)
    turns = xp.floor(distance / xp.where(span > 0, span, 1.0))
    rest = distance - turns * span
    return xp.where(turns - 2 * xp.floor(turns / 2) == 0, rest, span - rest)


def positions(size: Number, align_corners: bool, xp: Namespace = np) -> Number:
    """Return the normalized positions, -1 to 1, of the elements of a dimension: the inverse of `from_normalized`."""
    at = xp.arange(size) * 1.0
    if align_corners:
        return xp.where(size > 1, 2 * at / xp.where(size > 1, size - 1.0, 1.0) - 1, at * 0.0)
    return (2 * at + 1) / size - 1
