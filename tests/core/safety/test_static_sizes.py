"""Sizes that follow from a file alone are found before anything runs; sizes that depend on the inputs are not guessed."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from fakes import graph

from modelport.errors import TooLarge
from modelport.model import bytes_of, dtype_name, tensors_of
from modelport.safety import memory
from modelport.safety.external_data import check_external_data
from modelport.safety.static_sizes import require_sizes


@pytest.mark.parametrize(
    ("dtype", "sizes", "count"),
    [
        ("float32", (2, 3), 24),
        ("float64", (), 8),
        ("bfloat16", (3,), 6),
        ("bool", (5,), 5),
        ("int4", (3,), 2),
        ("uint2", (5,), 2),
        ("float8e4m3fn", (7,), 7),
        ("complex128", (2,), 32),
        ("string", (2,), 16),
        ("float32", (0, 2**62), 0),
    ],
)
def test_bytes_of_a_tensor(dtype: str, sizes: tuple[int, ...], count: int) -> None:
    assert bytes_of(dtype, sizes) == count


def test_every_dtype_that_onnx_has_is_named_with_its_size() -> None:
    for number in set(onnx.TensorProto.DataType.values()) - {onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING}:
        wanted = onnx.helper.tensor_dtype_to_np_dtype(number)
        packed = {"int4", "uint4", "int2", "uint2", "float4e2m1"}
        if dtype_name(number) not in packed and not dtype_name(number).startswith("float6e"):
            assert bytes_of(dtype_name(number), (8,)) == 8 * wanted.itemsize
    assert (dtype_name(0), dtype_name(999)) == ("", "")


@pytest.mark.parametrize(
    "body",
    [
        "(float[N,4] x) => (float[N,4] y) { y = Add(x, x) }",
        "(float[N] x) => (float[A,B] y) { s = Shape(x) \n t = Concat<axis=0>(s, s) \n y = ConstantOfShape(t) }",
        "(float[N] x, int64[1] s) => (float[A] y) { y = Tile(x, s) }",
        "(float[250000000] x) => (float[250000000] y) { y = Relu(x) }",
    ],
)
def test_sizes_that_depend_on_the_inputs_or_fit_are_admitted(body: str) -> None:
    with memory.limited("1GB"):
        require_sizes(graph(body), Path("model.onnx"))


def test_a_small_result_from_large_numbers_is_no_large_value() -> None:
    body = "(float[N] x) => (float[A] y) { q = Div(s, t) \n y = Expand(x, q) }"
    with memory.limited("1MB"):
        require_sizes(graph(body, s=np.array([2**40]), t=np.array([2**40])), Path("model.onnx"))


def test_the_model_is_left_as_it_was_and_its_weights_are_not_copied() -> None:
    model = graph("(float[N,1024] x) => (float[N,1024] y) { y = MatMul(x, w) }", w=np.zeros((1024, 1024), np.float32))
    before = model.SerializeToString()
    tracemalloc.start()
    require_sizes(model, Path("model.onnx"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model.SerializeToString() == before
    assert peak < 2**20


def test_weights_together_are_put_to_the_limit() -> None:
    weights = {f"w{i}": np.zeros(1000, np.float32) for i in range(10)}
    body = f"(float[1000] x) => (float[1000] y) {{ y = Sum(x, {', '.join(weights)}) }}"
    with memory.limited(39_000), pytest.raises(TooLarge, match=r"weights and constants together takes 40\.0 kB"):
        require_sizes(graph(body, **weights), Path("model.onnx"))


def test_external_data_in_a_folder_below_and_through_a_link_that_stays_is_admitted(tmp_path: Path) -> None:
    model = graph("(float[N,4] x) => (float[N,4] y) { y = Mul(x, w) }", w=np.ones(4, np.float32))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "real").write_bytes(next(tensors_of(model)).raw_data)
    (tmp_path / "w.data").symlink_to("sub/real")
    for location in ("w.data", "sub/real", "./sub/real"):
        tensor = model.graph.initializer[0]
        onnx.external_data_helper.set_external_data(tensor, location, offset=0, length=16)
        check_external_data(model, tmp_path / "model.onnx")
