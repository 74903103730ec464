"""Each pattern of values is what its name says, one pattern a row."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from modelport.proof.cases.named_values import NamedValues
from modelport.proof.cases.value_patterns import PATTERNS, SPECIALS, rows_at_named, rows_of, typed


def rows(*patterns: str) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rows_of(patterns, rng.standard_normal((len(patterns), 500)), rng)


def test_magnitudes_reach_from_a_hundred_millionth_to_a_thousand() -> None:
    usual, ten, hundred, tiny, every = rows("sparse", "times 10", "times 100", "times 1e-8", "all magnitudes")
    assert ten.std() == pytest.approx(10, rel=0.2)
    assert hundred.std() == pytest.approx(100, rel=0.2)
    assert tiny.std() == pytest.approx(1e-8, rel=0.2)
    assert np.abs(every).min() < 1e-7
    assert np.abs(every).max() > 500
    assert 0.3 < (usual == 0).mean() < 0.7


def test_exact_values_are_exact() -> None:
    zeros, minus, constant, halves = rows("zeros", "minus zeros", "constant", "halves")
    assert not np.signbit(zeros).any()
    assert np.signbit(minus).all()
    assert not minus.any()
    assert len(set(constant.tolist())) == 1
    assert {0.5, 2.5, -1.5} <= set(halves.tolist())
    assert (halves % 1 == 0.5).all()


@pytest.mark.parametrize("name", SPECIALS)
def test_special_rows_hold_what_is_not_finite_in_every_row(name: str) -> None:
    found = rows(name, name)
    assert (~np.isfinite(found)).any(axis=1).all()


@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_is_finite_in_the_narrowest_type(name: str) -> None:
    assert np.isfinite(typed(rows(name), "float16")).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16", "complex64"])
def test_values_come_in_the_dtype_of_the_input(dtype: str) -> None:
    expected = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    assert typed(rows("normal"), dtype).dtype == expected


def test_rows_lie_at_beside_and_around_what_the_graph_names() -> None:
    rng = np.random.default_rng(2)
    named = NamedValues(np.asarray([6.0]), {1: np.asarray([0.5])})
    found = typed(rows_at_named(named, np.zeros((400, 2)), "float32", rng), "float32")
    for column, value in ((0, np.float32(6)), (1, np.float32(0.5))):
        beside = {value, np.nextafter(value, np.float32(9)), np.nextafter(value, np.float32(-9))}
        assert beside <= set(found[:, column])


def test_rows_keep_off_what_was_computed_before_it_is_compared() -> None:
    named = NamedValues(np.asarray([6.0]), exact=False)
    found = rows_at_named(named, np.zeros((400, 1)), "float32", np.random.default_rng(2))
    assert np.abs(found - 6).min() > 100 * np.spacing(np.float32(6))
