"""Drawing the values of one input: by dtype, by what the graph admits, and by distribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from modelport.proof.value_ranges import ValueRange
from modelport.signature import Signature, TensorSpec

_WORDS = ("modelport", "alpha", "beta", "gamma", "delta", "")
_UNKNOWN = "\u2603 not in any vocabulary"

_STEPS = np.asarray(
    [near + sign * 2.0**-power for near in (0, -0.5, 0.5) for sign in (-1, 1) for power in (2, 4, 8, 16, 29)]
)
_THRESHOLD_STEPS = np.concatenate([[-1.0, -0.5, 0.0, 0.5, 1.0], _STEPS])
"""Where a tree is probed, in float32 spacings around each threshold.

Rounding to float32 moves a threshold by up to a half of one and by as little as 2**-29, a float64 spacing, and a feature across
the middle between two float32 numbers: steps that close in on 0 and 1/2 geometrically fall between, however near they are."""


_BEYOND_FLOAT32 = (2**24 + 1, -(2**24) - 1, 2**31 - 1, 2**31 + 1, -(2**31) + 1, 2**53 + 1)
"""Integers that a passage through a narrower type changes."""


def shape_at(spec: TensorSpec, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Return the shape of an input at these sizes of its symbolic dimensions."""
    return tuple(sizes[dim] if isinstance(dim, str) else dim for dim in spec.shape or ())


def sizes_in(signature: Signature, arrays: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    """Return the size that each symbolic dimension has in a set of arrays."""
    return {
        dim: int(size)
        for spec in signature.inputs
        for dim, size in zip(spec.shape or (), arrays[spec.name].shape, strict=True)
        if isinstance(dim, str)
    }


def stretch(array: NDArray[Any], spec: TensorSpec, sizes: Mapping[str, int]) -> NDArray[Any]:
    """Repeat or cut an array along its symbolic axes until it has the sizes asked for."""
    for axis, dim in enumerate(spec.shape or ()):
        if isinstance(dim, str) and array.shape[axis] != sizes[dim]:
            array = np.take(array, np.arange(sizes[dim]) % array.shape[axis], axis=axis)
    return array


def draw(
    spec: TensorSpec, shape: tuple[int, ...], value_range: ValueRange, distribution: str, rng: np.random.Generator
) -> NDArray[Any]:
    """Draw an array of a shape for one input; the same generator gives the same array."""
    if spec.dtype == "bool":
        return rng.random(shape) < 0.5
    if spec.dtype == "string":
        return _draw_strings(shape, value_range, distribution, rng)
    if "int" in spec.dtype:
        return _draw_integers(spec.dtype, shape, value_range, distribution, rng)
    if distribution == "thresholds" and value_range.thresholds:
        return _draw_at_thresholds(shape, value_range, rng).astype(spec.dtype)
    values = _draw_floats(shape, distribution, rng)
    if spec.dtype.startswith("complex"):
        return (values + 1j * _draw_floats(shape, distribution, rng)).astype(spec.dtype)
    return values.astype(ml_dtypes.bfloat16 if spec.dtype == "bfloat16" else spec.dtype)


def _draw_floats(shape: tuple[int, ...], distribution: str, rng: np.random.Generator) -> NDArray[Any]:
    if distribution == "uniform":
        return rng.random(shape)
    values = rng.standard_normal(shape)
    if distribution == "small":  # a normalisation's epsilon shows only where the variance is about as small
        return values * 1e-2
    if distribution == "sparse":  # exact zeros reach the poles of logarithms and quotients
        return np.where(rng.random(shape) < 0.5, 0.0, values)
    return values


def _draw_integers(
    dtype: str, shape: tuple[int, ...], value_range: ValueRange, distribution: str, rng: np.random.Generator
) -> NDArray[Any]:
    info = np.iinfo(dtype)
    if distribution == "ends of tables" and value_range.low is not None and value_range.high is not None:
        ends = [value_range.high - 1, value_range.low, value_range.high - 2, value_range.low + 1]
        return np.resize(np.clip(ends, value_range.low, value_range.high - 1), shape).astype(dtype)
    if distribution == "integers of the graph" and value_range.named:
        named = np.concatenate([value_range.named.anywhere, *value_range.named.columns.values()])
        whole = np.unique([np.floor(named) - 1, np.floor(named), np.floor(named) + 1])
        low, high = value_range.low or int(info.min), value_range.high or int(info.max)
        whole = whole[(whole >= max(low, int(info.min))) & (whole < min(high, int(info.max)))]
        return np.resize(whole if whole.size else np.zeros(1), shape).astype(dtype)
    if distribution == "negative indices" and value_range.indexed and info.min < 0:
        return np.resize(np.asarray([-1, 0]), shape).astype(dtype)
    if distribution == "integers beyond float32" and value_range.high is None and shape:
        fitting = [value for value in _BEYOND_FLOAT32 if info.min <= value <= info.max] or [int(info.max)]
        return np.resize(np.asarray(fitting), shape).astype(dtype)
    if value_range.integers and distribution != "wide":
        return rng.choice(np.asarray(value_range.integers, dtype), shape)
    if value_range.high is not None and value_range.low is not None:
        low, high = max(value_range.low, int(info.min)), min(value_range.high, int(info.max) + 1)
        return rng.integers(low, max(high, low + 1), shape, dtype=np.int64).astype(dtype)
    if info.bits == 8 or (
        distribution == "wide" and shape
    ):  # a lone number may say how often to repeat, or how much to make
        return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    low = -100 if distribution == "signed" and info.min < 0 else 0
    return rng.integers(low, 101 if distribution == "signed" else 8, shape, dtype=dtype)


def _draw_strings(
    shape: tuple[int, ...], value_range: ValueRange, distribution: str, rng: np.random.Generator
) -> NDArray[Any]:
    words = list(dict.fromkeys(value_range.strings)) or list(_WORDS)
    if distribution == "unknown":
        words = [*words, _UNKNOWN]
    count = int(np.prod(shape))
    if value_range.text:
        texts = [" ".join(words[i] for i in rng.integers(0, len(words), rng.integers(1, 12))) for _ in range(count)]
    else:
        texts = [words[i] for i in rng.integers(0, len(words), count)]
        if distribution == "unknown" and count:
            texts[0] = _UNKNOWN
    return np.asarray(texts, dtype=object).reshape(shape)


def _draw_at_thresholds(shape: tuple[int, ...], value_range: ValueRange, rng: np.random.Generator) -> NDArray[Any]:
    """Draw float64 values at, and by fractions of a float32 spacing beside, the thresholds of each feature."""
    values = rng.standard_normal(shape)
    for feature, thresholds in value_range.thresholds.items():
        if shape and feature < shape[-1]:
            at = rng.choice(thresholds, shape[:-1])
            step = rng.choice(_THRESHOLD_STEPS, shape[:-1]) * np.abs(np.spacing(at.astype(np.float32))).astype(
                np.float64
            )
            values[..., feature] = at + step
    return values
