"""Random numbers in TensorFlow."""

from __future__ import annotations

import numpy as np
from tf_models import assert_same, parsed, translated

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def test_a_seed_makes_random_numbers_repeat() -> None:
    model = parsed(
        "g (float[N,4] x) => (float[N,4] y) { a = RandomNormalLike <seed=2.5> (x)"
        " b = RandomNormalLike <seed=2.5> (x) y = Sub(a, b) }"
    )
    assert_same(translated(model, {"x": X}), {"y": np.zeros_like(X)})
