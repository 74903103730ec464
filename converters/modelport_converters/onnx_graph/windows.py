"""Arithmetic of sliding windows: padding, strides, dilations, as ONNX's Conv and pooling operators define them."""

from __future__ import annotations

from collections.abc import Sequence

Size = int | None


def explicit_pads(
    sizes: Sequence[Size], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Sequence[int], auto_pad: str
) -> list[tuple[int, int]] | None:
    """Return the padding before and after each spatial dimension.

    Args:
        sizes: of the spatial dimensions of the input; None where unknown.
        kernel: sizes of the window.
        strides: steps.
        dilations: distances between taps.
        pads: the attribute: all befores, then all afters.
        auto_pad: NOTSET, VALID, SAME_UPPER or SAME_LOWER.

    Returns:
        One pair for each dimension, or None when SAME depends on a size that is unknown.
    """
    if auto_pad in ("NOTSET", ""):
        half = len(kernel)
        return [(int(pads[axis]), int(pads[axis + half])) for axis in range(half)] if pads else [(0, 0)] * half
    if auto_pad == "VALID":
        return [(0, 0)] * len(kernel)
    pairs = []
    for size, window, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        span = (window - 1) * dilation + 1
        if stride == 1:
            total = span - 1
        elif size is None:
            return None
        else:
            total = max((-(-size // stride) - 1) * stride + span - size, 0)
        small, large = total // 2, total - total // 2
        pairs.append((small, large) if auto_pad == "SAME_UPPER" else (large, small))
    return pairs


def ceil_extra(size: int, window: int, stride: int, dilation: int, before: int, after: int) -> int:
    """Return how much padding `ceil_mode` adds at the end; a window that would start in the padding after is dropped."""
    span = (window - 1) * dilation + 1
    steps = -(-(size + before + after - span) // stride)
    if steps * stride >= size + before:
        steps -= 1
    return max(steps * stride + span - (size + before + after), 0)
