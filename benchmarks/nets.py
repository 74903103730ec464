"""The models that the benchmarks of the translators measure; weights and statistics are random, from fixed seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

import models
import zoo

SEQUENCE = 128
"""Tokens in each sequence."""

Entry = tuple[Callable[[], nn.Module], tuple[str, ...], tuple[int, ...]]


class InvertedBottleneck(nn.Module):
    """The block of MobileNetV2 (Sandler et al. 2018)."""

    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.residual = stride == 1 and channels == out
        expand = [_normalised(channels, wide, 1)] if expansion != 1 else []
        self.body = nn.Sequential(
            *expand, _normalised(wide, wide, 3, stride, wide), nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        return x + y if self.residual else y


def _normalised(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU6())


def mobilenet_v2() -> nn.Module:
    """Build MobileNetV2 at full width: 3.5 million parameters, x:float32[N,3,224,224]."""
    blocks: list[nn.Module] = [_normalised(3, 32, 3, 2)]
    channels = 32
    for expansion, out, count, stride in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        for index in range(count):
            blocks.append(InvertedBottleneck(channels, out, stride if index == 0 else 1, expansion))
            channels = out
    head = [_normalised(320, 1280, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)]
    return nn.Sequential(*blocks, *head)


def efficientnet_b0() -> nn.Module:
    """Build EfficientNet-B0 from transformers: x:float32[N,3,224,224]."""
    from transformers import EfficientNetConfig, EfficientNetModel

    config = EfficientNetConfig(image_size=224, width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280)
    return zoo.Single(EfficientNetModel(config), "pooler_output", "pixel_values")


def vit_small() -> nn.Module:
    """Build a ViT of 12 layers, width 384, 6 heads, patches of 16: x:float32[N,3,224,224]."""
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(hidden_size=384, num_attention_heads=6, intermediate_size=1536, attn_implementation="eager")
    return zoo.Single(ViTModel(config, add_pooling_layer=False), "last_hidden_state", "pixel_values")


MODELS: dict[str, Entry] = {
    "resnet50": (models.ResNet50, ("x:float32[N,3,224,224]",), (1, 16)),
    "mobilenet_v2": (mobilenet_v2, ("input:float32[N,3,224,224]",), (1, 16)),
    "efficientnet_b0": (efficientnet_b0, ("x:float32[N,3,224,224]",), (1, 16)),
    "unet": (zoo.UNet, ("x:float32[N,3,H=256,W=256]",), (1, 4)),
    "bert_base": (
        lambda: zoo.bert(12, 768, 12), (f"input_ids:int64[N,S={SEQUENCE}]", f"attention_mask:int64[N,S={SEQUENCE}]"), (1, 8),
    ),
    "vit_small": (vit_small, ("x:float32[N,3,224,224]",), (1, 8)),
    "lstm_tagger": (zoo.Tagger, (f"tokens:int64[N,S={SEQUENCE}]",), (1, 16)),
}  # fmt: skip
"""Each model's builder, inputs and batch sizes."""


def ready(name: str) -> Any:
    """Build a model with seeded weights, in inference mode."""
    return zoo.ready(MODELS[name][0])
