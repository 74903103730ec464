"""What users name with --model."""

from __future__ import annotations

from typing import Any


def net() -> Any:
    """Build the network of the saved weights."""
    import torch

    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh())


def other_net() -> Any:
    """Build a network whose second layer has weights, and whose first one has none."""
    import torch

    return torch.nn.Sequential(torch.nn.Tanh(), torch.nn.Linear(4, 3))


def wider_net() -> Any:
    """Build a network of other shapes."""
    import torch

    return torch.nn.Sequential(torch.nn.Linear(4, 7), torch.nn.Tanh())


def broken() -> Any:
    """Fail."""
    raise RuntimeError("no weights on Mondays")


def number() -> int:
    """Return what is no module."""
    return 7
