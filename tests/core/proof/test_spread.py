"""How an output's variation over the cases bounds what a difference may be."""

from __future__ import annotations

import numpy as np
import pytest

from modelport.proof.compare import Allowance, Spread, compare
from modelport.proof.spread import spread_of
from modelport.proof.tolerance import Tolerance

RNG = np.random.default_rng(5)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def test_each_column_of_a_table_has_its_own_deviation() -> None:
    tables = [{"y": floats(rows, 2) * np.float32([1.0, 100.0])} for rows in (30, 1, 20)]
    found = spread_of(tables)["y"].deviation
    np.testing.assert_allclose(found, np.concatenate([table["y"] for table in tables]).std(axis=0), rtol=1e-5)


def test_anything_but_a_table_has_one_deviation_over_all_sizes() -> None:
    images = [{"y": floats(2, 3, size, size)} for size in (4, 5)]
    flat = np.concatenate([image["y"].reshape(-1) for image in images])
    assert spread_of(images)["y"].deviation == pytest.approx(flat.std(), rel=1e-5)


def test_columns_that_vary_by_rounding_alone_bind_nothing() -> None:
    table = np.stack([floats(40), 0.1 + 1e-8 * floats(40)], axis=1)
    assert np.isinf(spread_of([{"y": table}])["y"].deviation[1])
    assert "y" not in spread_of([{"y": np.full(40, 3.0, np.float32)}])


def test_a_table_without_columns_has_no_spread() -> None:
    assert spread_of([{"y": np.zeros((9, 0), np.float32)}]) == {}


@pytest.mark.parametrize("values", [["a", "b"], [{"a": 1.0}], np.arange(9), np.asarray([1.0, 2.0])])
def test_labels_maps_and_few_values_have_no_spread(values: object) -> None:
    assert spread_of([{"y": values}]) == {}


@pytest.mark.parametrize(
    ("offset", "deviation", "difference", "passes"),
    [
        (2000.0, 1.0, 0.5, False),
        (2000.0, 1.0, 0.009, True),
        (0.0, 1e-6, 1e-6, False),
        (2000.0, 1e-3, 5e-3, True),  # 64 machine epsilons of 2000 are rounding
        (0.0, 1.0, 5e-6, True),
    ],
)
def test_a_difference_within_tolerance_must_be_small_against_the_spread(
    offset: float, deviation: float, difference: float, passes: bool
) -> None:
    expected = np.full((3, 1), offset, np.float32)
    allowance = Allowance(Spread(np.asarray([deviation]), offset))
    figures = compare("y", expected, expected + np.float32(difference), Tolerance(), allowance)
    assert figures.passed == passes
