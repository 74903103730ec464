"""Means over the pixels become GlobalAveragePool, and other means stay reductions."""

import numpy as np
import pytest
from drawn import floats
from onnx_passes import assert_unchanged

from modelport_converters.tensorflow_to_onnx.passes.global_pooling import pool_means


def ops(axes="2, 3", keepdims=1, dtype="float", opset=18, sizes="N,3,H,5"):
    given = f"<int64[{len(axes.split(','))}] axes = {{{axes}}}>" if opset >= 18 else ""
    call = f"<keepdims = {keepdims}> (x, axes)" if opset >= 18 else f"<keepdims = {keepdims}, axes = [{axes}]> (x)"
    text = f"g ({dtype}[{sizes}] x) => ({dtype}[] y) {given} {{ y = ReduceMean {call} }}"
    array = floats(2, 3, 4, 5, dtype={"float": "float32", "double": "float64"}[dtype])
    return assert_unchanged(text, pool_means, array, opset=opset)


@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize("axes", ["2, 3", "3, 2", "-1, -2"])
def test_a_mean_over_the_pixels_is_a_global_pooling(axes, opset):
    assert ops(axes, opset=opset) == {"GlobalAveragePool": 1}
    assert ops(axes, 0, opset=opset) == {"GlobalAveragePool": 1, "Flatten": 1}


@pytest.mark.parametrize("axes", ["1, 2", "3", "1, 2, 3"])
def test_a_mean_over_other_axes_stays_a_reduction(axes):
    assert ops(axes) == {"ReduceMean": 1}


def test_a_mean_in_float64_stays_a_reduction_which_onnx_runtime_can_compute():
    assert ops(dtype="double") == {"ReduceMean": 1}


def test_a_mean_over_axes_that_are_computed_stays_a_reduction():
    text = "g (float[N,3,H,5] x, int64[2] axes) => (float[A,B,C,D] y) { y = ReduceMean (x, axes) }"
    assert assert_unchanged(text, pool_means, floats(2, 3, 4, 5), np.array([2, 3])) == {"ReduceMean": 1}
