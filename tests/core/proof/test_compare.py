"""How one output is compared with its reference."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from modelport.proof.compare import compare
from modelport.proof.tolerance import Tolerance
from modelport.report import RATIO_EDGES

DEFAULT = Tolerance()


def reason(expected: Any, got: Any, tolerance: Tolerance = DEFAULT) -> str:
    return compare("y", expected, got, tolerance).reason


# --- floats --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_pass_exactly_where_numpy_says_they_are_close(seed: int, dtype: Any) -> None:
    rng = np.random.default_rng(seed)
    expected = (rng.standard_normal((5, 7)) * 10.0 ** rng.integers(-8, 4, (5, 7))).astype(dtype)
    expected[rng.random(expected.shape) < 0.1] = rng.choice([np.nan, np.inf, -np.inf, 0.0])
    got = (expected * (1 + rng.normal(0, 7e-4, expected.shape)) + rng.normal(0, 4e-6, expected.shape)).astype(dtype)
    if seed % 4 == 0:
        got[0, 0] = rng.choice([np.nan, np.inf])
    wide, narrow = got.astype(np.float64), expected.astype(np.float64)
    close = np.isclose(wide, narrow, rtol=1e-3, atol=1e-5, equal_nan=True)
    figures = compare("y", expected, got, DEFAULT)
    assert figures.passed == bool(close.all())
    finite = np.isfinite(narrow) & np.isfinite(wide)
    assert figures.out_of_tolerance == np.count_nonzero(~close & finite)
    difference = np.abs(wide[finite] - narrow[finite])
    assert figures.max_abs == pytest.approx(difference.max())
    assert figures.mean_abs == pytest.approx(difference.mean())
    assert figures.max_rel == pytest.approx(
        (difference[narrow[finite] != 0] / np.abs(narrow[finite][narrow[finite] != 0])).max()
    )


@pytest.mark.parametrize(
    ("expected", "got", "passes"),
    [
        ([1.0], [1.0 + 1.0e-3], True),
        ([1.0], [1.0 + 1.02e-3], False),
        ([0.0], [0.99e-5], True),
        ([0.0], [1.01e-5], False),
        ([math.nan], [math.nan], True),
        ([math.nan], [0.0], False),
        ([0.0], [math.nan], False),
        ([math.inf], [math.inf], True),
        ([math.inf], [-math.inf], False),
        ([math.inf], [math.nan], False),
        ([math.inf], [1e300], False),
        ([1e300], [math.inf], False),
        ([1e308], [-1e308], False),
        ([5e-324], [0.0], True),
        ([], [], True),
    ],
)
def test_the_edges_of_the_tolerance(expected: list[float], got: list[float], passes: bool) -> None:
    assert (reason(np.asarray(expected), np.asarray(got)) == "") == passes


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_are_counted_by_their_share_of_the_tolerance_as_numpy_counts_them(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    expected = rng.standard_normal(5000).astype(dtype)
    got = (expected * (1 + 10.0 ** rng.uniform(-9, 1, expected.shape) * (rng.random(expected.shape) < 0.8))).astype(
        dtype
    )
    rtol, atol = DEFAULT.of(np.dtype(dtype).name)
    wide, narrow = got.astype(np.float64), expected.astype(np.float64)
    shares = np.abs(wide - narrow) / (atol + rtol * np.abs(narrow))
    edges = [
        0.0,
        *(np.nextafter(edge, np.inf) for edge in (0.0, *RATIO_EDGES)),
        np.inf,
    ]  # each bin holds its upper edge

    figures = compare("y", expected, got, DEFAULT)

    assert figures.ratios == np.histogram(shares, edges)[0].tolist()
    assert sum(figures.ratios[8:]) == figures.out_of_tolerance > 0


def test_every_value_is_counted_and_without_a_tolerance_it_is_equal_or_beyond() -> None:
    expected = np.asarray([0.0, 1.0, np.nan, np.inf, -np.inf])
    got = np.asarray([0.0, 2.0, np.nan, 3.0, -np.inf])
    assert compare("y", expected, got, Tolerance(0.0, 0.0)).ratios == [3, *[0] * 9, 2]


def test_the_tolerance_is_relative_to_the_reference() -> None:
    tolerance = Tolerance(rtol=0.5, atol=0.0)
    assert reason(np.asarray([2.0]), np.asarray([1.0]), tolerance) == ""
    assert reason(np.asarray([1.0]), np.asarray([2.0]), tolerance) != ""


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_narrow_floats_are_widened_by_their_epsilon_and_no_further(dtype: Any) -> None:
    epsilon = float(ml_dtypes.finfo(dtype).eps)
    name = np.dtype(dtype).name
    assert DEFAULT.of(name) == (1e-3 + epsilon, 1e-5 + epsilon)
    one = np.asarray([1.0], dtype)
    assert reason(one, np.asarray([1.0 + epsilon], dtype)) == ""
    assert reason(one, np.asarray([1.0 + 8 * epsilon], dtype)) != ""
    assert reason(np.asarray([np.nan], dtype), np.asarray([0], dtype)) != ""


def test_complex_numbers_are_compared_in_both_parts() -> None:
    value = np.asarray([1 + 2j], np.complex64)
    assert reason(value, value) == ""
    assert reason(value, np.asarray([1 + 3j], np.complex64)) != ""
    assert reason(value, value.conj()) != ""


def test_cosine_is_that_of_the_two_vectors() -> None:
    a, b = np.asarray([1.0, 2.0, 3.0]), np.asarray([1.0, 2.0, 4.0])
    assert compare("y", a, b, DEFAULT).cosine == pytest.approx(17 / math.sqrt(14 * 21))
    assert compare("y", np.zeros(3), b, DEFAULT).cosine is None


# --- dtype, shape, labels ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("have", "want"),
    [(np.float64, np.float32), (np.int32, np.int64), (np.bool_, np.uint8), (np.float16, ml_dtypes.bfloat16)],
)
def test_another_dtype_is_a_failure_though_the_values_agree(have: Any, want: Any) -> None:
    assert reason(np.ones(3, want), np.ones(3, have)) == f"dtype {np.dtype(have).name} instead of {np.dtype(want).name}"


@pytest.mark.parametrize("shape", [(3, 2), (6,), (1, 2, 3), (2, 3, 1)])
def test_outputs_are_never_compared_up_to_a_reshape(shape: tuple[int, ...]) -> None:
    value = np.ones((2, 3), np.float32)
    assert reason(value, value.reshape(shape)) == f"shape {shape} instead of (2, 3)"


def test_outputs_are_never_compared_up_to_a_permutation() -> None:
    value = np.arange(9, dtype=np.float32).reshape(3, 3)
    for other in (value.T, value[::-1], value[:, ::-1]):
        assert reason(value, other) != ""


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (np.asarray([1, 2, 3]), np.asarray([1, 2, 4])),
        (np.asarray([10**18]), np.asarray([10**18 + 1])),
        (np.asarray([True, False, True]), np.asarray([True, True, True])),
        (np.asarray(["ham", "eggs"], object), np.asarray(["ham", "Eggs"], object)),
        (np.asarray(["ham", "eggs"]), np.asarray(["eggs", "eggs"], object)),
        (np.asarray(7), np.asarray(8)),
    ],
)
def test_labels_are_compared_exactly_and_flips_are_counted(expected: np.ndarray, got: np.ndarray) -> None:
    figures = compare("y", expected, got, Tolerance(rtol=1.0, atol=1.0))
    assert figures.flips == 1
    assert not figures.passed
    assert compare("y", expected, expected.copy(), DEFAULT).passed


def test_the_first_wrong_place_is_named_with_both_values() -> None:
    expected = np.zeros((2, 3), np.float32)
    got = expected.copy()
    got[1, 2] = 5
    assert "first at [1, 2]: 5.0 instead of 0.0" in reason(expected, got)


# --- sequences and maps --------------------------------------------------------------------------

MAPS = [{"a": 0.25, "b": 0.75}, {"a": 0.5, "b": 0.5}]


@pytest.mark.parametrize(
    ("got", "passes"),
    [
        ([{"a": 0.25, "b": 0.75}, {"a": 0.5, "b": 0.5}], True),
        ([{"a": np.float32(0.25), "b": np.float32(0.75)}, {"a": 0.5, "b": 0.5}], True),
        ([{"b": 0.75, "a": 0.25}, {"a": 0.5, "b": 0.5}], False),
        ([{"a": 0.25, "c": 0.75}, {"a": 0.5, "b": 0.5}], False),
        ([{"a": 0.25}, {"a": 0.5, "b": 0.5}], False),
        ([{"a": 0.26, "b": 0.75}, {"a": 0.5, "b": 0.5}], False),
        ([{"a": math.nan, "b": 0.75}, {"a": 0.5, "b": 0.5}], False),
        ([{"a": "x", "b": "y"}, {"a": "x", "b": "y"}], False),
        ([{"a": 0.25, "b": 0.75}], False),
        ([np.asarray([0.25, 0.75]), np.asarray([0.5, 0.5])], False),
        (np.asarray([[0.25, 0.75], [0.5, 0.5]]), False),
        (MAPS[0], False),
    ],
)
def test_sequences_of_maps_agree_in_length_keys_and_values(got: Any, passes: bool) -> None:
    assert (reason(MAPS, got) == "") == passes


def test_integers_in_maps_are_not_rounded_to_agree() -> None:
    assert reason([{"a": 1}], [{"a": 1.4}]) != ""


def test_maps_of_different_lengths_are_compared() -> None:
    value = [{"a": 1.0}, {"a": 1.0, "b": 2.0}]
    assert reason(value, value) == ""
    assert reason(value, [{"a": 1.0}, {"a": 1.0, "b": 3.0}]) != ""


def test_a_lone_map_is_compared() -> None:
    assert reason({"a": 1.0}, {"a": 1.0}) == ""
    assert reason({"a": 1.0}, {"a": 2.0}) != ""


@pytest.mark.parametrize(
    ("got", "passes"),
    [
        ([np.zeros(2), np.ones(3)], True),
        ([np.zeros(2), np.zeros(3)], False),
        ([np.zeros(2)], False),
        ([np.ones(3), np.zeros(2)], False),
        (np.zeros(2), False),
    ],
)
def test_sequences_of_arrays_agree_in_length_and_order(got: Any, passes: bool) -> None:
    assert (reason([np.zeros(2), np.ones(3)], got) == "") == passes
