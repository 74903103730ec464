"""Operator fusion: what is fused computes the same, and what may not be fused is left."""

from __future__ import annotations

import pytest
from prepared_models import floats, operators, prepared, with_weights
from tf_models import assert_same, by_reference, parsed

NORM = "BatchNormalization (c, s, b, m, v)"


@pytest.mark.parametrize("conv", ["Conv (x, w)", "Conv (x, w, k)"])
def test_a_batch_normalisation_becomes_part_of_the_convolution_before_it(conv: str) -> None:
    model = parsed(f"g (float[N,3,5,5] x) => (float[N,4,3,3] y) {{ c = {conv}\n n = {NORM}\n y = Relu (n) }}")
    statistics = {"s": floats(4), "b": floats(4) + 1, "m": floats(4) - 1, "v": abs(floats(4)) + 0.5}
    bias = {"k": floats(4) * 2} if "k" in conv else {}
    model = with_weights(model, w=floats(4, 3, 3, 3), **bias, **statistics)
    result = prepared(model)
    assert operators(result) == ["Conv", "Relu"]
    assert_same(by_reference(result, {"x": floats(2, 3, 5, 5)}), by_reference(model, {"x": floats(2, 3, 5, 5)}))


REASONS = {
    "the convolution has another use": f"(float[N,4,3,3] y, float[N,4,3,3] c) {{ c = Conv (x, w)\n y = {NORM} }}",
    "the statistics are of the batch": "(float[N,4,3,3] y) { c = Conv (x, w)\n"
    " y, p, q = BatchNormalization <training_mode=1> (c, s, b, m, v) }",
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_batch_normalisation_stays_where(reason: str) -> None:
    statistics = {"s": floats(4), "b": floats(4), "m": floats(4), "v": abs(floats(4)) + 0.5}
    model = with_weights(parsed(f"g (float[N,3,5,5] x) => {REASONS[reason]}"), w=floats(4, 3, 3, 3), **statistics)
    result = prepared(model)
    assert operators(result) == ["Conv", "BatchNormalization"]
    assert_same(by_reference(result, {"x": floats(2, 3, 5, 5)}), by_reference(model, {"x": floats(2, 3, 5, 5)}))
