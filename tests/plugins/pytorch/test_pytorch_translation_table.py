"""Arithmetic at the ends of its types' ranges comes out of ONNX Runtime as PyTorch computes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import nn

from modelport.signature import parse_inputs
from modelport.spec import Options
from modelport_plugins import pytorch as plugin

INFINITIES = [-np.inf, -1e30, -3.0, -0.0, 0.5, 3.0, 1e30, np.inf]
WHOLE = [-(2**31), -(2**24) - 1, -14, -13, -1, 0, 1, 13, 14, 2**24 + 1, 2**31 - 1]


class Function(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def assert_same(function: Callable[[torch.Tensor], torch.Tensor], values: Any, dtype: str) -> None:
    x = np.asarray(values, dtype)
    specs, examples = parse_inputs([f"x:{dtype}[N]"])
    options, model = Options(inputs=specs, examples=examples), Function(function).eval()
    exported = ir.to_proto(plugin.to_onnx(model, plugin.signature(model, options), 20, options))
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {"x": x})
    np.testing.assert_allclose(got, function(torch.from_numpy(x)).numpy(), rtol=1e-6)


@pytest.mark.parametrize("mode", ["floor", "trunc"])
@pytest.mark.parametrize("divisor", [7, -7])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integers_are_divided_exactly(dtype: str, divisor: int, mode: str) -> None:
    assert_same(lambda x: torch.div(x, divisor, rounding_mode=mode), WHOLE, dtype)


def test_narrow_integers_are_divided_exactly() -> None:
    assert_same(lambda x: torch.div(x, 7, rounding_mode="floor"), [-128, -7, -1, 0, 6, 127], "int8")


def test_the_logarithm_of_a_sigmoid_far_below_zero_is_finite() -> None:
    assert_same(nn.functional.logsigmoid, [-1e4, -100.0, -1.0, 0.0, 20.0, 1e4], "float32")


@pytest.mark.parametrize(
    "clamp",
    [lambda x: x.clamp(min=-2), lambda x: x.clamp(max=2), lambda x: x.clamp_min(-2), lambda x: x.clamp_max(2)],
    ids=["min", "max", "clamp_min", "clamp_max"],
)
def test_a_clamp_with_one_bound_leaves_the_other_infinity(clamp: Any) -> None:
    assert_same(clamp, INFINITIES, "float32")


def test_a_clamp_with_two_bounds_holds_both() -> None:
    assert_same(lambda x: x.clamp(-2, 2), INFINITIES, "float32")
