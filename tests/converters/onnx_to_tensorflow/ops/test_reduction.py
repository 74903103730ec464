"""Reductions in TensorFlow whose axes are known only when the model runs."""

from __future__ import annotations

import numpy as np
import pytest
from tf_models import assert_same, by_onnxruntime, parsed, translated

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


@pytest.mark.parametrize("axes", [[0], [-1], [0, 1], []])
@pytest.mark.parametrize("noop", [0, 1])
def test_a_reduction_reads_its_axes_when_it_runs(axes: list[int], noop: int) -> None:
    model = parsed(
        f"g (float[N,4] x, int64[K] axes) => (float[A,B] y) {{ y = ReduceL1 <noop_with_empty_axes={noop}> (x, axes) }}"
    )
    inputs = {"x": X, "axes": np.array(axes, np.int64)}
    expected = np.abs(X) if noop and not axes else np.abs(X).sum(tuple(axes) or None, keepdims=True)
    assert_same(translated(model, inputs), {"y": expected})


def test_argmax_finds_the_last_of_equal_elements() -> None:
    model = parsed("g (int32[N,4] x) => (int64[M,1] y) { y = ArgMax <axis=1, select_last_index=1> (x) }")
    inputs = {"x": np.array([[1, 3, 3, 0], [2, 2, 2, 2]], np.int32)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))
