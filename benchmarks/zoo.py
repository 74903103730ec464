"""Ten models as PyTorch, Keras and scikit-learn export them: what `modelport optimize` is measured on. Weights are random."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

Written = tuple[Callable[[], Any], tuple[str, ...]]
"""What builds a model, and the --input it is exported with."""


class BasicBlock(nn.Module):
    """The two-convolution block of ResNet-18 (He et al. 2015)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip
        plain = stride == 1 and channels_in == channels
        projection = [nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)]
        self.skip = nn.Identity() if plain else nn.Sequential(*projection)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.skip(x))


class InvertedResidual(nn.Module):
    """MobileNetV3's block: expand, depthwise, squeeze and excite, project (Howard et al. 2019)."""

    def __init__(self, channels: int, expanded: int, out: int, stride: int) -> None:
        super().__init__()
        self.widen = nn.Sequential(nn.Conv2d(channels, expanded, 1, bias=False), nn.BatchNorm2d(expanded), nn.Hardswish(),
            nn.Conv2d(expanded, expanded, 3, stride, 1, groups=expanded, bias=False), nn.BatchNorm2d(expanded), nn.Hardswish(),
        )  # fmt: skip
        self.excite = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(expanded, expanded // 4, 1), nn.ReLU(),
            nn.Conv2d(expanded // 4, expanded, 1), nn.Hardsigmoid(),
        )  # fmt: skip
        self.project = nn.Sequential(nn.Conv2d(expanded, out, 1, bias=False), nn.BatchNorm2d(out))
        self.residual = stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = self.widen(x)
        y = self.project(wide * self.excite(wide))
        return x + y if self.residual else y


class UNet(nn.Module):
    """Two levels down and up with skip connections, explicit padding and upsampling (Ronneberger et al. 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([self._double(3, 16), self._double(16, 32)])
        self.bottom = self._double(32, 64)
        self.up = nn.ModuleList([self._double(96, 32), self._double(48, 16)])
        self.head = nn.Conv2d(16, 2, 1)

    @staticmethod
    def _double(channels: int, out: int) -> nn.Module:
        layers = [
            [nn.ZeroPad2d(1), nn.Conv2d(a, out, 3, bias=False), nn.BatchNorm2d(out), nn.ReLU()] for a in (channels, out)
        ]
        return nn.Sequential(*layers[0], *layers[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = self.bottom(x)
        for block, skip in zip(self.up, reversed(skips), strict=True):
            x = nn.functional.interpolate(x, size=skip.shape[2:], mode="nearest")
            x = block(torch.cat([x, skip], 1))
        return self.head(x)


class Tagger(nn.Module):
    """An embedding, a bidirectional LSTM of two layers and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(1000, 64)
        self.lstm = nn.LSTM(64, 96, 2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(192, 12)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.embed(tokens))[0])


class Output(nn.Module):
    """A model of transformers, reduced to one output and positional inputs."""

    def __init__(self, model: nn.Module, field: str, *inputs: str) -> None:
        super().__init__()
        self.model, self.field, self.inputs = model, field, inputs

    def forward(self, first: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        given = dict(zip(self.inputs, (first, mask), strict=False))
        return getattr(self.model(**given, return_dict=True), self.field)


class Encoder(Output):
    """BERT with token ids and an attention mask."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return super().forward(input_ids, attention_mask)


class Single(Output):
    """GPT-2 or ViT with one input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)


def resnet18() -> nn.Module:
    """Build ResNet-18."""
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    plan = (
        (64, 64, 1),
        (64, 64, 1),
        (64, 128, 2),
        (128, 128, 1),
        (128, 256, 2),
        (256, 256, 1),
        (256, 512, 2),
        (512, 512, 1),
    )
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)]
    return ready(lambda: nn.Sequential(*stem, *[BasicBlock(*row) for row in plan], *head))


def mobilenet() -> nn.Module:
    """Build a MobileNetV3 of six blocks."""
    stem = [nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish()]
    plan = ((16, 64, 24, 2), (24, 96, 24, 1), (24, 96, 40, 2), (40, 160, 40, 1), (40, 240, 80, 2), (80, 320, 80, 1))
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(80, 1000)]
    return ready(lambda: nn.Sequential(*stem, *[InvertedResidual(*row) for row in plan], *head))


def bert(layers: int = 4, hidden: int = 256, heads: int = 4) -> nn.Module:
    """Build a BERT encoder; the shape of BERT-base is (12, 768, 12)."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        num_hidden_layers=layers, hidden_size=hidden, num_attention_heads=heads, intermediate_size=4 * hidden,
        vocab_size=30522 if hidden == 768 else 2000, attn_implementation="eager",
    )  # fmt: skip
    return ready(
        lambda: Encoder(BertModel(config, add_pooling_layer=False), "last_hidden_state", "input_ids", "attention_mask")
    )


def gpt2() -> nn.Module:
    """Build a GPT-2 decoder of four layers."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(n_layer=4, n_embd=256, n_head=4, vocab_size=2000, use_cache=False, attn_implementation="eager")
    return ready(lambda: Single(GPT2LMHeadModel(config), "logits", "input_ids"))


def vit() -> nn.Module:
    """Build a vision transformer of four layers on 64 x 64 pixels."""
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        num_hidden_layers=4, hidden_size=192, num_attention_heads=3, intermediate_size=768, image_size=64, patch_size=8,
        attn_implementation="eager",
    )  # fmt: skip
    return ready(lambda: Single(ViTModel(config, add_pooling_layer=False), "last_hidden_state", "pixel_values"))


def keras_mobilenet() -> Any:
    """Build Keras's own MobileNetV2 at half width: depthwise convolutions after explicit padding, channels last."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.applications.MobileNetV2(input_shape=(96, 96, 3), alpha=0.5, weights=None, classes=100)


def keras_attention() -> Any:
    """Build a text classifier in Keras: an embedding, multi-head attention, layer normalisation, a dense head."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    tokens = keras.Input((32,), dtype="int32", name="tokens")
    x = layers.Embedding(2000, 128)(tokens)
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 32)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(128)(layers.Dense(512, activation="relu")(x)))
    return keras.Model(tokens, layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


def forest() -> Any:
    """Fit the forest of `models`."""
    import models

    return models.forest()


MODELS: dict[str, Written] = {
    "pytorch resnet18": (resnet18, ("input:float32[N,3,224,224]",)),
    "pytorch mobilenet": (mobilenet, ("input:float32[N,3,224,224]",)),
    "pytorch unet": (lambda: ready(UNet), ("x:float32[N,3,H=64,W=64]",)),
    "pytorch bert": (bert, ("input_ids:int64[N,S=32]", "attention_mask:int64[N,S=32]")),
    "pytorch gpt2": (gpt2, ("x:int64[N,S=32]",)),
    "pytorch vit": (vit, ("x:float32[N,3,64,64]",)),
    "pytorch lstm": (lambda: ready(Tagger), ("tokens:int64[N,S=32]",)),
    "keras mobilenet": (keras_mobilenet, ()),
    "keras attention": (keras_attention, ()),
    "sklearn forest": (forest, ()),
}


def write(name: str, folder: Path) -> Path:
    """Export one model through modelport, unproven: the proof is not what is measured here."""
    import modelport

    build, inputs = MODELS[name]
    path = folder / f"{name.replace(' ', '_')}.onnx"
    if not path.exists():
        model = build()
        modelport.convert(model, output=path, inputs=list(inputs), verify=False)
    return path


def ready(build: Callable[[], nn.Module]) -> nn.Module:
    """Seed, build, and give batch normalisation statistics other than zero and one."""
    torch.manual_seed(0)
    model = build()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()
