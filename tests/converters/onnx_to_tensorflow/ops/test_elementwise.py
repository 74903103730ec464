"""Arithmetic and casts in TensorFlow on sizes that are unknown when the model is translated."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from tf_models import assert_same, by_onnxruntime, by_reference, parsed, translated

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


@pytest.mark.parametrize("kind", ["int8", "int32", "int64", "uint8"])
def test_division_of_integers_truncates_toward_zero(kind: str) -> None:
    model = parsed(f"g ({kind}[N] a, {kind}[N] b) => ({kind}[N] y) {{ y = Div(a, b) }}")
    signed = -1 if kind.startswith("int") else 1
    inputs = {"a": np.array([7, 9 * signed % 256 if signed > 0 else -9, 5], kind), "b": np.array([2, 2, 3], kind)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


def test_clip_takes_the_maximum_where_it_is_below_the_minimum() -> None:
    model = parsed("g (float[N,4] x, float low, float high) => (float[N,4] y) { y = Clip(x, low, high) }")
    inputs = {"x": X, "low": np.float32(1), "high": np.float32(-1)}
    assert_same(translated(model, inputs), by_reference(model, inputs))


@pytest.mark.parametrize(
    "kind", ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float4_e2m1fn"]
)
def test_every_small_float_survives_the_way_there_and_back(kind: str) -> None:
    numbers = {
        "float8_e4m3fn": 17,
        "float8_e4m3fnuz": 18,
        "float8_e5m2": 19,
        "float8_e5m2fnuz": 20,
        "float4_e2m1fn": 23,
    }
    model = parsed(
        f"g (float[N] x) => (float[N] y) {{ a = Cast <to={numbers[kind]}> (x) y = Cast <to=1> (a) }}", opset=23
    )
    x = np.random.default_rng(1).normal(size=500).astype(np.float32) * 4
    own = np.dtype(getattr(ml_dtypes, kind))
    limit = np.float32(ml_dtypes.finfo(own).max)
    expected = np.clip(x, -limit, limit).astype(own).astype(np.float32)
    assert_same(translated(model, {"x": x}, saved=True), {"y": expected}, rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_powers_of_integers_are_exact_where_the_exponent_is_an_input(kind: str) -> None:
    model = parsed(f"g ({kind}[N] x, {kind}[N] e) => ({kind}[N] y) {{ y = Pow(x, e) }}")
    bases, exponents = ([3, -7, 2, 1, -1, -1, 5, 0, -2], [19, 11, 30, -3, -3, -4, -1, 0, 31])
    if kind == "int64":
        bases, exponents = [*bases, 3, -3, 10], [*exponents, 39, 37, 18]
    inputs = {"x": np.array(bases, kind), "e": np.array(exponents, kind)}
    exact = [
        base**exponent if exponent >= 0 else int(1 / base**-exponent)
        for base, exponent in zip(bases, exponents, strict=True)
    ]
    assert_same(translated(model, inputs), {"y": np.array(exact, kind)})


def test_long_integers_in_strings_keep_every_digit() -> None:
    model = parsed("g (string[N] x) => (int64[N] y) { y = Cast <to=7> (x) }")
    whole = [
        "9007199254740993",
        "-9007199254740993",
        f"{2**63 - 1}",
        f"{-(2**63)}",
        " +12 ",
        "000000000000000000000042",
    ]
    expected = np.array([*map(int, whole), 100, -3, 1000], np.int64)
    assert_same(translated(model, {"x": np.array([*whole, "100.5", "-3.9", "1e3"], object)}), {"y": expected})
