"""Index arithmetic of the padding modes reflect, edge and wrap."""

from __future__ import annotations

from modelport_converters.onnx_graph.windows import Size

PERIODIC = frozenset({"edge", "reflect", "wrap"})
"""The modes of Pad that repeat elements of the input."""


def source(index: Size, size: Size, mode: str) -> Size:
    """Map indices that may lie outside a dimension to those of the elements that the padding mode repeats there.

    Works on anything with Python's arithmetic: NumPy arrays and the tensors of a framework.
    The formulas are those of numpy.pad: `reflect` has the period 2 * size - 2, so it may reach further than the input.
    """
    if mode == "wrap":
        return index % size
    last = size - 1
    if mode == "reflect":
        period = 2 * last + 1 // size  # 1 where there is a single element
        return last - abs(index % period - last)
    # |i| - |i - last| runs from -last to last and is constant outside [0, last]
    return (abs(index) - abs(index - last) + last) // 2
