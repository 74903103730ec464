"""Optimisers of ai.onnx.preview.training in TensorFlow, against the reference evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tf_models import assert_same, by_reference, parsed, translated


def scores(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32) * 3


ADAM = "Adam <alpha=0.9, beta=0.99, epsilon=0.001, norm_coefficient=0.1, norm_coefficient_post=0.01>"


OPTIMISERS = [
    ("Adagrad <decay_factor=0.1, epsilon=0.001, norm_coefficient=0.01>", 3),
    ("Momentum <alpha=0.9, beta=0.1, mode=\"standard\", norm_coefficient=0.01>", 3),
    ("Momentum <alpha=0.9, beta=0.1, mode=\"nesterov\", norm_coefficient=0.01>", 3),
    (ADAM, 4),
]  # fmt: skip


@pytest.mark.parametrize("step", [0, 3])
@pytest.mark.parametrize(("call", "kinds"), OPTIMISERS)
def test_an_optimiser_steps_from_the_first_step_and_from_a_later_one(call: str, kinds: int, step: int) -> None:
    names = [f"v{at}" for at in range(2 * kinds)]
    outputs = [f"o{at}" for at in range(2 * kinds - 2)]
    model = parsed(
        f"g (float r, int64 t, {', '.join(f'float[{1 + at % 2}] {name}' for at, name in enumerate(names))})"
        f" => ({', '.join(f'float[{1 + at % 2}] {name}' for at, name in enumerate(outputs))})"
        f" {{ {', '.join(outputs)} = ai.onnx.preview.training.{call} (r, t, {', '.join(names)}) }}",
        imports={"ai.onnx.preview.training": 1},
    )
    inputs: dict[str, Any] = {name: abs(scores(1 + at % 2)) + at for at, name in enumerate(names)}
    inputs |= {"r": np.array(0.1, np.float32), "t": np.array(step)}
    assert_same(translated(model, inputs), by_reference(model, inputs))
