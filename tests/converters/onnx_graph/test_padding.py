"""Index arithmetic of padding modes, against numpy.pad."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modelport_converters.onnx_graph.padding import PERIODIC, source


@pytest.mark.parametrize("mode", sorted(PERIODIC))
@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 2), (9, 11)])
def test_indices_beyond_a_dimension_repeat_the_elements_that_numpy_repeats(
    mode: Any, size: int, before: int, after: int
) -> None:
    found = source(np.arange(-before, size + after), size, mode)
    np.testing.assert_array_equal(found, np.pad(np.arange(size), (before, after), mode))
