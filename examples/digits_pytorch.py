"""A small CNN trained on scikit-learn's handwritten digits, from PyTorch (.pt2) to ONNX."""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from common import OnnxModel, Result, convert, run, same_labels


class DigitsCNN(nn.Module):
    """Logits [N,10] of grey images [N,1,8,8]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(64 * 4 * 4, 10),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layers(image)


def train(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int = 10) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()


def main(out: Path) -> Result:
    torch.manual_seed(0)
    digits = load_digits()
    images = digits.images[:, np.newaxis].astype("float32") / 16  # pixels are 0 to 16
    rows, test_rows, labels, test_labels = train_test_split(
        images, digits.target, test_size=0.3, random_state=0, stratify=digits.target
    )
    model = DigitsCNN()
    train(model, torch.from_numpy(rows), torch.from_numpy(labels))
    model.eval()  # a training-mode model would normalise by the batch, and drop features at random

    source, target = out / "digits.pt2", out / "digits_pytorch.onnx"
    batch = torch.export.Dim("N")
    program = torch.export.export(model, (torch.from_numpy(rows[:2]),), dynamic_shapes={"image": {0: batch}})
    torch.export.save(program, source)
    convert("--from", "pytorch", source, "-o", target)

    onnx = OnnxModel(target)
    with torch.no_grad():
        before = model(torch.from_numpy(test_rows)).argmax(dim=1).numpy()
    after = onnx({"image": test_rows}).argmax(axis=1)
    return same_labels("digits CNN", "pytorch", onnx, test_labels, before, after)


if __name__ == "__main__":
    run(main)
