"""Small models of the real frameworks, for faults planted into their exports."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from planted import Export

ROWS = ("x:float32[N,8]",)


def pytorch(
    forward: Callable[..., Any], *inputs: str, parts: Callable[[], dict[str, Any]] = dict, double: bool = False
) -> Export:
    """A module whose `forward(self, x)` is this function and whose submodules `parts` makes."""

    def build() -> Any:
        import torch

        torch.manual_seed(0)

        class Net(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                for name, part in parts().items():
                    setattr(self, name, part)

            def forward(self, x: Any) -> Any:
                return forward(self, x)

        net = Net().eval()
        return net.double() if double else net

    return Export("pytorch", build, inputs or ROWS)


def keras(build: Callable[[Any], list[Any]], *shape: int | None, dtype: str = "float32") -> Export:
    """A Sequential model of the layers that `build(keras)` makes."""

    def made() -> Any:
        import keras

        keras.utils.set_random_seed(0)
        return keras.Sequential([keras.Input(shape, dtype=dtype, name="x"), *build(keras)])

    return Export("keras", made)


def sklearn(build: Callable[[], Any], *inputs: str) -> Export:
    """A fitted estimator."""
    return Export("sklearn", build, inputs)


def fitted(path: str, x: Any, target: Any = None, *, inputs: tuple[str, ...] = (), **options: Any) -> Export:
    """An estimator of scikit-learn, named as ``preprocessing.Binarizer``, with these options, fitted on `x`."""
    module, _, name = path.rpartition(".")

    def build() -> Any:
        estimator = getattr(importlib.import_module(f"sklearn.{module}"), name)(**options)
        return estimator.fit(x) if target is None else estimator.fit(x, target)

    return sklearn(build, *inputs)


def torch() -> Any:
    """PyTorch, imported when a model is built or run."""
    import torch

    return torch
