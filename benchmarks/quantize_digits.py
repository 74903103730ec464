"""The digits CNN quantised in every mode: accuracy on held-out digits, size, time. ``python benchmarks/quantize_digits.py``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import modelport
from measuring import finish
from modelport.session import open_session
from modelport.workbench.quantize import MODES, QuantizeReport, quantize

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from digits_pytorch import DigitsCNN, train

STATIC_POINTS = 0.5
"""How much of its accuracy static int8 may lose."""


def main() -> None:
    """Train the CNN, convert it, quantise it with training images as samples, and count right answers on the others."""
    torch.manual_seed(0)
    digits = load_digits()
    images = digits.images[:, np.newaxis].astype("float32") / 16
    rows, test_rows, labels, test_labels = train_test_split(
        images, digits.target, test_size=0.3, random_state=0, stratify=digits.target
    )
    model = DigitsCNN()
    train(model, torch.from_numpy(rows), torch.from_numpy(labels))
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "digits.onnx"
        modelport.convert(model.eval(), output=source, inputs=["image:float32[N=2,1,8,8]"])
        before = _accuracy(source, test_rows, test_labels)
        table = [{"mode": "float32", "accuracy %": before, "points": 0.0, "error": "", "size": 1.0, "time": "1"}]
        for mode in MODES:
            target = Path(name) / f"{mode}.onnx"
            report = quantize(source, target, mode=mode, samples={"image": rows, "labels": labels}).report
            after = _accuracy(target, test_rows, test_labels)
            table.append(_row(report, after, after - before))
    finish("quantize_digits", table)
    lost = next(-row["points"] for row in table if row["mode"] == "static")
    if lost > STATIC_POINTS:
        raise SystemExit(f"static int8 loses {lost:.2f} points, more than {STATIC_POINTS}")


def _row(report: QuantizeReport, accuracy: float, points: float) -> Mapping[str, Any]:
    speed = report.speed
    return {
        "mode": report.mode, "accuracy %": accuracy, "points": points, "error": f"{report.errors[0].error:.2g}",
        "size": (report.size_bytes or 0) / (report.size_before_bytes or 1),
        "time": "-" if speed is None else f"{speed.ratio.value:.2f} ({speed.ratio.low:.2f}-{speed.ratio.high:.2f})",
    }  # fmt: skip


def _accuracy(path: Path, images: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the accuracy in percent; bfloat16 runs in onnx's reference evaluator."""
    (scores,) = open_session(path, fall_back=True).run({"image": images}).values()
    return 100 * float(np.mean(np.argmax(scores, axis=1) == labels))


if __name__ == "__main__":
    main()
