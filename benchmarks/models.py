"""The models that the benchmarks measure; weights are random, from fixed seeds."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Bottleneck(nn.Module):
    """The three-convolution block of ResNet-50 (He et al. 2015), with the stride on the 3x3 convolution."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        out = 4 * channels
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out),
        )  # fmt: skip
        plain = stride == 1 and channels_in == out
        self.skip = (
            nn.Identity()
            if plain
            else nn.Sequential(nn.Conv2d(channels_in, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.skip(x))


class ResNet50(nn.Module):
    """ResNet-50: 25.6 million parameters, input x:float32[N,3,224,224], 1000 logits."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        channels_in = 64
        for channels, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            for index in range(count):
                blocks.append(Bottleneck(channels_in, channels, stride if index == 0 else 1))
                channels_in = 4 * channels
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(2048, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Wide(nn.Module):
    """Square linear layers: a model of any number of bytes, with input x:float32[N,WIDTH]."""

    def __init__(self, width: int = 8192, layers: int = 4) -> None:
        super().__init__()
        self.layers = nn.Sequential(*[nn.Sequential(nn.Linear(width, width), nn.Tanh()) for _ in range(layers)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def resnet50() -> nn.Module:
    """Build ResNet-50 with seeded random weights, in inference mode."""
    torch.manual_seed(0)
    return ResNet50().eval()


def wide_1gb() -> nn.Module:
    """Build four layers of 8192 x 8192 float32 weights: 1.07 GB."""
    torch.manual_seed(0)
    return Wide(8192, 4).eval()


def wide_2gb() -> nn.Module:
    """Build nine layers of 8192 x 8192 float32 weights: 2.4 GB, beyond protobuf's limit of 2 GiB."""
    torch.manual_seed(0)
    return Wide(8192, 9).eval()


def keras_cnn() -> Any:
    """Build a small Keras CNN: three convolutions with batch normalisation, and two dense layers; input [N,32,32,3]."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 3), name="image"),
            *[
                layer
                for filters in (32, 64, 128)
                for layer in (
                    layers.Conv2D(filters, 3, padding="same", use_bias=False),
                    layers.BatchNormalization(),
                    layers.ReLU(),
                    layers.MaxPooling2D(),
                )
            ],
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax", name="probabilities"),
        ]
    )


def keras_wide_2gb() -> Any:
    """Build ten dense layers of 8192 x 8192 float32 weights in Keras: 2.7 GB."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8192,), name="x"),
            *[keras.layers.Dense(8192, activation="tanh", name=f"dense_{i}") for i in range(10)],
        ]
    )


def forest() -> Any:
    """Fit a forest of 100 trees on scikit-learn's digits (64 features, 10 classes)."""
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    features, labels = load_digits(return_X_y=True)
    return RandomForestClassifier(100, random_state=0).fit(features, labels)
