"""Pooling in TensorFlow with the options that ONNX's own suite leaves out, against independent references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tf_models import assert_same, by_onnxruntime, parsed, translated

WINDOWS = [
    "kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]",
    "kernel_shape=[2,3], strides=[2,2]",
    "kernel_shape=[99,99], strides=[99,99], ceil_mode=1",
    "kernel_shape=[3,2], strides=[2,3], pads=[1,0,1,1], ceil_mode=1",
    "kernel_shape=[3,3], strides=[1,1], pads=[1,1,1,1]",
    "kernel_shape=[3,3], strides=[1,2], dilations=[2,1], pads=[1,1,2,1]",
    "kernel_shape=[2,2], strides=[3,3], dilations=[2,2], ceil_mode=1, pads=[1,1,1,0]",
    'kernel_shape=[3,4], strides=[2,3], auto_pad="SAME_UPPER"',
    'kernel_shape=[4,3], strides=[3,2], auto_pad="SAME_LOWER"',
    'kernel_shape=[3,2], strides=[2,2], auto_pad="VALID"',
]


def _random(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("sizes", ["H,W", "9,8"], ids=["unknown", "known"])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", ["MaxPool", "AveragePool", "LpPool"])
def test_windows_slide_over_images_of_known_and_unknown_size(name: str, window: str, sizes: str) -> None:
    extra = ", p=3" if name == "LpPool" else ""
    model = parsed(f"g (float[N,4,{sizes}] x) => (float[N,4,A,B] y) {{ y = {name} <{window}{extra}> (x) }}", opset=22)
    inputs = {"x": _random(2, 4, 9, 8)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("sizes", ["H,W", "9,8"], ids=["unknown", "known"])
@pytest.mark.parametrize("window", WINDOWS[:7])
def test_padding_counts_in_the_mean_where_it_is_asked_for(window: str, sizes: str) -> None:
    call = f"AveragePool <{window}, count_include_pad=1> (x)"
    model = parsed(f"g (float[N,4,{sizes}] x) => (float[N,4,A,B] y) {{ y = {call} }}", opset=22)
    inputs = {"x": _random(2, 4, 9, 8)}
    assert_same(translated(model, inputs, saved=True), by_onnxruntime(model, inputs))


@pytest.mark.parametrize(
    "window",
    [
        "kernel_shape=[3], strides=[2], pads=[1,1]",
        "kernel_shape=[3], strides=[2], pads=[1,1], ceil_mode=1",
        "kernel_shape=[3], dilations=[2], pads=[2,2]",
        "kernel_shape=[3,2,3], strides=[2,2,1], pads=[1,0,1,1,1,1]",
        'kernel_shape=[3,3,2], strides=[2,2,2], auto_pad="SAME_UPPER"',
    ],
)
@pytest.mark.parametrize("name", ["MaxPool", "AveragePool"])
def test_one_and_three_dimensions_are_pooled(name: str, window: str) -> None:
    rank = 1 if "shape=[3]," in window else 3
    lengths, found = ",".join("HWD"[:rank]), ",".join("ABC"[:rank])
    model = parsed(f"g (float[N,3,{lengths}] x) => (float[N,3,{found}] y) {{ y = {name} <{window}> (x) }}", opset=22)
    inputs = {"x": _random(2, 3, *[8, 7, 6][:rank])}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "float16", "double"])
def test_the_largest_element_is_found_in_every_type(dtype: str, rank: int) -> None:
    lengths, found = ",".join("HWD"[:rank]), ",".join("ABC"[:rank])
    window = f"kernel_shape={[3] * rank}, strides={[2] * rank}, pads={[1] * 2 * rank}"
    model = parsed(
        f"g ({dtype}[N,2,{lengths}] x) => ({dtype}[N,2,{found}] y) {{ y = MaxPool <{window}> (x) }}", opset=12
    )
    random = np.random.default_rng(0)
    low = 0 if dtype == "uint8" else -120
    x = random.integers(low, low + 100, (2, 2, *[5, 7, 9][:rank])).astype(dtype)
    around = np.pad(x, [(0, 0), (0, 0), *[(1, 1)] * rank], constant_values=low)
    windows = np.lib.stride_tricks.sliding_window_view(around, [3] * rank, list(range(2, 2 + rank)))
    every_other = windows[(slice(None), slice(None), *[slice(None, None, 2)] * rank)]
    expected = every_other.max(tuple(range(2 + rank, 2 + 2 * rank)))
    assert_same(translated(model, {"x": x}), {"y": expected})


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("window", WINDOWS)
def test_places_of_the_largest_elements_are_found(window: str, order: int) -> None:
    call = f"MaxPool <{window}, storage_order={order}> (x)"
    model = parsed(f"g (float[N,4,H,W] x) => (float[N,4,A,B] y, int64[N,4,A,B] i) {{ y, i = {call} }}", opset=12)
    inputs = {"x": np.round(3 * _random(2, 4, 9, 8))}  # with equal neighbours: the first is meant
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


def test_unpooling_puts_the_largest_elements_back_where_they_were() -> None:
    model = parsed(
        "g (float[N,3,H,W] x) => (float[N,3,A,B] z) {"
        " c = Relu(x) y, i = MaxPool <kernel_shape=[2,2], strides=[2,2]> (c)"
        " z = MaxUnpool <kernel_shape=[2,2], strides=[2,2]> (y, i) }",
        opset=12,
    )
    inputs = {"x": _random(2, 3, 6, 8)}
    assert_same(translated(model, inputs, saved=True), by_onnxruntime(model, inputs))


def test_a_chain_of_pooling_is_transposed_at_its_ends_only() -> None:
    import onnx_ir as ir

    from modelport_converters.onnx_to_tensorflow import build

    model = parsed(
        "g (float[N,3,16,16] x) => (float[N,3,A,B] y) {"
        " a = MaxPool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]> (x)"
        " b = AveragePool <kernel_shape=[3,3], pads=[1,1,1,1]> (a) y = LpPool <kernel_shape=[2,2]> (b) }",
        opset=22,
    )
    graph = build.build(ir.from_proto(model)).serving.graph
    assert sum(node.type == "Transpose" for node in graph.get_operations()) == 2
