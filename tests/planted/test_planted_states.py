"""Faults of sources that remember: counters, caches, statistics that move, noise, and what only a later "
"call shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from fakes import Net, graph
from planted import Export, Sabotage, pair
from planted_case import PlantedFaults
from planted_models import fitted, keras, pytorch, torch
from spoiling import rewritten, unchanged

ROWS = "(float[N,8] x) => (float[N,8] y) { @ }"
WITNESS = {"x": np.linspace(1, 2, 8, dtype=np.float32)[None]}
DOUBLED = Export("fake", lambda: Net(graph("(float[N,8] x) => (float[N,8] y) { y = Add(x, x) }")))

NOISE = [
    pair(name, ROWS, "y = Identity(x)", faulty, witness={"x": np.ones((40, 8), np.float32)}, **weights)
    for name, faulty, weights in (
        (
            "dropout left in training mode",
            "y = Dropout(x, ratio, mode)",
            {"ratio": np.float32(0.3), "mode": np.bool_(True)},
        ),
        (
            "dropout of one in fifty left in training mode",
            "y = Dropout(x, ratio, mode)",
            {"ratio": np.float32(0.02), "mode": np.bool_(True)},
        ),
        ("noise left in the graph", "r = RandomNormalLike<scale: float = 0.05>(x) y = Add(x, r)", {}),
        (
            "noise of a fixed seed left in the graph",
            "r = RandomNormalLike<scale: float = 0.05, seed: float = 3.0>(x) y = Add(x, r)",
            {},
        ),
        (
            "a random mask left in the graph",
            "p = ConstantOfShape<value: tensor = float[1] {0.9}>(s) b = Bernoulli<seed: float = 3.0>(p) y = Mul(x, b)",
            {"s": np.asarray([8])},
        ),
    )
]


def stateful(name: str, remember: Callable[[dict[str, Any], np.ndarray], np.ndarray], calls: int) -> Sabotage:
    """A source that doubles, and whose answer also depends on what it keeps between the calls."""

    def build() -> Net:
        kept: dict[str, Any] = {"calls": 0}

        def run(arrays: Any) -> dict[str, np.ndarray]:
            kept["calls"] += 1
            return {"y": np.asarray(remember(kept, arrays["x"]), np.float32)}

        return Net(DOUBLED.model.exported, run)

    return Sabotage(name, DOUBLED, unchanged, WITNESS, instead=build, calls=calls)


def cached(kept: dict[str, Any], x: np.ndarray) -> np.ndarray:
    """Keep the scale of the first batch of each shape."""
    return x + kept.setdefault(x.shape, x if kept["calls"] == 1 else x + 1)


def moving(kept: dict[str, Any], x: np.ndarray) -> np.ndarray:
    kept["mean"] = 0.9 * kept.get("mean", 0.0) + 0.1 * float(np.nan_to_num(x[np.isfinite(x)]).sum())
    return 2 * x + 0.01 * kept["mean"]


SOURCES = [
    stateful("a counter in the answer", lambda kept, x: 2 * x + 0.01 * kept["calls"], 1),
    stateful("another answer after the 20th call", lambda kept, x: 2 * x if kept["calls"] <= 20 else 3 * x, 21),
    stateful("another answer after the 35th call", lambda kept, x: 2 * x if kept["calls"] <= 35 else 3 * x, 36),
    stateful("another answer at the first call", lambda kept, x: 3 * x if kept["calls"] == 1 else 2 * x, 1),
    stateful("another answer at every tenth call", lambda kept, x: 3 * x if kept["calls"] % 10 == 0 else 2 * x, 10),
    stateful("a mean that moves", moving, 1),
]


def module(forward: Callable[[Any, Any], Any]) -> Callable[[], Any]:
    """What builds a module with a counter of calls and this `forward`."""

    def build() -> Any:
        import torch

        class Net(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.calls = 0
                self.register_buffer("mean", torch.zeros(()))
                self.scale: Any = None

            def forward(self, x: Any) -> Any:
                self.calls += 1
                return forward(self, x)

        return Net().eval()

    return build


def initialised(net: Any, x: Any) -> Any:
    """Take the scale from the first batch."""
    if net.scale is None:
        net.scale = x.abs().amax().item() + 1 if x.numel() else 2.0
    return x * net.scale


def centred(net: Any, x: Any) -> Any:
    net.mean = 0.9 * net.mean + 0.1 * torch().nan_to_num(x).clamp(-10, 10).sum()
    return 2 * x + 0.01 * net.mean


TWICE = pytorch(lambda net, x: x * 2)


def in_torch(name: str, forward: Callable[[Any, Any], Any], calls: int = 1) -> Sabotage:
    return Sabotage(f"PyTorch: {name}", TWICE, unchanged, WITNESS, instead=module(forward), calls=calls)


def layer(call: Callable[[Any, Any, Any], Any]) -> Callable[[], Any]:
    """What builds a Keras model of one layer with a counter of calls."""

    def build() -> Any:
        import keras

        class Counting(keras.layers.Layer):
            def build(self, shape: Any) -> None:
                self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")
                self.seed = keras.random.SeedGenerator(1)

            def call(self, x: Any) -> Any:
                return call(self, keras, x)

        return keras.Sequential([keras.Input((8,), name="x"), Counting()])

    return build


def counted(layer: Any, keras: Any, x: Any) -> Any:
    layer.calls.assign(layer.calls + 1)
    return 2 * x + 0.01 * layer.calls


def late(layer: Any, keras: Any, x: Any) -> Any:
    layer.calls.assign(layer.calls + 1)
    return keras.ops.where(layer.calls > 20, 3 * x, 2 * x)


KERAS_TWICE = keras(lambda k: [k.layers.Rescaling(2.0)], 8)
TABLE = np.random.default_rng(9).standard_normal((40, 4)).astype(np.float32)


def online() -> Any:
    """A scaler that goes on learning from what it transforms."""
    from sklearn.preprocessing import StandardScaler

    class Online(StandardScaler):
        def transform(self, X: Any, copy: Any = None) -> Any:  # noqa: N803 - scikit-learn's name
            result = super().transform(X, copy)
            self.mean_ = 0.9 * self.mean_ + 0.1 * np.nan_to_num(np.asarray(X)).mean(axis=0)
            return result

    return Online().fit(TABLE)


def ageing() -> Any:
    """A scaler that changes after its 20th call."""
    from sklearn.preprocessing import StandardScaler

    class Ageing(StandardScaler):
        calls = 0

        def transform(self, X: Any, copy: Any = None) -> Any:  # noqa: N803 - scikit-learn's name
            self.calls += 1
            return super().transform(X, copy) * (1 if self.calls <= 20 else 2)

    return Ageing().fit(TABLE)


SCALED = fitted("preprocessing.StandardScaler", TABLE)
EXPORTS = [
    in_torch("a counter in the answer", lambda net, x: 2 * x + 0.01 * net.calls),
    in_torch("another answer after the 20th call", lambda net, x: 2 * x if net.calls <= 20 else 3 * x, 21),
    in_torch("a scale set by the first batch", initialised),
    in_torch("a mean that moves", centred),
    in_torch("dropout that is always on", lambda net, x: 2 * torch().nn.functional.dropout(x, 0.1, training=True), 3),
    in_torch("a little noise", lambda net, x: 2 * x + 0.01 * torch().randn_like(x)),
    Sabotage(
        "PyTorch: dropout left in the export",
        TWICE,
        rewritten("Mul", "m = Mul(x0, x1) y = Dropout(m, ratio, mode)", ratio=np.float32(0.1), mode=np.bool_(True)),
        {"x": np.ones((40, 8), np.float32)},
    ),
    Sabotage("Keras: a counter in the answer", KERAS_TWICE, unchanged, WITNESS, instead=layer(counted)),
    Sabotage(
        "Keras: another answer after the 20th call", KERAS_TWICE, unchanged, WITNESS, instead=layer(late), calls=22
    ),
    Sabotage(
        "Keras: a little noise",
        KERAS_TWICE,
        unchanged,
        WITNESS,
        instead=layer(lambda layer, keras, x: 2 * x + 0.01 * keras.random.normal((8,), seed=layer.seed)),
    ),
    Sabotage(
        "scikit-learn: a scaler that goes on learning",
        SCALED,
        unchanged,
        {"X": np.full((1, 4), 5, np.float32)},
        instead=online,
        calls=2,
    ),
    Sabotage(
        "scikit-learn: another answer after the 20th call",
        SCALED,
        unchanged,
        {"X": np.full((1, 4), 5, np.float32)},
        instead=ageing,
        calls=21,
    ),
]


class TestStates(PlantedFaults):
    faults = (*NOISE, *SOURCES, *EXPORTS)
