"""What Keras warns of in a conversion that is right, as marks that let it pass: ``pytestmark = [ARRAYS, ...]``."""

from __future__ import annotations

import pytest

ARRAYS = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
"""Keras turns its variables into arrays in a way that NumPy 2 deprecates."""

NOT_QUANTIZED = pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method implemented:UserWarning")
"""Keras says of each layer that is not quantized that it is not."""

MASKED = pytest.mark.filterwarnings("ignore:Layer '(query|key|value)' .*was passed an input with a mask:UserWarning")
"""Keras hands the mask of GroupQueryAttention to layers of its own that have no use for it."""
