"""ESPCN, the efficient sub-pixel convolutional network of Shi et al., CVPR 2016 (arXiv:1609.05158)."""

import torch
from torch import nn


def convolution(inputs: int, outputs: int, size: int) -> nn.Conv2d:
    """Keep height and width; edges are repeated, as zeros would darken the border of every image."""
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, padding_mode="replicate")


class ESPCN(nn.Module):
    """Enlarge luminance [N,1,H,W] in [0,1] to [N,1,scale*H,scale*W]; all work is done at the low resolution."""

    def __init__(self, scale: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            convolution(1, 64, 5),
            nn.ReLU(),
            convolution(64, 64, 3),
            nn.ReLU(),
            convolution(64, 32, 3),
            nn.ReLU(),
            sub_pixels := convolution(32, scale**2, 3),
            nn.PixelShuffle(scale),
        )
        # The pixels made of one start equal: unequal ones leave a checkerboard (Aitken et al., arXiv:1707.02937).
        with torch.no_grad():
            sub_pixels.weight[:] = sub_pixels.weight[:1].clone()
            sub_pixels.bias.zero_()

    def forward(self, luminance: torch.Tensor) -> torch.Tensor:
        return self.layers(luminance)
