"""What a step of a random Keras model is, and the list of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Rng = np.random.Generator
Shape = tuple[int | None, ...]
Draw = Callable[[Rng, Shape], Callable[..., Any] | None]


@dataclass(frozen=True)
class Step:
    """A step.

    Attributes:
        draw: returns what is applied.
        ranks: of the tensors it takes, the batch not counted.
        keeps: whether it keeps the sizes of all axes but the last.
        open: whether it takes open sizes.
    """

    draw: Draw
    ranks: tuple[int, ...]
    keeps: bool
    open: bool


STEPS: list[Step] = []


def step(*ranks: int, keeps: bool = False, open: bool = True) -> Callable[[Draw], Draw]:  # noqa: A002
    def register(draw: Draw) -> Draw:
        STEPS.append(Step(draw, ranks, keeps, open))
        return draw

    return register


def static(shape: Shape) -> bool:
    return None not in shape


def pick(rng: Rng, *items: Any) -> Any:
    return items[int(rng.integers(len(items)))]


def width(rng: Rng) -> int:
    return int(rng.integers(2, 9))
