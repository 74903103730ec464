"""Faults that hide in a tolerance: beside a large offset, below the absolute tolerance, or in an output "
"that hardly varies."""

from __future__ import annotations

from typing import Any

import numpy as np
from planted import SPREAD, Fault, Sabotage, pair, weights_pair
from planted_case import PlantedFaults
from planted_models import fitted, keras, pytorch
from spoiling import rewritten, weight

RNG = np.random.default_rng(31)
LINEAR = "(float[N,4] x) => (float[N,1] y) { p = MatMul(x, w) y = Add(p, b) }"
FIRST = {"w": np.asarray([[0.05], [-0.04], [0.03], [0.06]], np.float32), "b": np.float32(2000)}
WITNESS = {"x": np.random.default_rng(1).standard_normal((16, 4)).astype(np.float32)}
TABLE = np.random.default_rng(2).standard_normal((80, 4)).astype(np.float32)


def hidden(name: str, wrong: dict[str, Any], body: str = LINEAR, **weights: Any) -> Fault:
    """Weights that are wrong within the tolerance of a number as large as the offset."""
    return weights_pair(
        name, body, {**FIRST, **weights} if body is LINEAR else weights, wrong, witness=WITNESS, bound=SPREAD
    )


def dropped(at: int) -> np.ndarray:
    weights = FIRST["w"].copy()
    weights[at] = 0
    return weights


LAYERS = "(float[N,4] x) => (float[N,2] y) { h = MatMul(x, v) r = Relu(h) p = MatMul(r, w) y = Add(p, b) }"
OFFSETS = [
    hidden("every coefficient zero beside 2000", {"w": np.zeros((4, 1), np.float32)}),
    hidden("one coefficient zero beside 2000", {"w": dropped(3)}),
    hidden("coefficients of the other sign beside 2000", {"w": -FIRST["w"]}),
    hidden("coefficients exchanged beside 2000", {"w": FIRST["w"][::-1].copy()}),
    hidden(
        "the last layer zero beside -500",
        {"w": np.zeros((3, 2), np.float32)},
        LAYERS,
        v=RNG.standard_normal((4, 3)).astype(np.float32),
        w=(0.02 * RNG.standard_normal((3, 2))).astype(np.float32),
        b=np.float32(-500),
    ),
    pair(
        "a constant where the source varies",
        "(float[N,4] x) => (float[N,4] y) { t = Tanh(x) @ y = Add(s, b) }",
        "s = Mul(t, k)",
        "s = Mul(t, z)",
        witness=WITNESS,
        bound=SPREAD,
        k=np.float32(0.1),
        z=np.float32(0),
        b=np.float32(1000),
    ),
    pair(
        "a curve for its tangent beside 300",
        "(float[N,4] x) => (float[N,4] y) { @ s = Mul(t, k) y = Add(s, b) }",
        "t = Tanh(x)",
        "t = Identity(x)",
        witness=WITNESS,
        bound=SPREAD,
        k=np.float32(0.01),
        b=np.float32(300),
    ),
]

SMALL = [
    pair(
        "outputs below 1e-5 doubled",
        "(float[N,4] x) => (float[N,4] y) { t = Sigmoid(x) y = Mul(t, @) }",
        "k",
        "d",
        witness=WITNESS,
        bound=SPREAD,
        k=np.float32(2e-6),
        d=np.float32(4e-6),
    ),
    pair(
        "a rate near 1e-6 with a wrong coefficient",
        "(float[N,4] x) => (float[N,1] y) { p = MatMul(x, @) s = Add(p, b) y = Exp(s) }",
        "w",
        "v",
        witness=WITNESS,
        bound=SPREAD,
        w=FIRST["w"] * 4,
        v=FIRST["w"],
        b=np.float32(-16),
    ),
    pair(
        "a tiny column beside a large one",
        "(float[N,4] x) => (float[N,2] y) { y = MatMul(x, @) }",
        "w",
        "v",
        witness=WITNESS,
        bound=SPREAD,
        w=np.asarray([[1e3, 1e-6], [2e3, 2e-6], [-1e3, 3e-6], [1e3, 1e-6]], np.float32),
        v=np.asarray([[1e3, 0], [2e3, 0], [-1e3, 0], [1e3, 0]], np.float32),
    ),
    pair(
        "a tiny output beside a usual one",
        "(float[N,4] x) => (float[N,4] y, float[N,4] z) { y = Relu(x) t = Tanh(x) z = Mul(t, @) }",
        "k",
        "d",
        witness=WITNESS,
        bound=SPREAD,
        k=np.float32(3e-7),
        d=np.float32(-3e-7),
    ),
]


YEARS = 2000 + TABLE @ np.asarray([0.3, -0.2, 0.1, 0.25])


def linear(bias: float, scale: float = 0.05) -> Any:
    """What makes a linear layer around an offset."""

    def parts() -> dict[str, Any]:
        from torch import nn

        layer = nn.Linear(8, 3)
        nn.init.normal_(layer.weight, std=scale)
        nn.init.constant_(layer.bias, bias)
        return {"layer": layer}

    return parts


def rows(count: int = 16) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(4).standard_normal((count, 8)).astype(np.float32)}


def half(array: np.ndarray) -> None:
    array[: len(array) // 2] = 0


NEAR_2000 = pytorch(lambda net, x: net.layer(x), parts=linear(2000))
IMPROBABLE = pytorch(lambda net, x: net.layer(x).sigmoid(), parts=linear(-13, 0.5))
KERAS_1000 = keras(
    lambda k: [
        k.layers.Dense(
            3,
            bias_initializer=k.initializers.Constant(1000.0),
            kernel_initializer=k.initializers.RandomNormal(stddev=0.05),
        )
    ],
    8,
)
KERAS_TINY = keras(lambda k: [k.layers.Dense(3, activation="tanh"), k.layers.Rescaling(1e-7)], 8)
ORDINARY = fitted("linear_model.LinearRegression", TABLE, YEARS)
ROWS = {"X": WITNESS["x"]}
EXPORTS = [
    Sabotage("PyTorch: weights zero beside 2000", NEAR_2000, weight((3, 8), np.zeros_like), rows(), SPREAD),
    Sabotage(
        "PyTorch: one weight zero beside 2000",
        NEAR_2000,
        weight((3, 8), lambda array: array.__setitem__((0, int(np.abs(array[0]).argmax())), 0)),
        rows(),
        SPREAD,
    ),
    Sabotage(
        "PyTorch: tiny probabilities doubled",
        IMPROBABLE,
        rewritten("Sigmoid", "s = Sigmoid(x0) y = Add(s, s)"),
        rows(),
        SPREAD,
    ),
    Sabotage("Keras: weights zero beside 1000", KERAS_1000, weight((8, 3), np.zeros_like), rows(), SPREAD),
    Sabotage(
        "Keras: outputs below 1e-5 doubled",
        KERAS_TINY,
        rewritten("Mul", "m = Mul(x0, x1) y = Add(m, m)"),
        rows(),
        SPREAD,
    ),
    Sabotage("scikit-learn: coefficients zero beside 2000", ORDINARY, weight((4, 1), np.zeros_like), ROWS, SPREAD),
    Sabotage(
        "scikit-learn: a coefficient zero beside 2000",
        ORDINARY,
        weight((4, 1), lambda array: array.__setitem__(0, 0)),
        ROWS,
        SPREAD,
    ),
    Sabotage(
        "scikit-learn: ridge coefficients halved beside 2000",
        fitted("linear_model.Ridge", TABLE, YEARS),
        weight((4, 1), lambda array: array / 2),
        ROWS,
        SPREAD,
    ),
    Sabotage(
        "scikit-learn: Huber coefficients of the other sign",
        fitted("linear_model.HuberRegressor", TABLE, YEARS, max_iter=1000),
        weight((4, 1), lambda array: -array),
        ROWS,
        SPREAD,
    ),
    Sabotage(
        "scikit-learn: half of the boosted leaves zero beside 5000",
        fitted("ensemble.GradientBoostingRegressor", TABLE, YEARS + 3000, n_estimators=5, max_depth=2, random_state=0),
        weight((20, 2), half),
        ROWS,
        SPREAD,
    ),
    Sabotage(
        "scikit-learn: forest's leaves averaged beside 2000",
        fitted("ensemble.RandomForestRegressor", TABLE, YEARS, n_estimators=4, max_depth=3, random_state=0),
        weight((32, 2), lambda array: np.broadcast_to(array.mean(axis=0), array.shape).copy()),
        ROWS,
        SPREAD,
    ),
    Sabotage(
        "scikit-learn: rare events with a coefficient zero",
        fitted("linear_model.PoissonRegressor", TABLE, 1e-6 * np.exp(TABLE[:, 0]), alpha=1e-9, tol=1e-9, max_iter=1000),
        weight((4, 1), lambda array: array.__setitem__(0, 0)),
        ROWS,
        SPREAD,
    ),
]


class TestOffsets(PlantedFaults):
    faults = (*OFFSETS, *SMALL, *EXPORTS)
