"""Right but delicate PyTorch modules: masks, special values, recurrences written out, sizes that the module refuses.

Every source is the module itself in evaluation mode, and every graph the plugin's export of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from delicate_case import Delicate
from torch import nn
from torch.nn import functional

OWN = "the plugin's export of the module; "


class Function(nn.Module):
    """A function of tensors; its weights, where it has some, are registered by name."""

    def __init__(self, function: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.register_buffer(name, part) if isinstance(part, torch.Tensor) else setattr(self, name, part)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


class Of(nn.Module):
    """A function of two inputs."""

    def __init__(self, function: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> Any:
        return self.function(self, a, b)


def case(name: str, kind: str, why: str, make: Callable[[], nn.Module], *inputs: str) -> Delicate:
    def seeded() -> nn.Module:
        torch.manual_seed(7)
        return make().eval()

    return Delicate(name, kind, seeded, OWN + why, "pytorch", inputs=inputs)


def function(
    name: str, kind: str, why: str, compute: Callable[..., Any], *inputs: str, **parts: Callable[[], Any]
) -> Delicate:
    """A module around a function; its parts are made anew for each."""
    return case(name, kind, why, lambda: Function(compute, **{key: part() for key, part in parts.items()}), *inputs)


# --- masks and special values --------------------------------------------------------------------


def extremes(_: Any, x: torch.Tensor) -> Any:
    return (
        functional.softplus(x),
        functional.mish(x),
        functional.hardswish(x),
        functional.gelu(x),
        functional.silu(x),
        functional.logsigmoid(x),
        functional.celu(x),
        functional.selu(x),
        functional.relu6(x),
        functional.gelu(x, approximate="tanh"),
    )


def undefined(_: Any, x: torch.Tensor) -> Any:
    return (
        torch.asin(x),
        torch.sqrt(x),
        torch.log(x),
        torch.pow(x, 0.3),
        torch.acosh(x),
        1 / x,
        torch.rsqrt(x),
        torch.log1p(x),
        torch.atanh(x),
    )


def specials(_: Any, x: torch.Tensor) -> Any:
    return torch.erf(x), torch.expm1(x), torch.sigmoid(1000 * x), torch.logit(x, eps=1e-6), torch.nan_to_num(1 / x)


def masked_softmax(_: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.softmax(x.masked_fill(x < 0, float("-inf")), -1)


def causal(_: Any, x: torch.Tensor) -> torch.Tensor:
    return functional.scaled_dot_product_attention(x, x, x, is_causal=True)


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return Of(
        lambda self, a, b: self.encoder(a, src_key_padding_mask=b > 0),
        encoder=nn.TransformerEncoder(layer, 1, enable_nested_tensor=False),
    )


SAME = "IEEE 754 gives the same special value on both sides"
SPECIAL = [
    function(
        "activations at the extremes",
        "specials",
        "beyond the range of exp every activation is at its limit",
        extremes,
        "x:float32[N,6]",
    ),
    function("functions outside their domains", "specials", SAME, undefined, "x:float32[N,6]"),
    function("error functions, logits, numbers in place of NaN", "specials", SAME, specials, "x:float32[N,6]"),
    function(
        "softmax of rows masked wholly",
        "specials",
        "a row of -inf is NaN on both sides",
        masked_softmax,
        "x:float32[N,6]",
    ),
    function(
        "attention that sees the past alone", "sums", "the same products in another order", causal, "x:float32[N,2,5,4]"
    ),
    case(
        "a transformer encoder with a padding mask",
        "specials",
        "where every step is padding the result is NaN, or uniform, on both sides",
        encoder,
        "a:float32[N,4,8]",
        "b:float32[N,4]",
    ),
    function(
        "clipped logits at their bounds",
        "thresholds",
        "a bound is its own clip",
        lambda _, x: (x.clamp(-10, 10), torch.sign(x) * x.abs().clamp_min(1e-8)),
        "x:float32[N,6]",
    ),
    function(
        "an output of NaN beside a good one",
        "specials",
        SAME,
        lambda _, x: (x.abs(), torch.sqrt(-x.abs() - 1)),
        "x:float32[N,6]",
    ),
]

# --- normalisation and pooling -------------------------------------------------------------------

FLAT = "a constant row has zero deviation up to rounding, which epsilon divides"


def normalisations() -> nn.Module:
    return Function(
        lambda self, x: (self.layer(x), self.group(x), self.instance(x), functional.normalize(x, dim=1)),
        layer=nn.LayerNorm([5, 7]),
        group=nn.GroupNorm(2, 4),
        instance=nn.InstanceNorm2d(4),
    )


FLATTENED = [
    case("four normalizations of constant images", "degenerate", FLAT, normalisations, "x:float32[N,4,5,7]"),
    case(
        "instance normalization of single pixels",
        "degenerate",
        "one pixel has no deviation: the result is 0",
        lambda: nn.InstanceNorm2d(3, affine=True),
        "input:float32[N,3,H=4,W=4]",
    ),
    case(
        "batch normalization of a tiny variance",
        "degenerate",
        "epsilon bounds the divisor",
        lambda: Function(lambda self, x: self.norm(x), norm=tiny_variance()),
        "x:float32[N,3]",
    ),
    function(
        "a deviation of constant rows",
        "degenerate",
        FLAT,
        lambda _, x: ((x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-5), x.var(-1)),
        "x:float32[N,9]",
    ),
    case(
        "cosine similarity of zeros",
        "degenerate",
        "the norms are never taken below 1e-8",
        lambda: Of(lambda _, a, b: functional.cosine_similarity(a, b)),
        "a:float32[N,6]",
        "b:float32[N,6]",
    ),
    case(
        "a cnn with max pooling",
        "specials",
        "NaN in a maximum is the kernel's own affair",
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3)
        ),
        "input:float32[N,3,8,8]",
    ),
    function(
        "pooling to one pixel at any size",
        "shapes",
        "a mean and a maximum over all pixels",
        lambda _, x: (functional.adaptive_avg_pool2d(x, 1), functional.adaptive_max_pool2d(x, 1)),
        "x:float32[N,3,H=8,W=8]",
    ),
    function(
        "indices of a max pool over plateaus",
        "ties",
        "the first of equal values on both sides",
        lambda _, x: functional.max_pool2d(x.relu(), 2, return_indices=True),
        "x:float32[N,2,6,6]",
    ),
    function(
        "three ways to interpolate",
        "magnitudes",
        "the same weights of the same pixels",
        lambda _, x: tuple(
            functional.interpolate(x, scale_factor=2, mode=mode) for mode in ("nearest", "bilinear", "bicubic")
        ),
        "x:float32[N,2,5,7]",
    ),
    case(
        "a grid that leaves the image",
        "thresholds",
        "coordinates outside are moved to the border",
        lambda: Of(lambda _, a, b: functional.grid_sample(a, b, padding_mode="border", align_corners=False)),
        "a:float32[N,2,5,5]",
        "b:float32[N,3,3,2]",
    ),
]


def tiny_variance() -> nn.Module:
    norm = nn.BatchNorm1d(3)
    norm.running_mean.copy_(torch.tensor([0.0, 100.0, -1.0]))
    norm.running_var.copy_(torch.tensor([0.0, 1e-12, 1.0]))
    return norm


CASES = [*SPECIAL, *FLATTENED]
