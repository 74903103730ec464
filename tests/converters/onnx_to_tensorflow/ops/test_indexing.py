"""Gathering, scattering and selecting in TensorFlow: what ONNX's own suite does not cover."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from tf_models import assert_same, by_onnxruntime, by_reference, parsed, translated

RNG = np.random.default_rng(1)


def image(*shape: int, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(2).integers(-9, 9, shape).astype(dtype)


def ints(*values: Any) -> Any:
    return np.array(values, np.int64)


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "negative indices of a batch": (
        "g (float[N,5,4] x, int64[K] i) => (float[N,K,4] y) { y = Gather<axis=1>(x, i) }",
        {"x": image(2, 5, 4), "i": ints(-1, 0, 4, -5)},
    ),
    "elements along the last axis": (
        "g (float[N,5] x, int32[N,K] i) => (float[N,K] y) { y = GatherElements<axis=1>(x, i) }",
        {"x": image(3, 5), "i": np.array([[0, -1], [4, 2], [1, 1]], np.int32)},
    ),
    "elements of fewer rows": (
        "g (float[N,M,4] x, int64[A,B,C] i) => (float[A,B,C] y) { y = GatherElements<axis=-2>(x, i) }",
        {"x": image(3, 5, 4), "i": ints([[0, -1, 2], [4, 2, 0]], [[1, 1, 1], [3, 0, -5]])},
    ),
    "slices at vectors within a batch": (
        "g (float[N,5,4,3] x, int64[N,K,2] i) => (float[N,K,3] y) { y = GatherND<batch_dims=1>(x, i) }",
        {"x": image(2, 5, 4, 3), "i": ints([[0, 1], [-1, -1], [2, 0]], [[1, 1], [4, 3], [0, -4]])},
    ),
    "scalars at whole vectors": (
        "g (float[N,5] x, int64[K,2] i) => (float[K] y) { y = GatherND(x, i) }",
        {"x": image(2, 5), "i": ints([0, 1], [-1, -1])},
    ),
    "a shorter condition": (
        "g (float[N,5] x, bool[K] c) => (float[N,M] y) { y = Compress<axis=1>(x, c) }",
        {"x": image(2, 5), "c": np.array([True, False, True])},
    ),
    "half floats that are not zero": (
        "g (float16[N,5] x) => (int64[2,M] y) { y = NonZero(x) }",
        {"x": image(2, 5, dtype=np.float16) // 4},
    ),
    "one in many at the first axis": (
        "g (int64[N,M] i, int64 d, float[2] v) => (float[a,b,c] y) { y = OneHot<axis=0>(i, d, v) }",
        {"i": ints([0, -1, 9], [3, -4, -5]), "d": np.array(4), "v": np.array([7, 9], np.float32)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_unknown_sizes_are_indexed_as_the_reference_does(name: str) -> None:
    text, inputs = CASES[name]
    model = parsed(text)
    if name == "half floats that are not zero":  # ONNX Runtime has no such kernel
        assert_same(translated(model, inputs), by_reference(model, inputs))
    else:
        assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "min", "max"])
@pytest.mark.parametrize("dtype", ["float", "int32"])
def test_scattered_elements_and_slices_are_combined(reduction: str, dtype: str) -> None:
    model = parsed(
        f"g ({dtype}[N,4] x, int64[K,2] i, {dtype}[K,2] u, int64[L,1] j, {dtype}[L,4] v) => ({dtype}[N,4] y, {dtype}[N,4] z) {{ "
        f'y = ScatterElements<axis=1, reduction="{reduction}">(x, i, u) z = ScatterND<reduction="{reduction}">(x, j, v) }}'
    )
    kind = {"float": np.float32}.get(dtype, np.int32)
    again = reduction != "none"  # which of several wins is not defined
    inputs = {
        "x": image(3, 4, dtype=kind), "i": ints([0, -4 if again else -1], [2, -1]), "u": image(2, 2, dtype=kind),
        "j": ints([2], [-1 if again else 0]), "v": image(2, 4, dtype=kind),
    }  # fmt: skip
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("dtype", ["float", "double", "int8", "uint8", "int16", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("largest", [0, 1])
def test_the_lower_index_comes_first_among_equals_for_every_type(dtype: str, largest: int) -> None:
    model = parsed(
        f"g ({dtype}[N,7,2] x, int64[1] k) => ({dtype}[a,b,c] y, int64[d,e,f] i) {{ "
        f"y, i = TopK<axis=1, largest={largest}>(x, k) }}",
        opset=24,
    )
    kind = np.dtype({"float": "float32", "double": "float64"}.get(dtype, dtype))
    x = RNG.integers(0, 3, (2, 7, 2)).astype(kind)
    if kind.kind in "iu":
        x[0, 3] = np.iinfo(kind).min
        x[1, 2] = np.iinfo(kind).max
    assert_same(translated(model, {"x": x, "k": ints(4)}), _top(x, 4, largest))


def _top(x: Any, k: int, largest: int) -> dict[str, Any]:
    exact = x.astype(np.int64).astype(object) if x.dtype.kind == "f" else x.astype(object)
    indices = np.argsort(-exact if largest else exact, axis=1, kind="stable")[:, :k].astype(np.int64)
    return {"y": np.take_along_axis(x, indices, 1), "i": indices}


@pytest.mark.parametrize("attributes", ["", "<sorted=0>", "<axis=0>", "<axis=1>", "<axis=-1, sorted=0>"])
@pytest.mark.parametrize("dtype", ["float", "int64"])
def test_distinct_slices_come_with_positions_inverse_and_counts(attributes: str, dtype: str) -> None:
    model = parsed(
        f"g ({dtype}[N,M] x) => ({dtype}[a,b] y, int64[c] i, int64[d] j, int64[e] n) {{ y, i, j, n = Unique{attributes}(x) }}"
    )
    if "axis" not in attributes:
        model.graph.output[0].CopyFrom(
            onnx.helper.make_tensor_value_info("y", model.graph.input[0].type.tensor_type.elem_type, ["a"])
        )
    x = np.array([[2, 0, 2, 1], [1, 0, 1, 1], [2, 0, 2, 1]], np.float32 if dtype == "float" else np.int64)
    assert_same(translated(model, {"x": x}), by_onnxruntime(model, {"x": x}))


def test_distinct_strings_are_sorted_by_their_characters() -> None:
    model = parsed("g (string[N] x) => (string[a] y, int64[c] i, int64[d] j, int64[e] n) { y, i, j, n = Unique(x) }")
    x = np.array(["pear", "apple", "pear", "app", "Ärger", "zoo", "apple"], object)
    found = translated(model, {"x": x})
    y, i, j, n = np.unique(x.astype(str), return_index=True, return_inverse=True, return_counts=True)
    assert [text.decode() for text in found["y"]] == y.tolist()
    assert_same(found, {"i": i, "j": j, "n": n})


def test_a_circular_cache_is_written_for_each_sample_at_its_own_place() -> None:
    model = parsed(
        "g (float[B,2,5,3] x, float[B,2,T,3] u, int64[B] w) => (float[B,2,5,3] y) { "
        'y = TensorScatter<mode="circular">(x, u, w) }', opset=24,
    )  # fmt: skip
    inputs = {"x": image(2, 2, 5, 3), "u": RNG.standard_normal((2, 2, 3, 3)).astype(np.float32), "w": ints(4, 1)}
    assert_same(translated(model, inputs), by_reference(model, inputs))


SPANS = [
    (-(2**63), -2, 1), (-2, 2**63 - 1, 1), (-100, 100, 2), (2, -(2**31), 1), (3, 1, 1), (100, 2**31 - 1, 1), (1, -1, 1000),
    (-1, -(2**63), -1), (2**63 - 1, -3, -1), (2**31 - 1, -(2**31), -2), (1, 3, -1), (-1, -100, -1000),
]  # fmt: skip


@pytest.mark.parametrize(("start", "end", "step"), SPANS)
@pytest.mark.parametrize("sizes", ["4,5", "N,4", "4,N", "0,3"])
def test_a_slice_beyond_either_end_takes_what_onnxruntime_takes(start: int, end: int, step: int, sizes: str) -> None:
    model = parsed(
        f"g (float[{sizes}] x) => (float[a,b] y) {{ b = Constant<value_ints=[{start},{start}]>() "
        f"e = Constant<value_ints=[{end},{end}]>() a = Constant<value_ints=[1,-2]>() "
        f"t = Constant<value_ints=[{step},{step}]>() y = Slice(x, b, e, a, t) }}"
    )
    inputs = {"x": image(*map(int, sizes.replace("N", "3").split(",")))}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize(("start", "end", "step"), SPANS)
def test_a_slice_of_a_shape_beyond_either_end_is_a_shape(start: int, end: int, step: int) -> None:
    rank = len(range(4)[start:end:step])
    model = parsed(
        f"g (float[N,4,5,2] x) => (float[{','.join('abcd'[:rank])}] y) {{ s = Shape(x) b = Constant<value_ints=[{start}]>() "
        f"e = Constant<value_ints=[{end}]>() a = Constant<value_ints=[0]>() t = Constant<value_ints=[{step}]>() "
        "d = Slice(s, b, e, a, t) y = ConstantOfShape(d) }"
    )
    inputs = {"x": image(3, 4, 5, 2)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))
