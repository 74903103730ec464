"""Super-resolution: an ESPCN learns from one photograph, is converted to ONNX, and enlarges the other one threefold."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import nn

from common import Array, ExampleFailed, OnnxModel, Result, convert, run
from espcn import ESPCN

SCALE = 3
SECONDS = 60  # of training: a machine that is slow or busy takes fewer steps, never longer
LEARNING_RATE = 4e-3
PATCH, BATCH = 24, 16


def photograph(name: str) -> tuple[Image.Image, Image.Image]:
    """Return one of scikit-learn's photographs in YCbCr, and the same at a third of its height and width."""
    image = Image.fromarray(load_sample_image(name)).convert("YCbCr")
    width, height = image.width // SCALE, image.height // SCALE
    image = image.crop((0, 0, width * SCALE, height * SCALE))
    return image, image.resize((width, height), Image.Resampling.BICUBIC)


def luminance(image: Image.Image) -> Array:
    """Return the Y channel as [1,1,H,W] in [0,1]."""
    return np.asarray(image.getchannel("Y"), "float32")[np.newaxis, np.newaxis] / 255


def train(model: nn.Module, high: torch.Tensor, low: torch.Tensor) -> int:
    """Learn patches of `high` from the same patches of `low`; returns the number of steps taken."""
    optimizer = torch.optim.Adam(model.parameters())
    random = np.random.default_rng(0)
    started, step, progress = time.perf_counter(), 0, 0.0
    while progress < 1:
        # Up quickly, then down to zero: the last steps settle what the first ones found.
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * min(10 * progress, 1 - progress)
        corners = random.integers(0, [low.shape[2] - PATCH, low.shape[3] - PATCH], (BATCH, 2), endpoint=True)
        small = torch.cat([patch(low, corner, PATCH) for corner in corners])
        large = torch.cat([patch(high, corner * SCALE, PATCH * SCALE) for corner in corners])
        optimizer.zero_grad()
        nn.functional.mse_loss(model(turned(small, step)), turned(large, step)).backward()
        optimizer.step()
        step += 1
        progress = (time.perf_counter() - started) / SECONDS
    return step


def patch(image: torch.Tensor, corner: Array, size: int) -> torch.Tensor:
    top, left = corner
    return image[:, :, top : top + size, left : left + size]


def turned(images: torch.Tensor, step: int) -> torch.Tensor:
    """Turn and mirror, so that eight steps see all eight orientations."""
    return torch.rot90(images if step % 8 < 4 else images.transpose(2, 3), step % 4, (2, 3))


def enlarge(low: Image.Image, network: Callable[[Array], Array]) -> Image.Image:
    """Enlarge the Y channel by the network, Cb and Cr bicubically: eyes resolve colour less finely than brightness."""
    pixels = np.rint(network(luminance(low))[0, 0].clip(0, 1) * 255).astype("uint8")
    colours = bicubic(low)
    return Image.merge("YCbCr", (Image.fromarray(pixels), colours.getchannel("Cb"), colours.getchannel("Cr")))


def bicubic(low: Image.Image) -> Image.Image:
    return low.resize((low.width * SCALE, low.height * SCALE), Image.Resampling.BICUBIC)


def psnr(image: Image.Image, original: Image.Image) -> float:
    """Peak signal-to-noise ratio of the 8-bit luminance in dB, without a border of `SCALE` pixels, as the field reports it."""
    inner = slice(SCALE, -SCALE)
    first, second = (np.asarray(each.getchannel("Y"), "float64")[inner, inner] for each in (image, original))
    return float(10 * np.log10(255**2 / np.mean((first - second) ** 2)))


def main(out: Path) -> Result:
    torch.manual_seed(0)
    model = ESPCN(SCALE)
    steps = train(model, *(torch.from_numpy(luminance(image)) for image in photograph("china.jpg")))
    print(f"trained on patches of china.jpg for {SECONDS} s: {steps} steps")

    source, target = out / "espcn.pth", out / "espcn.onnx"
    torch.save(model.state_dict(), source)
    # A state dict has no code: --model names the class, --input the dimensions that stay open (= gives an example's size).
    factory, dimensions = f"espcn:ESPCN(scale={SCALE})", "luminance:float32[N,1,H=40,W=56]"
    convert("--from", "pytorch", source, "-o", target, "--model", factory, "--input", dimensions)

    original, low = photograph("flower.jpg")
    onnx = OnnxModel(target)
    in_onnx = enlarge(low, lambda y: onnx({"luminance": y}))
    in_pytorch = enlarge(low, lambda y: model(torch.from_numpy(y)).detach().numpy())
    bicubic(low).convert("RGB").save(out / "flower_bicubic.png")
    in_onnx.convert("RGB").save(out / "flower_espcn.png")

    baseline, before, after = (psnr(image, original) for image in (bicubic(low), in_pytorch, in_onnx))
    print(f"PSNR of flower.jpg enlarged {SCALE}x: bicubic {baseline:.2f} dB, ESPCN in ONNX Runtime {after:.2f} dB")
    if after <= baseline or abs(after - before) > 0.01:
        raise ExampleFailed(f"ESPCN: {after:.2f} dB in ONNX Runtime, {before:.2f} in PyTorch, bicubic {baseline:.2f}")
    return Result("super-resolution", "pytorch -> onnx", onnx.verdict, "PSNR in dB", before, after)


if __name__ == "__main__":
    run(main)
