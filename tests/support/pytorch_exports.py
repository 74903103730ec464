"""Models as people export them: what PyTorch writes for each must load without trust."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Case:
    """A model with an example of its inputs, and the ways in which PyTorch can export it."""

    build: Callable[[], nn.Module]
    inputs: tuple[torch.Tensor, ...]
    ways: tuple[str, ...] = ("script", "trace", "export", "dynamic")


def rand(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def ids(*shape: int, below: int = 11) -> torch.Tensor:
    return torch.randint(below, shape, generator=torch.Generator().manual_seed(0))


class Cnn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding="same", padding_mode="reflect"),
            nn.BatchNorm2d(8),
            nn.GELU(approximate="tanh"),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, groups=8),
            nn.GroupNorm(2, 8),
            nn.SiLU(),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            nn.ConvTranspose2d(8, 4, 2, stride=2),
            nn.InstanceNorm2d(4, affine=True),
            nn.AdaptiveAvgPool2d(2),
        )
        self.head = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.log_softmax(self.head(self.body(x).flatten(1)), dim=-1)


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 4, padding_idx=0)
        self.recurrent = kind(4, 6, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(12, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.recurrent(self.embedding(tokens))[0].mean(1))


class Branches(nn.Module):
    """Control flow, dictionaries, texts, errors and methods of its own, as scripted models have them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(3)])
        self.parts = nn.ModuleDict({"first-part": nn.Tanh(), "set": nn.ReLU()})
        self.seed = 7
        self.register_buffer("steps", torch.arange(4))

    def save(self, x: torch.Tensor, how: str) -> torch.Tensor:
        """A method that is called like an operator which writes files."""
        names = {"double": 2, "triple": 3}
        if how not in names:
            raise ValueError(f"no {how.upper()} among {len(names)}")
        return x * names[how] + self.seed

    def forward(self, x: torch.Tensor, factor: float = 0.5) -> torch.Tensor:
        kept: list[torch.Tensor] = []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if x.sum() > 0 and index % 2 == 0:
                kept.append(x)
            else:
                kept.append(-x)
        for part in self.parts.values():
            x = part(x)
        count = 0
        while count < 3:
            count += 1
            if count == 2:
                break
        assert x.dim() == 2, "two dimensions"
        return self.save(torch.stack(kept).mean(0) * factor, "double") + x + int(self.steps[count])


class Pair(NamedTuple):
    mean: torch.Tensor
    spread: torch.Tensor


class Returns(nn.Module):
    def forward(self, x: torch.Tensor) -> Pair:
        return Pair(x.mean(1), x.std(1))


class Maps(nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"sum": x.sum(1), "log its": x.abs().add(1.0).log()}


class Functions(nn.Module):
    """A zoo of torch.nn.functional and of tensors' methods."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.einsum("bi,bj->bij", x, x)
        y = functional.pad(y, [1, 1], mode="constant", value=0.5) + torch.linalg.norm(y, dim=-1, keepdim=True)
        y = torch.where(y > 0, functional.elu(y), functional.hardswish(y)).clamp(-3, 3)
        z = torch.cat([x.softmax(-1), x.cumsum(1), x.topk(2, dim=1)[0], x.sort(1)[0]], dim=1)
        z = functional.interpolate(z.unsqueeze(1), size=[7], mode="linear") + functional.one_hot(
            z.argmax(1) % 7, 7
        ).unsqueeze(1)
        z = functional.avg_pool1d(z, 2) * torch.triu(torch.ones(6, 6)).sum() + functional.cosine_similarity(x, x).view(
            -1, 1, 1
        )
        return functional.layer_norm(y.sum([1, 2]).unsqueeze(1) + z.flatten(1), [3]).round().to(torch.float32)


class Long(nn.Module):
    """So many operations in a row that PyTorch breaks the expression up."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for step in range(200):
            x = torch.tanh(x + 0.01 * step)
        return x


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = torch.triu(torch.ones(x.shape[1], x.shape[1], dtype=torch.bool), diagonal=1)
        y = self.attention(x, x, x, attn_mask=mask, need_weights=False)[0]
        return functional.scaled_dot_product_attention(y, x, x, is_causal=True)


class Spectral(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spectrum = torch.stft(x, n_fft=8, window=torch.hann_window(8), return_complex=True)
        return spectrum.abs().pow(2).log1p() + torch.fft.rfft(x, norm="ortho").abs().mean()


class Conditional(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda y: y.sin(), lambda y: y.cos(), (x,))


class Forks(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        later = torch.jit.fork(torch.relu, x)
        with torch.no_grad():
            y = x * 2
        return torch.jit.wait(later) + y


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def quantized() -> nn.Module:
    torch.backends.quantized.engine = "qnnpack"
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2)).eval()
    return torch.ao.quantization.quantize_dynamic(net, {nn.Linear})


ALL, TRACED = ("script", "trace", "export", "dynamic"), ("trace", "export", "dynamic")
CASES: dict[str, Case] = {
    "cnn": Case(Cnn, (rand(2, 3, 8, 8),), ALL),
    "lstm": Case(lambda: Recurrent(nn.LSTM), (ids(2, 5),), ("script", "trace", "export")),
    "gru": Case(lambda: Recurrent(nn.GRU), (ids(2, 5),), ("script", "trace", "export")),
    "rnn": Case(lambda: Recurrent(nn.RNN), (ids(2, 5),), ("script", "trace", "export")),
    "encoder": Case(encoder, (rand(2, 5, 8),), ALL),
    "transformer": Case(
        lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True), (rand(2, 5, 8), rand(2, 4, 8)), ALL[:3]
    ),
    "branches": Case(Branches, (rand(2, 3),), ("script",)),
    "named tuple": Case(Returns, (rand(2, 3),), ("script", "trace")),
    "dictionary": Case(Maps, (rand(2, 3),), ("script", "export")),
    "functions": Case(Functions, (rand(2, 3),), ("script", "trace", "export")),
    "long": Case(Long, (rand(2, 3),), ALL[:3]),
    "attention": Case(Attention, (rand(2, 5, 8),), ALL),
    "spectral": Case(Spectral, (rand(2, 32),), ALL[:3]),
    "conditional": Case(Conditional, (rand(2, 3),), ("export", "dynamic")),
    "forks": Case(Forks, (rand(2, 3),), ("script",)),
    "quantized": Case(quantized, (rand(2, 3, 4, 4),), ("script", "trace")),
    "embedding bag": Case(lambda: nn.EmbeddingBag(11, 4, mode="max"), (ids(2, 5),), ALL),
    "bilinear": Case(lambda: nn.Bilinear(3, 4, 2), (rand(2, 3), rand(2, 4)), ALL),
    "pixel shuffle": Case(lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.PixelShuffle(2)), (rand(2, 3, 4, 4),), ALL),
    "unfold": Case(lambda: nn.Sequential(nn.Unfold(2), nn.Softmin(1), nn.Softplus()), (rand(2, 3, 4, 4),), ALL),
    "conv3d": Case(
        lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.BatchNorm3d(2), nn.PReLU()), (rand(2, 1, 4, 4, 4),), ALL
    ),
}


def save(case: Case, module: nn.Module, way: str, path: Path) -> None:
    """Export a module in one of the ways: scripted, traced, as a program of fixed sizes or of dynamic ones."""
    if way in ("script", "trace"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if way == "script":
                torch.jit.script(module).save(str(path))
            else:
                torch.jit.trace(module, case.inputs, strict=False, check_trace=False).save(str(path))
        return
    sizes = tuple({0: torch.export.Dim.AUTO, x.dim() - 1: torch.export.Dim.AUTO} for x in case.inputs)
    program = torch.export.export(module, case.inputs, dynamic_shapes=sizes if way == "dynamic" else None)
    torch.export.save(program, path)
