"""Convolution in TensorFlow with options that ONNX's own suite leaves out, against independent references."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tf_models import assert_same, by_onnxruntime, by_reference, parsed, translated

SLIDING = [
    ("Conv <group=4, strides=[1,2], pads=[1,0,2,1]> (x, w)", (8, 1, 3, 3)),
    ("Conv <group=4, strides=[2,2], dilations=[2,1], pads=[1,1,1,1]> (x, w)", (4, 1, 3, 3)),
    ("Conv <group=4, pads=[1,1,1,1]> (x, w)", (4, 1, 3, 3)),
    ("Conv <group=4, auto_pad=\"SAME_UPPER\", strides=[2,2]> (x, w)", (4, 1, 3, 3)),
    ("Conv <group=2, dilations=[2,1]> (x, w)", (6, 2, 3, 3)),
    ("Conv <auto_pad=\"SAME_UPPER\", strides=[2,3]> (x, w)", (3, 4, 3, 4)),
    ("Conv <auto_pad=\"SAME_LOWER\", strides=[2,3]> (x, w)", (3, 4, 4, 3)),
    ("Conv <group=2, auto_pad=\"SAME_LOWER\", strides=[2,2]> (x, w)", (4, 2, 2, 3)),
    ("ConvTranspose <group=2, strides=[2,3], output_padding=[1,1], pads=[1,0,0,1]> (x, w)", (4, 3, 3, 2)),
    ("ConvTranspose <group=4, strides=[2,2], pads=[1,1,1,1]> (x, w)", (4, 1, 4, 4)),
    ("ConvTranspose <strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]> (x, w)", (4, 3, 3, 3)),
    ("ConvTranspose <strides=[3,3], pads=[0,1,0,0], output_padding=[1,2]> (x, w)", (4, 3, 2, 3)),
    ("ConvTranspose <strides=[2,2], pads=[3,2,1,3]> (x, w)", (4, 3, 3, 2)),
    ("ConvTranspose <dilations=[2,1], strides=[1,2]> (x, w)", (4, 3, 3, 2)),
    ("ConvTranspose <auto_pad=\"SAME_UPPER\", strides=[2,2]> (x, w)", (4, 3, 3, 4)),
    ("ConvTranspose <auto_pad=\"SAME_LOWER\", strides=[2,3]> (x, w)", (4, 3, 5, 3)),
    ("ConvTranspose <output_shape=[18,17], strides=[2,2]> (x, w)", (4, 3, 3, 3)),
    ("ConvTranspose <output_shape=[18,17], strides=[2,2], group=2, auto_pad=\"SAME_UPPER\"> (x, w)", (4, 3, 3, 3)),
]  # fmt: skip


def _random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _with_weight(model: onnx.ModelProto, name: str, array: Any) -> onnx.ModelProto:
    """Make an input an initializer."""
    kept = [value for value in model.graph.input if value.name != name]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


@pytest.mark.parametrize("known", [True, False], ids=["initializer", "input"])
@pytest.mark.parametrize(("call", "shape"), SLIDING)
def test_a_window_slides_over_images_of_unknown_number_and_size(call: str, shape: tuple[int, ...], known: bool) -> None:
    sizes = ",".join(map(str, shape))
    model = parsed(f"g (float[N,4,H,W] x, float[{sizes}] w) => (float[N,A,B,C] y) {{ y = {call} }}")
    inputs = {"x": _random(2, 4, 9, 8), "w": _random(*shape, seed=1)}
    if known:
        model = _with_weight(model, "w", inputs.pop("w"))
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize(
    ("call", "shape", "sizes"),
    [
        ("Conv <group=6, pads=[2,1], strides=[2]> (x, w)", (6, 1, 3), (11,)),
        ("Conv <dilations=[3], pads=[3,3]> (x, w)", (2, 6, 3), (11,)),
        ("ConvTranspose <strides=[4], pads=[2,2]> (x, w)", (6, 2, 8), (11,)),
        ("Conv <group=2, strides=[2,1,2], dilations=[1,2,1], pads=[1,1,1,0,0,1]> (x, w)", (4, 3, 3, 2, 3), (6, 5, 7)),
        ("ConvTranspose <strides=[2,2,2], pads=[1,0,1,0,1,1]> (x, w)", (6, 2, 2, 3, 2), (3, 4, 3)),
    ],
)
def test_one_and_three_dimensions_are_convolved(call: str, shape: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    lengths = ",".join("HWD"[: len(sizes)])
    found = ",".join("ABC"[: len(sizes)])
    model = parsed(
        f"g (float[N,6,{lengths}] x, float[{','.join(map(str, shape))}] w) => (float[N,M,{found}] y) {{ y = {call} }}"
    )
    model = _with_weight(model, "w", _random(*shape, seed=1))
    inputs = {"x": _random(2, 6, *sizes)}
    assert_same(translated(model, inputs, saved=True), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
def test_zeros_are_added_where_steps_are_longer_than_the_window(auto_pad: str) -> None:
    model = parsed(
        "g (float[1,2,H] x, float[2,3,2] w) => (float[1,3,A] y)"
        f' {{ y = ConvTranspose <strides=[4], auto_pad="{auto_pad}"> (x, w) }}'
    )
    inputs = {"x": _random(1, 2, 5), "w": _random(2, 3, 2, seed=1)}
    assert_same(translated(model, inputs), by_reference(model, inputs))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 8, 24])
@pytest.mark.parametrize("trainable", [False, True], ids=["constant", "variable"])
def test_groups_of_any_width_are_convolved(channels: int, trainable: bool) -> None:
    model = parsed(
        f"g (float[N,{6 * channels},5,5] x, float[{12 * channels},{channels},3,3] w, float[{12 * channels}] b)"
        " => (float[N,M,5,5] y) { c = Conv <group=6, pads=[1,1,1,1]> (x, w, b) y = Relu(c) }"
    )
    model = _with_weight(model, "w", _random(12 * channels, channels, 3, 3, seed=1))
    model = _with_weight(model, "b", _random(12 * channels, seed=2))
    inputs = {"x": _random(2, 6 * channels, 5, 5)}
    assert_same(translated(model, inputs, saved=True, trainable=trainable), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("group", [1, 2, 4])
@pytest.mark.parametrize("known", [True, False], ids=["initializer", "input"])
def test_integers_are_convolved_around_their_zero_points(group: int, known: bool) -> None:
    depth = 4 // group
    model = parsed(
        f"g (uint8[N,4,H,W] x, uint8[8,{depth},3,3] w, uint8 p, uint8 q) => (int32[N,8,A,B] y)"
        f" {{ y = ConvInteger <group={group}, pads=[1,0,1,2]> (x, w, p, q) }}",
        opset=10,
    )
    random = np.random.default_rng(0)
    inputs = {
        "x": random.integers(0, 256, (2, 4, 5, 6), np.uint8),
        "w": random.integers(0, 256, (8, depth, 3, 3), np.uint8),
        "p": np.array(255, np.uint8),
        "q": np.array(3, np.uint8),
    }
    if known:
        for name in "wq":
            model = _with_weight(model, name, inputs.pop(name))
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


def test_long_sums_of_integers_are_exact() -> None:
    model = parsed(
        "g (uint8[1,512,3,3] x, int8[4,512,3,3] w) => (int32[1,4,1,1] y) { y = ConvInteger(x, w) }", opset=10
    )
    inputs = {"x": np.full((1, 512, 3, 3), 255, np.uint8), "w": np.full((4, 512, 3, 3), -127, np.int8)}
    inputs["w"][1:, 0, 0, :] = [[1], [2], [3]]
    found = translated(model, inputs)["y"]
    expected = np.einsum("nchw,mchw->nm", inputs["x"].astype(np.int64), inputs["w"].astype(np.int64))
    np.testing.assert_array_equal(found[:, :, 0, 0], expected)


@pytest.mark.parametrize(
    ("attributes", "shape", "offset_groups", "windows"),
    [
        ("pads=[1,1,1,1], strides=[2,2]", (4, 4, 3, 3), 1, (3, 4)),
        ("group=2, offset_group=4, dilations=[2,1]", (6, 2, 2, 2), 4, (4, 6)),
    ],
)
def test_taps_are_moved_and_weighted(
    attributes: str, shape: tuple[int, ...], offset_groups: int, windows: tuple[int, int]
) -> None:
    taps = offset_groups * shape[2] * shape[3]
    rows, columns = windows
    model = parsed(
        f"g (float[N,4,H,W] x, float[{','.join(map(str, shape))}] w, float[N,{2 * taps},I,J] o, float[{shape[0]}] b,"
        f" float[N,{taps},I,J] m) => (float[N,M,I,J] y) {{ y = DeformConv <{attributes}> (x, w, o, b, m) }}"
    )
    inputs = {
        "x": _random(2, 4, 6, 7),
        "w": _random(*shape, seed=1),
        "o": 1.5 * _random(2, 2 * taps, rows, columns, seed=2),
        "b": _random(shape[0], seed=3),
        "m": _random(2, taps, rows, columns, seed=4),
    }
    assert_same(translated(model, inputs, saved=True), by_reference(model, inputs))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_added_up_in_single_precision(dtype: str) -> None:
    import ml_dtypes

    own = np.float16 if dtype == "float16" else ml_dtypes.bfloat16
    model = parsed(
        f"g ({dtype}[N,512,4,4] x, {dtype}[8,512,3,3] w, {dtype}[8] b) => ({dtype}[N,8,2,2] y) {{ y = Conv(x, w, b) }}",
        opset=22,
    )
    inputs = {"x": _random(2, 512, 4, 4), "w": _random(8, 512, 3, 3, seed=1), "b": _random(8, seed=2)}
    inputs = {name: value.astype(own) for name, value in inputs.items()}
    patches = np.lib.stride_tricks.sliding_window_view(inputs["x"].astype(np.float64), (3, 3), (2, 3))
    expected = np.einsum("nchwij,mcij->nmhw", patches, inputs["w"].astype(np.float64))
    expected += inputs["b"].astype(np.float64)[:, None, None]
    found = translated(model, inputs)["y"]
    assert found.dtype == own
    np.testing.assert_allclose(found.astype(np.float64), expected, rtol=2e-2, atol=2e-1)


def test_a_convolution_with_bias_and_activation_is_three_nodes() -> None:
    import onnx_ir as ir

    from modelport_converters.onnx_to_tensorflow import build

    model = parsed(
        "g (float[N,3,8,8] x, float[4,3,3,3] w, float[4] b) => (float[N,4,8,8] y)"
        " { c = Conv <pads=[1,1,1,1]> (x, w, b) y = Relu(c) }"
    )
    model = _with_weight(_with_weight(model, "w", _random(4, 3, 3, 3)), "b", _random(4))
    graph = build.build(ir.from_proto(model)).serving.graph.as_graph_def()
    kinds = {node.name: node.op for node in graph.node}
    by_kind = {node.op: node for node in graph.node}
    assert kinds[by_kind["Relu"].input[0]] == "BiasAdd"
    assert kinds[by_kind["BiasAdd"].input[0]] == "Conv2D"
