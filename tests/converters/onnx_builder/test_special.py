"""Special functions beside SciPy's, in the precision of their dtype."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from built import computed

from modelport_converters.onnx_builder import special

ANY = np.concatenate([np.linspace(-6, 6, 241), [-1e-9, 0.0, 1e-9, -30.0, 30.0]])
POSITIVE = np.concatenate([np.geomspace(1e-12, 1e5, 300), np.linspace(0.4, 9.6, 93)])
NEGATIVE = -np.linspace(0.05, 40.05, 333)  # between the poles
SHARES = np.concatenate([np.linspace(1e-3, 1 - 1e-3, 201), np.geomspace(1e-300, 1e-3, 60), [0.0, 0.5, 1.0]])

FUNCTIONS = {
    "erf": ANY,
    "erfc": ANY,
    "ndtr": ANY,
    "ndtri": SHARES,
    "erfinv": np.concatenate([2 * SHARES - 1, SHARES, -SHARES]),
    "gammaln": np.concatenate([POSITIVE, NEGATIVE]),
    "digamma": np.concatenate([POSITIVE, NEGATIVE]),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 5e-7)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_functions_are_scipys(name, dtype, tolerance):
    x = FUNCTIONS[name].astype(dtype)
    expected = getattr(scipy.special, name)(x.astype("float64")).astype(dtype)
    found = computed(getattr(special, name), x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_functions_of_nothing_are_not_numbers(name):
    assert np.isnan(computed(getattr(special, name), np.array([np.nan]))).all()
