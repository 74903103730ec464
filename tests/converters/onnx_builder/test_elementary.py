"""Elementary functions that ONNX Runtime has no float64 kernel for, beside NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from built import computed

from modelport_converters.onnx_builder import elementary

ANY = np.concatenate([np.linspace(-6, 6, 241), [-1e-9, 0.0, 1e-9, -30.0, 30.0]])
WITHIN_ONE = np.concatenate([np.linspace(-1, 1, 201), [-1e-9, 1e-9, 1 - 1e-12]])
LARGE = np.array([1e5, 1e12, 1e300])

FUNCTIONS = {
    "tan": ANY,
    "sinh": ANY,
    "cosh": ANY,
    "arctan": np.concatenate([ANY, LARGE, -LARGE]),
    "arcsin": WITHIN_ONE,
    "arccos": WITHIN_ONE,
    "arcsinh": np.concatenate([ANY, LARGE, -LARGE]),
    "arccosh": np.concatenate([1.0 + np.geomspace(1e-9, 50, 100), [1.0], LARGE]),
    "arctanh": WITHIN_ONE[1:-1] * 0.999,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_elementary_functions_are_numpys(name):
    expected = getattr(np, name)(FUNCTIONS[name])
    found = computed(getattr(elementary, name), FUNCTIONS[name])
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_stays_float32(name):
    x = FUNCTIONS[name][np.abs(FUNCTIONS[name]) < 1e30].astype(np.float32)
    found = computed(getattr(elementary, name), x)
    np.testing.assert_allclose(found, getattr(np, name)(x.astype(float)).astype(np.float32), rtol=2e-7, strict=True)
