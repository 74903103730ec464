"""Shapes and arrangement in TensorFlow: what ONNX's own suite does not cover."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from tf_models import assert_same, by_onnxruntime, by_reference, parsed, translated


def image(*shape: int, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(0).integers(-50, 50, shape).astype(dtype)


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


def operations(model: onnx.ModelProto, **options: Any) -> list[str]:
    from modelport_converters.onnx_to_tensorflow import build

    graph = build.build(ir.from_proto(model), **options).serving.graph
    plumbing = {"Const", "Identity", "NoOp", "Placeholder"}
    return [operation.type for operation in graph.get_operations() if operation.type not in plumbing]


UNKNOWN_BATCH = {
    "reshape keeps and infers": ("float[N,4,6] x) => (float[a,b] y) { s = Constant<value_ints=[0,-1]>() y = Reshape(x, s) }", {}),
    "reshape by its own shape": (
        "float[N,4,6] x) => (float[a,b,c] y) { n = Shape<end=1>(x) r = Constant<value_ints=[6,-1]>() "
        "s = Concat<axis=0>(n, r) y = Reshape(x, s) }",
        {},
    ),
    "flatten": ("float[N,4,6] x) => (float[a,b] y) { y = Flatten<axis=2>(x) }", {}),
    "expand by a vector": ("float[N,1,6] x, int64[3] s) => (float[a,b,c] y) { y = Expand(x, s) }", {"s": ints(1, 5, 1)}),
    "tile by a vector": ("float[N,4,6] x, int64[3] r) => (float[a,b,c] y) { y = Tile(x, r) }", {"r": ints(2, 1, 3)}),
    "two squeezed": ("float[N,1,6,1] x, int64[2] a) => (float[p,q] y) { y = Squeeze(x, a) }", {"a": ints(-1, 1)}),
    "two unsqueezed": ("float[N,6] x, int64[2] a) => (float[p,q,r,s] y) { y = Unsqueeze(x, a) }", {"a": ints(-1, 1)}),
    "known unsqueezed": ("float[N,M] x) => (float[p,q,r,s] y) { a = Constant<value_ints=[0,-1]>() y = Unsqueeze(x, a) }", {}),
    "uneven split of the batch": ("float[N,4] x) => (float[a,4] y, float[b,4] z) { y, z = Split<num_outputs=2>(x) }", {}),
    "split by a vector": ("float[N,4] x, int64[2] s) => (float[a,4] y, float[b,4] z) { y, z = Split(x, s) }", {"s": ints(1, 2)}),
    "slices by vectors": (
        "float[N,4,6] x, int64[2] b, int64[2] e, int64[2] a, int64[2] t) => (float[p,q,r] y) { y = Slice(x, b, e, a, t) }",
        {"b": ints(10, 1), "e": ints(-100, 2**62), "a": ints(-1, 0), "t": ints(-2, 1)},
    ),
    "slices by known numbers": (
        "float[N,4,6] x) => (float[p,q,r] y) { b = Constant<value_ints=[-1,-2]>() "
        "e = Constant<value_ints=[-9223372036854775807,9223372036854775807]>() a = Constant<value_ints=[0,2]>() "
        "t = Constant<value_ints=[-1,1]>() y = Slice(x, b, e, a, t) }",
        {},
    ),
    "crops and pads around": (
        "float[N,4,6] x, int64[4] p) => (float[a,b,c] y) { v = Constant<value_float=2.5>() a = Constant<value_ints=[-1,0]>() "
        "y = Pad(x, p, v, a) }",
        {"p": ints(-1, 1, 2, -1)},
    ),
    "pads by unknown axes": (
        "float[N,4,6] x, int64[2] p, int64[1] a) => (float[i,j,k] y) { y = Pad<mode=\"edge\">(x, p, , a) }",
        {"p": ints(2, 3), "a": ints(-2)},
    ),
    "reflects in the batch": (
        "float[N,4] x) => (float[a,b] y) { p = Constant<value_ints=[2,3,2,1]>() y = Pad<mode=\"reflect\">(x, p) }", {}
    ),
    "wraps by unknown pads": ("float[N,4] x, int64[4] p) => (float[a,b] y) { y = Pad<mode=\"wrap\">(x, p) }",
                              {"p": ints(1, 3, 2, 0)}),
    "lower triangle": ("float[N,4,6] x, int64 k) => (float[N,4,6] y) { y = Trilu<upper=0>(x, k) }", {"k": np.array(1)}),
    "upper triangle above": ("float[N,4,6] x) => (float[N,4,6] y) { k = Constant<value_int=2>() y = Trilu(x, k) }", {}),
    "shape in part": ("float[N,4,6] x) => (int64[2] y) { y = Shape<start=-2>(x) }", {}),
    "eye": ("float[N,M] x) => (int32[N,M] y) { y = EyeLike<dtype=6, k=1>(x) }", {}),
    "filled": ("float[N,M] x) => (float[a,b] y) { s = Shape(x) y = ConstantOfShape(s) }", {}),
    "reversed": (
        "float[N,4] x, int64[N] n) => (float[N,4] y) { y = ReverseSequence<batch_axis=0, time_axis=1>(x, n) }",
        {"n": ints(2, 4, 1)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN_BATCH)
def test_a_batch_of_unknown_size_is_arranged_as_onnxruntime_does(name: str) -> None:
    text, more = UNKNOWN_BATCH[name]
    sizes = text[: text.index("]")].split("[")[1].replace("N", "3").replace("M", "5").split(",")
    inputs: Mapping[str, Any] = {"x": image(*map(int, sizes)), **more}
    model = parsed(f"g ({text}")
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


def test_an_arrangement_survives_saving() -> None:
    text, more = UNKNOWN_BATCH["slices by vectors"]
    inputs = {"x": image(3, 4, 6), **more}
    model = parsed(f"g ({text}")
    assert_same(translated(model, inputs, saved=True), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("mode", ["reflect", "wrap", "edge"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_padding_reaches_further_than_the_input_is_wide(mode: str, size: int) -> None:
    for text in (
        'g (float[2,S] x) => (float[a,b] y) { p = Constant<value_ints=[0,4,1,5]>() y = Pad<mode="MODE">(x, p) }',
        'g (float[2,S] x, int64[4] p) => (float[a,b] y) { y = Pad<mode="MODE">(x, p) }',
    ):
        model = parsed(text.replace("S", str(size), 1).replace("MODE", mode))
        x = image(2, size)
        given = {"x": x, "p": ints(0, 4, 1, 5)} if "int64" in text else {"x": x}
        assert_same(translated(model, given), {"y": np.pad(x, [(0, 1), (4, 5)], mode)})  # type: ignore[call-overload]


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_blocks_move_between_space_and_depth_after_a_convolution(mode: str) -> None:
    model = parsed(
        f'g (float[N,4,6,8] x) => (float[a,b,c,d] y, int64[4] s, float[e,f,g,h] z) {{ k = Constant<value_floats=[2.0]>() '
        f'r = Constant<value_ints=[1,1,1,1]>() q = Reshape(k, r) t = Tile(q, u) u = Constant<value_ints=[8,4,1,1]>() '
        f'c = Conv(x, t) y = DepthToSpace<blocksize=2, mode="{mode}">(c) s = Shape(y) z = SpaceToDepth<blocksize=2>(y) }}'
        .replace("t = Tile(q, u) u = Constant<value_ints=[8,4,1,1]>()", "u = Constant<value_ints=[8,4,1,1]>() t = Tile(q, u)")
    )  # fmt: skip
    inputs = {"x": image(2, 4, 6, 8)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


def test_a_shape_is_read_without_moving_the_channels() -> None:
    model = parsed(
        "g (float[N,3,H,W] x) => (int64[4] s, int64[2] t) { p = GlobalAveragePool(x) s = Shape(p) t = Shape<start=1, end=3>(p) }"
    )
    assert operations(model).count("Transpose") == 1  # that of the input
    inputs = {"x": image(2, 3, 4, 5)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("g (float[2,12] x) => (float[2,3,4] y) { s = Constant<value_ints=[0,3,-1]>() y = Reshape(x, s) }", ["Reshape"]),
        ("g (float[N,12] x) => (float[N,3,4] y) { s = Constant<value_ints=[0,3,4]>() y = Reshape(x, s) }", ["Reshape"]),
        ("g (float[N,3,4] x) => (float[N,12] y) { y = Flatten(x) }", ["Reshape"]),
        (
            "g (float[N,12] x) => (float[N,3] y) { b = Constant<value_ints=[2]>() e = Constant<value_ints=[5]>() "
            "a = Constant<value_ints=[1]>() y = Slice(x, b, e, a) }",
            ["StridedSlice"],
        ),
        ("g (float[N,12] x) => (float[N,2] y) { i = Constant<value_ints=[1,-1]>() y = Gather<axis=1>(x, i) }", ["GatherV2"]),
        ("g (float[N,12] x) => (float[N] y) { i = Constant<value_int=3>() y = Gather<axis=1>(x, i) }", ["StridedSlice"]),
        ("g (float[N,1,4] x) => (float[N,3,4] y) { p = Constant<value_ints=[0,1,0,0,1,0]>() y = Pad(x, p) }", ["Pad"]),
    ],
)  # fmt: skip
def test_known_parameters_leave_one_operation(text: str, expected: list[str]) -> None:
    assert operations(parsed(text)) == expected


def test_sizes_read_from_a_tensor_keep_the_rank_and_the_known_dimensions() -> None:
    from modelport_converters.onnx_to_tensorflow import build

    model = parsed(
        "g (float[N,M,12] x) => (float[N,M,3,4] y) { s = Shape(x) zero = Constant<value_int=0>() one = Constant<value_int=1>() "
        "n = Gather(s, zero) m = Gather(s, one) a = Constant<value_ints=[0]>() p = Unsqueeze(n, a) q = Unsqueeze(m, a) "
        "r = Constant<value_ints=[3,4]>() t = Concat<axis=0>(p, q, r) y = Reshape(x, t) }"
    )
    module = build.build(ir.from_proto(model))
    assert module.serving.structured_outputs["y"].shape.as_list() == [None, None, 3, 4]
    inputs = {"x": image(2, 5, 12)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int16", "uint32", "uint64", "bool", "float16", "double"])
def test_every_type_is_sliced_padded_and_repeated(dtype: str) -> None:
    model = parsed(
        f"g ({dtype}[N,4] x, int64[2] r) => ({dtype}[a,b] y, {dtype}[c,d] z, {dtype}[e,f] t) {{ "
        f"p = Constant<value_ints=[1,0,0,2]>() "
        f"y = Pad(x, p) z = Tile(x, r) t = Trilu(x) }}"
    )
    inputs = {"x": abs(image(3, 4)).astype("float64" if dtype == "double" else dtype), "r": ints(2, 1)}
    assert_same(translated(model, inputs), by_reference(model, inputs))


@pytest.mark.parametrize(("start", "limit", "delta"), [(1, 10, 4), (9, 0, -2), (3, 3, 1), (5, 1, 1)])
@pytest.mark.parametrize("dtype", ["float", "int64", "int32", "int16", "double"])
def test_a_range_counts_as_onnxruntime_does(start: int, limit: int, delta: int, dtype: str) -> None:
    model = parsed(f"g ({dtype} a, {dtype} b, {dtype} c) => ({dtype}[n] y) {{ y = Range(a, b, c) }}")
    kind = {"float": "float32", "double": "float64"}.get(dtype, dtype)
    inputs = {"a": np.array(start, kind), "b": np.array(limit, kind), "c": np.array(delta, kind)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


def test_fine_tuning_leaves_shapes_and_axes_constant() -> None:
    text = "g (float[N,12] x) => (float[a,b] y) { s = Constant<value_ints=[-1,4]>() y = Reshape(x, s) }"
    inputs = {"x": image(2, 12)}
    assert operations(parsed(text), trainable=True) == ["Reshape"]
    assert_same(translated(parsed(text), inputs, trainable=True), by_onnxruntime(parsed(text), inputs))


@pytest.mark.parametrize("axes", ["0,2", "-1,-3"])
def test_what_is_left_of_dimensions_of_unknown_size_is_unsqueezed(axes: str) -> None:
    model = parsed(
        f"g (float[N,M,K] x) => (float[a,b,c,d] y) {{ s = Squeeze(x) a = Constant<value_ints=[{axes}]>() y = Unsqueeze(s, a) }}"
    )
    inputs = {"x": image(3, 1, 4)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))
