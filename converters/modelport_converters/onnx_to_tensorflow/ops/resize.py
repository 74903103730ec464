"""Resize, and so Upsample, which onnx's version converter replaces by it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_graph import resampling
from modelport_converters.onnx_graph.resampling import Resized
from modelport_converters.onnx_to_tensorflow.layout import nhwc_perm
from modelport_converters.onnx_to_tensorflow.numpy_functions import TENSORS
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, Unsupported, op
from modelport_converters.onnx_to_tensorflow.shapes import integers, partial, vector

_KERNEL_NEAREST = frozenset(
    {"bfloat16", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16"}
)
_KERNEL_LINEAR = frozenset({"bfloat16", "float16", "float32", "int8", "int16", "uint8", "uint16"})
"""Types of ResizeNearestNeighbor and of ResizeBilinear, which computes in float32."""

_ANY_SIZE = 4096
"""Where a size is not known, what is found for this one holds for all up to it."""

Dims = dict[int, Resized]
"""The dimensions that are resized, by their place in the tensor."""


@dataclass(frozen=True)
class Options:
    """The attributes that tell how a dimension is interpolated, as in ONNX's schema."""

    mode: str
    coordinates: str
    rounding: str
    cubic_a: float
    inside: bool
    antialias: bool
    extrapolation: float


@op("Resize", layout=LayoutRule.SPATIAL)
def resize(
    x: tf.Tensor, roi: tf.Tensor | None = None, scales: tf.Tensor | None = None, sizes: tf.Tensor | None = None,
    *, antialias: int = 0, axes: Sequence[int] = (), coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75, exclude_outside: int = 0, extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch", mode: str = "nearest", nearest_mode: str = "round_prefer_floor",
) -> tf.Tensor:  # fmt: skip
    """Resize x, channels-last from three dimensions on, by nearest, linear or cubic interpolation."""
    options = Options(
        mode, coordinate_transformation_mode, nearest_mode, cubic_coeff_a,
        bool(exclude_outside), bool(antialias), extrapolation_value,
    )  # fmt: skip
    rank = x.shape.rank
    order = nhwc_perm(rank) if rank > 2 else list(range(rank))
    named = [axis % rank for axis in axes] if axes else list(range(rank))
    places = [order.index(axis) for axis in named]
    dims = dict(zip(places, _dims(x, places, roi, scales, sizes, keep_aspect_ratio_policy, options), strict=True))
    fixed = [] if axes or rank < 3 or options.coordinates == "tf_crop_and_resize" else [0, rank - 1]
    supposed = [place for place in fixed if not (dims[place].known or _same(dims[place]))]
    moved = {place: dim for place, dim in dims.items() if place not in supposed and not _unchanged(dim)}
    if not moved:
        return x
    y = _by_kernel(x, moved, options)
    y = _by_dimension(x, moved, options) if y is None else y
    return y if not supposed else _checked(y, dims)


def _dims(
    x: tf.Tensor, places: list[int], roi: tf.Tensor | None, scales: tf.Tensor | None, sizes: tf.Tensor | None,
    policy: str, options: Options,
) -> list[Resized]:  # fmt: skip
    """Return what happens to each dimension that the operator names."""
    count = len(places)
    own = [_size(x, place) for place in places]
    stretched = sizes is not None and sizes.shape != [0] and policy == "stretch"
    if sizes is not None and sizes.shape != [0]:
        wanted = _elements(sizes, count)
        pairs = [(_whole(one), _whole(other)) for one, other in zip(wanted, own, strict=True)]
        if policy != "stretch":
            scale = _extreme([over / under for over, under in pairs], policy)
            outs = [_floor(scale * size + 0.5) for size in own]
            pairs = [(scale, 1.0)] * count
        else:
            outs = [over for over, _ in pairs]
    elif scales is not None:
        factors = _elements(scales, count)
        outs = [_scaled(size, factor) for size, factor in zip(own, factors, strict=True)]
        pairs = [(factor, 1.0) for factor in factors]
    else:
        raise Unsupported("it has neither scales nor sizes")
    cropped = roi is not None and options.coordinates == "tf_crop_and_resize"
    regions = _elements(roi, 2 * count) if cropped else [0.0] * count + [1.0] * count
    return [
        Resized(size, out, *pair, start, end, stretched)
        for size, out, pair, start, end in zip(own, outs, pairs, regions[:count], regions[count:], strict=True)
    ]


def _elements(values: tf.Tensor, count: int) -> list[float | tf.Tensor]:
    """Return a vector's elements: numbers, and scalar tensors of float64 where they are not known."""
    found: Sequence[float | None]
    if values.dtype.is_integer:
        found = integers(values) or partial(values) or [None] * count
    else:
        array = tf.get_static_value(values)
        found = [None] * count if array is None else [float(item) for item in array]
    return [tf.cast(values[at], tf.float64) if item is None else item for at, item in enumerate(found)]


def _size(x: tf.Tensor, place: int) -> int | tf.Tensor:
    known = x.shape[place]
    return tf.cast(tf.shape(x)[place], tf.float64) if known is None else int(known)


def _whole(item: int | tf.Tensor) -> float | tf.Tensor:
    return item if isinstance(item, tf.Tensor) else float(item)


def _floor(value: float | tf.Tensor) -> int | tf.Tensor:
    return tf.floor(value) if isinstance(value, tf.Tensor) else int(value)


def _scaled(size: int | tf.Tensor, factor: float | tf.Tensor) -> int | tf.Tensor:
    if not isinstance(size, tf.Tensor) and not isinstance(factor, tf.Tensor):
        return resampling.scaled_size(size, factor)
    return tf.cast(tf.floor(tf.cast(size, tf.float32) * tf.cast(factor, tf.float32)), tf.float64)


def _extreme(ratios: list[float | tf.Tensor], policy: str) -> tf.Tensor:
    if not any(isinstance(ratio, tf.Tensor) for ratio in ratios):
        return min(ratios) if policy == "not_larger" else max(ratios)
    return functools.reduce(tf.minimum if policy == "not_larger" else tf.maximum, ratios)


def _unchanged(dim: Resized) -> bool:
    return _same(dim) and (dim.start, dim.end) == (0.0, 1.0)


def _same(dim: Resized) -> bool:
    """Tell whether a dimension keeps its size, which need not be known for that."""
    if any(isinstance(item, tf.Tensor) for item in (dim.over, dim.under, dim.start, dim.end)):
        return False
    return bool(dim.over == dim.under and (isinstance(dim.size, tf.Tensor) or dim.size == dim.out))


def _checked(y: tf.Tensor, dims: Dims) -> tf.Tensor:
    """Return y, where batch and channels were supposed to keep their unknown size; running it fails if they do not."""
    known = y.shape
    result = tf.reshape(y, vector([dims[place].out for place in range(known.rank)], tf.int32))
    return tf.ensure_shape(result, known)


# --- TensorFlow's own kernels ---------------------------------------------------------------------------


def _by_kernel(x: tf.Tensor, dims: Dims, options: Options) -> tf.Tensor | None:
    """Return what a kernel for images computes, or None where it would not be what ONNX means."""
    if x.shape.rank != 4 or not set(dims) <= {1, 2} or options.coordinates == "tf_crop_and_resize":
        return None
    both = [dims.get(place, Resized(size, size, 1.0)) for place in (1, 2) for size in (_size(x, place),)]
    if any(not isinstance(dim.out, tf.Tensor) and dim.out < 1 for dim in both):
        return None
    size = vector([dim.out for dim in both], tf.int32)
    if options.mode == "nearest":
        exact = x.dtype.name in _KERNEL_NEAREST and all(_repeats(dim, options) for dim in both)
        return tf.raw_ops.ResizeNearestNeighbor(images=x, size=size) if exact else None
    if options.mode != "linear" or options.antialias or x.dtype.name not in _KERNEL_LINEAR:
        return None
    if not all(_is_exact(dim) for dim in dims.values()):
        return None
    if options.coordinates == "pytorch_half_pixel":
        x = _first_of_one(x, dims)
    y = tf.raw_ops.ResizeBilinear(
        images=x,
        size=size,
        align_corners=options.coordinates == "align_corners",
        half_pixel_centers="half_pixel" in options.coordinates,
    )
    return _cast(y, x.dtype)


def _repeats(dim: Resized, options: Options) -> bool:
    """Tell whether the kernel's indices, those of asymmetric coordinates rounded down, are the ones wanted."""
    if not dim.known and dim.stretched:  # the kernel rounds quotients that are no whole numbers as PyTorch does
        return options.coordinates == "asymmetric" and options.rounding == "floor"
    if not dim.known:
        if isinstance(dim.over, tf.Tensor) or dim.over != int(dim.over):
            return False
        dim = Resized(_ANY_SIZE, _ANY_SIZE * int(dim.over), dim.over)
    points = resampling.coordinates(dim, options.coordinates)
    step = np.float32(dim.size) / np.float32(dim.out)
    found = np.minimum(np.floor(np.arange(dim.out, dtype=np.float32) * step), dim.size - 1)
    return bool((resampling.nearest(points, dim.size, options.rounding) == found).all())


def _is_exact(dim: Resized) -> bool:
    """Tell whether the scale is the quotient of the sizes."""
    if dim.known or dim.stretched:
        return dim.stretched or bool(abs(dim.length - dim.out) < 1e-5 * dim.out)
    return not isinstance(dim.over, tf.Tensor) and dim.over == int(dim.over)


def _first_of_one(x: tf.Tensor, dims: Dims) -> tf.Tensor:
    """Return x, or its first element along a dimension whose output has one: ONNX's pytorch_half_pixel takes that one."""
    limits = [None, *(_limit(dims[place]) if place in dims else None for place in (1, 2)), None]
    return x if not any(limit is not None for limit in limits) else x[tuple(slice(limit) for limit in limits)]


def _limit(dim: Resized) -> tf.Tensor:
    if not isinstance(dim.out, tf.Tensor):
        return 1 if dim.out == 1 else None
    if not isinstance(dim.over, tf.Tensor) and dim.over >= 2:
        return None
    return tf.cast(tf.where(dim.out > 1, tf.cast(dim.size, tf.float64), 1.0), tf.int32)


# --- one dimension after the other ------------------------------------------------------------------------


def _by_dimension(x: tf.Tensor, dims: Dims, options: Options) -> tf.Tensor:
    y = x
    if options.mode != "nearest":
        wide = x.dtype == tf.float64 or (x.dtype.is_integer and x.dtype.size > 2)
        y = tf.cast(x, tf.float64 if wide else tf.float32)
    for place, dim in dims.items():
        y = _resized(y, place, dim, options)
    return _cast(y, x.dtype)


def _resized(x: tf.Tensor, place: int, dim: Resized, options: Options) -> tf.Tensor:
    """Resize one dimension."""
    xp = np if dim.known else TENSORS
    points = resampling.coordinates(dim, options.coordinates, xp)
    if options.mode == "nearest":
        index = resampling.nearest(points, dim.size, options.rounding, xp)
        y = tf.gather(x, tf.cast(index, tf.int32), axis=place)
    else:
        scale = 1.0 if not options.antialias else _at_most_one(dim.over / dim.under)
        index, weights = resampling.taps(
            points, dim.size, scale, mode=options.mode, cubic_a=options.cubic_a, inside=options.inside, xp=xp
        )
        index = xp.clip(index, 0.0, dim.size - 1.0)
        interpolate = _by_matrix if options.antialias else _by_taps
        y = interpolate(x, place, dim, tf.cast(index, tf.int32), tf.cast(weights, x.dtype))
    if options.coordinates == "tf_crop_and_resize":
        outside = _along((points < 0) | (points > dim.size - 1), place, x.shape.rank)
        y = tf.where(outside, tf.cast(options.extrapolation, x.dtype), y)
    return y


def _at_most_one(scale: float | tf.Tensor) -> float | tf.Tensor:
    return tf.minimum(scale, 1.0) if isinstance(scale, tf.Tensor) else min(scale, 1.0)


def _by_taps(x: tf.Tensor, place: int, dim: Resized, index: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Sum the elements that each output is interpolated from, one column of the table after the other."""
    columns = range(index.shape[1])
    return tf.add_n(
        [tf.gather(x, index[:, at], axis=place) * _along(weights[:, at], place, x.shape.rank) for at in columns]
    )


def _by_matrix(x: tf.Tensor, place: int, dim: Resized, index: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Multiply by the matrix that interpolates: where there are many taps, or their number is not known."""
    count = tf.cast(dim.size, tf.int32)
    rows = tf.range(tf.shape(index)[0])[:, None] * count
    table = tf.math.unsorted_segment_sum(weights, rows + index, tf.shape(index)[0] * count)
    table = tf.reshape(table, [index.shape[0] or tf.shape(index)[0], count])
    letters = "abcdefgh"[: x.shape.rank]
    return tf.einsum(f"z{letters[place]},{letters}->{letters.replace(letters[place], 'z')}", table, x)


def _along(values: tf.Tensor, place: int, rank: int) -> tf.Tensor:
    """Return a vector so that it broadcasts along one dimension."""
    return tf.reshape(values, [*[1] * place, -1, *[1] * (rank - place - 1)])


def _cast(y: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Return y in the type of the input: rounded and within its range for integers."""
    if not dtype.is_integer or y.dtype == dtype:
        return tf.cast(y, dtype)
    return tf.saturate_cast(tf.round(y), dtype)
