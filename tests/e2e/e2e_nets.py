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


def half_scripted_net() -> Any:
    """Build a network whose recurrent layer is exported by TorchScript at first, which has no form for its last step."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.GRU(4, 3, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sinc(self.layer(x)[0])

    torch.manual_seed(0)
    return Net()
