"""What a hostile PyTorch file is: how it is made, what it does when it is trusted, and the harmless module behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hostile import Nest, rewritten
from torch import nn


@dataclass(frozen=True)
class Hostile:
    """A hostile file.

    Attributes:
        make: writes it, beside what is in the nest, and returns its path.
        fires: what it does when it is trusted: "writes" the canary, "reads" the secret, "prints" the canary's name, "imports" the
            module `this`, "hangs"; "" where no effect could be shown with the installed PyTorch.
        status: that every command ends with.
    """

    make: Callable[[Path, Nest], Path]
    fires: str = "writes"
    status: int = 7


class Net(nn.Module):
    """Doubles and adds a weight: x [N, 3] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 + self.w


class Writes:
    """Pickled as a call that writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> Any:
        return open, (self.path, "w")


def renaming(hostile: Hostile, old: str, new: str) -> Hostile:
    """The same hostile archive with a member under another name, which PyTorch may find all the same."""

    def make(folder: Path, nest: Nest) -> Path:
        source = hostile.make(folder, nest)
        return rewritten(source, source.with_stem("renamed"), {}, renamed={old: new})

    return Hostile(make, hostile.fires, hostile.status)
