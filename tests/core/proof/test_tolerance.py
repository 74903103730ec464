"""The proof's defaults, by dtype and by what the user asked for."""

from __future__ import annotations

import pytest

from modelport.proof.tolerance import Tolerance, tolerance_for


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (("float32",), (1e-3, 1e-5)),
        (("float64",), (1e-7, 1e-9)),
        (("float64", "int64", "string"), (1e-7, 1e-9)),
        (("float64", "float32"), (1e-3, 1e-5)),
        (("int64",), (1e-3, 1e-5)),
    ],
)
def test_float64_outputs_are_held_to_float64_where_all_floats_go_in_as_such(
    dtypes: tuple[str, ...], expected: tuple[float, float]
) -> None:
    assert tolerance_for(None, None, dtypes).of("float64") == expected
    assert tolerance_for(None, None, dtypes).of("float32") == (1e-3, 1e-5)


def test_what_the_user_asks_for_holds_for_every_dtype() -> None:
    assert tolerance_for(1e-2, None, ("float64",)).of("float64") == (1e-2, 1e-5)
    assert tolerance_for(None, 0.5, ("float64",)).of("float64") == (1e-3, 0.5)


def test_a_wider_tolerance_admits_more_of_the_spread() -> None:
    assert Tolerance().of_spread("float32") == (1e-2, 0.0)
    assert Tolerance(rtol=1e-2).of_spread("float32") == pytest.approx((1e-1, 0.0))
    assert Tolerance(atol=0.1).of_spread("float32") == (1e-2, 0.1)
