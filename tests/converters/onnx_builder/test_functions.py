"""The builder's functions beside NumPy's and SciPy's, in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
from built import computed

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn

RANDOM = np.random.default_rng(0)
NUMBERS = {
    "float32": RANDOM.standard_normal((5, 4)).astype(np.float32),
    "float64": RANDOM.standard_normal((5, 4)),
    "int64": RANDOM.integers(-9, 9, (5, 4)),
    "bool": RANDOM.random((5, 4)) < 0.5,
}


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "exp": (fn.exp, np.exp),
    "log1p": (lambda x: fn.log1p(x * x * 1e-9), lambda x: np.log1p(x * x * 1e-9)),
    "log1p of large": (lambda x: fn.log1p(x * x * 3 - 0.5), lambda x: np.log1p(x * x * 3 - 0.5)),
    "reciprocal": (fn.reciprocal, np.reciprocal),
    "fmod": (lambda x: fn.fmod(x * 9, -2.5), lambda x: np.fmod(x * 9, -2.5)),
    "expm1": (lambda x: fn.expm1(x * 1e-7), lambda x: np.expm1(x * 1e-7)),
    "expm1 of large": (lambda x: fn.expm1(x * 5), lambda x: np.expm1(x * 5)),
    "exact_expit": (lambda x: fn.exact_expit(x * 30), lambda x: scipy.special.expit(x * 30)),
    "sum": (lambda x: fn.sum(x, 1), lambda x: x.sum(axis=1)),
    "mean": (lambda x: fn.mean(x, 0, keepdims=True), lambda x: x.mean(axis=0, keepdims=True)),
    "max": (lambda x: fn.max(x, 1), lambda x: x.max(axis=1)),
    "logsumexp": (lambda x: fn.logsumexp(x * 500, 1), lambda x: scipy.special.logsumexp(x * 500, axis=1)),
    "softmax": (lambda x: fn.softmax(x), lambda x: scipy.special.softmax(x, axis=1)),
    "log_softmax": (lambda x: fn.log_softmax(x), lambda x: scipy.special.log_softmax(x, axis=1)),
    "argmax": (lambda x: fn.argmax(x, 1), lambda x: x.argmax(axis=1)),
    "topk": (lambda x: fn.topk(x, fn.size(x, 1) - 1)[0], lambda x: np.sort(x, axis=1)[:, :0:-1]),
    "compress": (lambda x: fn.compress(fn.sum(x, 1) > 0, x), lambda x: np.compress(x.sum(axis=1) > 0, x, axis=0)),
    "split": (lambda x: fn.split(x, [1, 3], 1)[1], lambda x: np.split(x, [1], axis=1)[1]),
    "flip": (lambda x: fn.flip(x, [0, 1]), lambda x: np.flip(x, (0, 1))),
    "pad": (lambda x: fn.pad(x, [(1, 0), (0, 2)], 7), lambda x: np.pad(x, [(1, 0), (0, 2)], constant_values=7)),
    "where": (lambda x: fn.where(x > 0, x, -1.0), lambda x: np.where(x > 0, x, -1.0)),
    "clip": (lambda x: fn.clip(x, -0.5, np.arange(4.0)), lambda x: np.clip(x, -0.5, np.arange(4.0))),
    "searchsorted": (
        lambda x: fn.searchsorted(np.arange(-2.0, 3.0), x),
        lambda x: np.searchsorted(np.arange(-2.0, 3.0), x),
    ),
    "bisect": (
        lambda x: fn.bisect(np.arange(-2.0, 3.0), x),
        lambda x: np.searchsorted(np.arange(-2.0, 3.0), x, "right"),
    ),
    "cumsum": (lambda x: fn.cumsum(x, 1), lambda x: x.cumsum(axis=1)),
    "cumsum from the end": (
        lambda x: fn.cumsum(x, 1, exclusive=True, reverse=True),
        lambda x: np.pad(x[:, :0:-1].cumsum(axis=1)[:, ::-1], [(0, 0), (0, 1)]),
    ),
    "repeated": (lambda x: fn.repeated(np.arange(3.0), x), lambda x: np.broadcast_to(np.arange(3.0), (len(x), 3))),
    "any": (lambda x: fn.any(x > 1, 1), lambda x: (x > 1).any(axis=1)),
    "all": (lambda x: fn.all(x > -1, 1), lambda x: (x > -1).all(axis=1)),
}


@pytest.mark.parametrize("opset", [13, 22])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_agree_with_numpy_in_every_opset(name, opset):
    ours, theirs = FUNCTIONS[name]
    rows = NUMBERS["float64"]
    found, expected = computed(ours, rows, opset), theirs(rows)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_a_loop_goes_on_until_its_condition_fails_and_sees_what_is_outside():
    def write(x: Value) -> Value:
        def halved(_: Value, value: Value, rounds: Value) -> tuple[Value, list[Value]]:
            smaller = value * 0.5 + 0.0 * fn.sum(x)
            return fn.max(fn.absolute(smaller)) > 1.0, [smaller, rounds + 1]

        start = [x, x.graph.constant(np.int64(0))]
        return fn.loop(x.graph, 50, start, halved)[1]

    assert computed(write, np.array([[40.0, -3.0]])) == 6  # 40 / 2**6 < 1


DYNAMIC = {
    "a shape": (fn.shape, np.shape),
    "the last size": (lambda x: fn.size(x, -1), lambda x: np.array([x.shape[-1]])),
    "reshaped by a value": (lambda x: fn.reshape(x, fn.size(x, 0) * fn.size(x, 1)), np.ravel),
    "reshaped by sizes and values": (lambda x: fn.reshape(x, [2, -1, fn.size(x, 0)]), lambda x: x.reshape(2, -1, 5)),
    "sliced by values": (lambda x: x[fn.size(x, 1) - 3 : fn.size(x, 0) - 1, :2], lambda x: x[1:4, :2]),
    "padded by values": (
        lambda x: fn.pad(x, fn.concatenate([x.graph.constant([1, 0, 0]), fn.size(x, 1)], 0)),
        lambda x: np.pad(x, [(1, 0), (0, 4)]),
    ),
    "summed over a value's axis": (lambda x: fn.sum(fn.rint(x), fn.size(x, 1) - 3), lambda x: np.rint(x).sum(axis=1)),
    "divided": (lambda x: fn.quotient(fn.size(x, 0), 2), lambda x: np.array([2])),
    "counted": (lambda x: fn.arange(fn.size(x, 0)), lambda x: np.arange(5)),
    "counted from and by": (lambda x: fn.arange(2, fn.sum(fn.shape(x)), 3), lambda x: np.arange(2, 9, 3)),
    "broadcast": (lambda x: fn.broadcast_to(x, [3, fn.size(x, 0), 4]), lambda x: np.broadcast_to(x, (3, 5, 4))),
}


@pytest.mark.parametrize("case", DYNAMIC)
def test_shapes_that_are_known_only_when_the_model_runs_are_values(case):
    write, expected = DYNAMIC[case]
    rows = NUMBERS["float32"]
    np.testing.assert_array_equal(computed(write, rows), expected(rows))


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16"]
)
def test_where_takes_dtypes_that_onnx_runtime_has_no_kernel_for(dtype):
    rows = NUMBERS["bool"]
    first, second = np.arange(20).reshape(5, 4).astype(dtype), np.full((5, 4), np.array(-1).astype(dtype))
    found = computed(lambda x: fn.where(x, x.graph.constant(first), x.graph.constant(second)), rows)
    np.testing.assert_array_equal(found, np.where(rows, first, second), strict=True)
