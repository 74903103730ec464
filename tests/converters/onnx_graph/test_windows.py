"""The arithmetic of sliding windows against onnx's reference evaluator: windows are counted by convolving ones with ones.

The evaluator drops windows of a step of 1 in `ceil_mode`, against the formula in the operator's documentation: there ONNX
Runtime, which follows the formula, is the reference.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from tf_models import by_onnxruntime, by_reference, parsed

from modelport_converters.onnx_graph.windows import halves, outputs, sliding, taps_within

SIZES = (5, 6, 9)
KERNELS = (1, 2, 3)
STRIDES = (1, 2, 3)


def counted(size: int, kernel: int, attributes: str) -> Any:
    """Return how many elements of a dimension each window covers, as onnx's reference evaluator finds it."""
    model = parsed(
        f"g (float[1,1,{size}] x, float[1,1,{kernel}] w) => (float[1,1,M] y) {{ y = Conv <{attributes}> (x, w) }}"
    )
    ones = {"x": np.ones((1, 1, size), np.float32), "w": np.ones((1, 1, kernel), np.float32)}
    return by_reference(model, ones)["y"][0, 0].astype(int)


def found(size: int, kernel: int, stride: int, dilation: int, pads: tuple[int, ...], auto_pad: str) -> Any:
    """Return the same by the formulas."""
    window = sliding([size], [kernel], [stride], [dilation], pads, auto_pad)
    (pair,) = window.pads
    starts = np.arange(outputs(size, kernel, stride, dilation, pair)) * stride - pair[0]
    return taps_within(starts, 0, size, kernel, dilation)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_automatic_padding_places_the_windows_where_onnx_does(auto_pad: str) -> None:
    for size, kernel, stride in itertools.product(SIZES, KERNELS, STRIDES):
        expected = counted(size, kernel, f'auto_pad="{auto_pad}", strides=[{stride}]')
        np.testing.assert_array_equal(
            found(size, kernel, stride, 1, (), auto_pad), expected, f"{size} {kernel} {stride}"
        )


@pytest.mark.parametrize("pads", [(0, 0), (1, 2), (2, 0)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_given_padding_places_the_windows_where_onnx_does(pads: tuple[int, int], dilation: int) -> None:
    for size, kernel, stride in itertools.product(SIZES, KERNELS, STRIDES):
        attributes = f"pads=[{pads[0]},{pads[1]}], strides=[{stride}], dilations=[{dilation}]"
        expected = counted(size, kernel, attributes)
        np.testing.assert_array_equal(found(size, kernel, stride, dilation, pads, "NOTSET"), expected, attributes)


@pytest.mark.parametrize("pads", [(0, 0), (1, 1), (0, 2), (2, 0)])
def test_ceil_mode_adds_the_windows_that_onnx_adds(pads: tuple[int, int]) -> None:
    for size, kernel, stride in itertools.product(SIZES, (3, 4), STRIDES):
        model = parsed(
            f"g (float[1,1,{size}] x) => (float[1,1,M] y) {{ y = MaxPool <kernel_shape=[{kernel}], strides=[{stride}],"
            f" pads=[{pads[0]},{pads[1]}], ceil_mode=1> (x) }}"
        )
        expected = by_onnxruntime(model, {"x": np.zeros((1, 1, size), np.float32)})["y"].shape[-1]
        window = sliding([size], [kernel], [stride], [1], pads, ceil_mode=1)
        assert outputs(size, kernel, stride, 1, window.pads[0]) == expected, (size, kernel, stride)


def test_same_padding_is_recognised_also_when_it_is_written_out() -> None:
    assert sliding([8, 8], [3, 3], [1, 1], [1, 1], [1, 1, 1, 1]).same
    assert not sliding([8, 8], [3, 3], [2, 2], [1, 1], [1, 1, 1, 1]).same  # SAME would pad after only


def test_a_window_over_one_dimension_becomes_one_over_two() -> None:
    window = sliding([9], [3], [2], [1], [1, 0]).lifted()
    assert window.kernel == (1, 3)
    assert window.pads == ((0, 0), (1, 0))
    assert window.padded
    assert window.fixed


def test_the_odd_element_stands_after_or_before() -> None:
    assert halves(3, "SAME_UPPER") == (1, 2)
    assert halves(3, "SAME_LOWER") == (2, 1)
