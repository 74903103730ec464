"""ResNet-18 (He et al. 2015) and MobileNetV3-Small (Howard et al. 2019), as their papers' tables describe them."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

Activation = type[nn.Module]

_RESNET_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))

# kernel, expanded, out, squeeze and excite, activation, stride: the rows of table 2
_MOBILENET_ROWS: tuple[tuple[int, int, int, bool, Activation, int], ...] = (
    (3, 16, 16, True, nn.ReLU, 2),
    (3, 72, 24, False, nn.ReLU, 2),
    (3, 88, 24, False, nn.ReLU, 1),
    (5, 96, 40, True, nn.Hardswish, 2),
    (5, 240, 40, True, nn.Hardswish, 1),
    (5, 240, 40, True, nn.Hardswish, 1),
    (5, 120, 48, True, nn.Hardswish, 1),
    (5, 144, 48, True, nn.Hardswish, 1),
    (5, 288, 96, True, nn.Hardswish, 2),
    (5, 576, 96, True, nn.Hardswish, 1),
    (5, 576, 96, True, nn.Hardswish, 1),
)


def convolution(
    channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, act: Activation | None = nn.ReLU
) -> nn.Sequential:
    """A convolution that keeps the size (but for its stride), batch normalisation, and an activation."""
    layers = [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]
    return nn.Sequential(*layers, *([act()] if act else []))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(convolution(channels, out, 3, stride), convolution(out, out, 3, act=None))
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else convolution(channels, out, 1, stride, act=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class ResNet18(nn.Module):
    """Logits [N,classes] of images [N,3,H,W]; 11.7 million parameters with 1000 classes."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(convolution(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1))
        self.blocks = nn.Sequential(*self._blocks())
        self.head = nn.Linear(512, classes)

    @staticmethod
    def _blocks() -> Iterator[nn.Module]:
        channels = 64
        for out, stride in _RESNET_STAGES:
            yield BasicBlock(channels, out, stride)
            yield BasicBlock(out, out, 1)
            channels = out

    def features(self, image: torch.Tensor) -> torch.Tensor:
        """What the last layer sees: [N,512]."""
        return self.blocks(self.stem(image)).mean((2, 3))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(image))


class SqueezeExcite(nn.Module):
    """Weigh the channels by what a small network makes of their means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = _divisible(channels / 4)
        self.weights = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, inner, 1),
            nn.ReLU(),
            nn.Conv2d(inner, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weights(x)


class InvertedResidual(nn.Module):
    """Widen, convolve each channel by itself, weigh, project; beside a shortcut where the shapes allow it."""

    def __init__(
        self, channels: int, kernel: int, expanded: int, out: int, excite: bool, act: Activation, stride: int
    ) -> None:
        super().__init__()
        widen = [convolution(channels, expanded, 1, act=act)] if expanded != channels else []
        depthwise = convolution(expanded, expanded, kernel, stride, groups=expanded, act=act)
        weigh = [SqueezeExcite(expanded)] if excite else []
        self.body = nn.Sequential(*widen, depthwise, *weigh, convolution(expanded, out, 1, act=None))
        self.residual = stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.residual else self.body(x)


class MobileNetV3Small(nn.Module):
    """Logits [N,1000] of images [N,3,H,W]; 2.5 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = [convolution(3, 16, 3, 2, act=nn.Hardswish)]
        channels = 16
        for kernel, expanded, out, excite, act, stride in _MOBILENET_ROWS:
            blocks.append(InvertedResidual(channels, kernel, expanded, out, excite, act, stride))
            channels = out
        self.blocks = nn.Sequential(*blocks, convolution(channels, 576, 1, act=nn.Hardswish))
        self.head = nn.Sequential(nn.Linear(576, 1024), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1024, 1000))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(image).mean((2, 3)))


def ready(build: type[nn.Module], **arguments: int) -> nn.Module:
    """Build with seeded random weights, in inference mode, batch normalisation with statistics other than zero and one."""
    torch.manual_seed(0)
    model = partial(build, **arguments)()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()


def _divisible(value: float, by: int = 8) -> int:
    """Round to a multiple, never by more than a tenth downwards, as the reference implementation does."""
    rounded = max(by, int(value + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * value else rounded
