"""Arithmetic of sliding windows: padding, strides, dilations, as ONNX's Conv and pooling operators define them.

Sizes are numbers where they are known and a framework's scalars otherwise; the formulas use only arithmetic that both have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Size: TypeAlias = Any
"""An int, or an integer tensor of the framework."""

Pairs = list[tuple[Size, Size]]
"""What stands before and after each spatial dimension."""


@dataclass(frozen=True)
class Window:
    """A window that slides over the spatial dimensions, each tuple with one item for each of them.

    Attributes:
        kernel: sizes of the window.
        strides: steps.
        dilations: distances between taps.
        pads: the padding before and after.
        same: whether the padding is that of SAME_UPPER, which TensorFlow calls SAME.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[Size, Size], ...]
    same: bool = False

    @property
    def padded(self) -> bool:
        """Whether there is, or may be, any padding."""
        return any(not isinstance(item, int) or item for pair in self.pads for item in pair)

    @property
    def fixed(self) -> bool:
        """Whether all of the padding is known."""
        return all(isinstance(item, int) for pair in self.pads for item in pair)

    def lifted(self) -> Window:
        """Return the window over one dimension as one over two, the first of which has one element."""
        (stride,), (dilation,) = self.strides, self.dilations
        return Window((1, *self.kernel), (stride, stride), (1, dilation), ((0, 0), *self.pads), self.same)


def sliding(
    sizes: Sequence[Size], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Sequence[int],
    auto_pad: str = "NOTSET", ceil_mode: int = 0,
) -> Window:  # fmt: skip
    """Return the window that a node's attributes describe, on an input of these spatial sizes."""
    taps = tuple(int(size) for size in kernel)
    steps, gaps = (tuple(int(item) for item in items or [1] * len(taps)) for items in (strides, dilations))
    pairs = explicit_pads(sizes, taps, steps, gaps, pads, auto_pad)
    if ceil_mode and auto_pad in ("NOTSET", ""):
        pairs = [
            (before, after + ceil_extra(size, window, step, gap, before, after))
            for size, window, step, gap, (before, after) in zip(sizes, taps, steps, gaps, pairs, strict=True)
        ]
    same = auto_pad == "SAME_UPPER" or _is_same(sizes, taps, steps, gaps, pairs)
    return Window(taps, steps, gaps, tuple(pairs), same)


def explicit_pads(
    sizes: Sequence[Size],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
    auto_pad: str,
) -> Pairs:
    """Return the padding before and after each spatial dimension.

    Args:
        sizes: of the spatial dimensions of the input.
        kernel: sizes of the window.
        strides: steps.
        dilations: distances between taps.
        pads: the attribute: all befores, then all afters.
        auto_pad: NOTSET, VALID, SAME_UPPER or SAME_LOWER.
    """
    if auto_pad in ("NOTSET", ""):
        half = len(kernel)
        return [(int(pads[axis]), int(pads[axis + half])) for axis in range(half)] if pads else [(0, 0)] * half
    if auto_pad == "VALID":
        return [(0, 0)] * len(kernel)
    pairs = []
    for size, window, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        reach = (window - 1) * dilation
        total = reach if stride == 1 else positive((-(-size // stride) - 1) * stride + reach + 1 - size)
        pairs.append(halves(total, auto_pad))
    return pairs


def halves(total: Size, auto_pad: str) -> tuple[Size, Size]:
    """Share padding between both sides; the odd element stands after with SAME_UPPER, else before."""
    small = total // 2
    return (small, total - small) if auto_pad == "SAME_UPPER" else (total - small, small)


def ceil_extra(size: Size, window: int, stride: int, dilation: int, before: Size, after: Size) -> Size:
    """Return how much padding `ceil_mode` adds at the end; a window that would start in the padding after is dropped."""
    if stride == 1:
        return 0
    span = (window - 1) * dilation + 1
    steps = _smaller(-(-(size + before + after - span) // stride), -(-(size + before) // stride) - 1)
    return positive(steps * stride + span - (size + before + after))


def outputs(size: Size, window: int, stride: int, dilation: int, pads: tuple[Size, Size]) -> Size:
    """Return the number of windows along a dimension."""
    return (size + pads[0] + pads[1] - (window - 1) * dilation - 1) // stride + 1


def taps_within(starts: Size, low: Size, high: Size, window: int, dilation: int) -> Size:
    """Return how many taps of the windows at `starts`, an array or tensor of positions, stand in [low, high)."""
    ahead = [
        (starts - bound) // dilation for bound in (high, low)
    ]  # minus the number of taps before the bound, unlimited
    until_high, until_low = [(abs(item) - abs(item + window) + window) // 2 for item in ahead]  # limited to [0, window]
    return until_high - until_low


def _is_same(
    sizes: Sequence[Size], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pairs: Pairs
) -> bool:
    if any(stride > 1 and not isinstance(size, int) for size, stride in zip(sizes, strides, strict=True)):
        return False
    return pairs == explicit_pads(sizes, kernel, strides, dilations, (), "SAME_UPPER")


def positive(number: Size) -> Size:
    """Return a number, or 0 in place of a negative one."""
    return (number + abs(number)) // 2


def _smaller(first: Size, second: Size) -> Size:
    return (first + second - abs(first - second)) // 2
