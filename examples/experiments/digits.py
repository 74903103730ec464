"""A small CNN trained on scikit-learn's handwritten digits, quantised in every mode; accuracy on held-out images."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import modelport
from common import Array
from digits_pytorch import DigitsCNN, train
from experiments.records import Claim, Plan, conclusions, table
from modelport.errors import ModelportError
from modelport.session import open_session
from modelport.workbench.bench import bench
from modelport.workbench.quantize import MODES, quantize
from modelport.workbench.timing import Ratio

INPUT = "image:float32[N,1,8,8]"
CALIBRATION, BATCH = 500, 64


class Row(msgspec.Struct, frozen=True):
    """One model.

    Attributes:
        model: "PyTorch", "ONNX", or the mode of quantisation.
        accuracy: the part of the held-out images that it names right.
        changed: how many of its answers are other than the ONNX model's.
        size_bytes: of the file.
        time: over that of the ONNX model, with a batch of `BATCH`.
        engine: what ran it, where that is not ONNX Runtime.
        refused: why there is no such model; the rest is zero then.
    """

    model: str
    accuracy: float = 0.0
    changed: int = 0
    size_bytes: int | None = None
    time: Ratio | None = None
    engine: str = ""
    refused: str = ""


class Result(msgspec.Struct, frozen=True):
    """All models.

    Attributes:
        images: how many were held out.
        difference: the largest difference of any probability between PyTorch and ONNX Runtime.
    """

    images: int
    difference: float
    rows: list[Row]


def measure(out: Path, plan: Plan) -> Result:
    """Train, convert, quantise in every mode, and count right answers on images that nothing else has seen."""
    torch.manual_seed(0)
    digits = load_digits()
    images = digits.images[:, np.newaxis].astype("float32") / 16  # pixels are 0 to 16
    rows, test_rows, labels, truth = train_test_split(
        images, digits.target, test_size=0.3, random_state=0, stratify=digits.target
    )
    model = DigitsCNN()
    train(model, torch.from_numpy(rows), torch.from_numpy(labels))
    model.eval()

    plain = _file(out, "")
    modelport.convert(model, output=plain, inputs=[INPUT], proof_seconds=0)
    with torch.no_grad():
        before = model(torch.from_numpy(test_rows)).numpy()
    after, _ = _answers(plain, test_rows)
    best = after.argmax(1)

    def row(name: str, scores: Array, **more: object) -> Row:
        found = scores.argmax(1)
        return Row(name, float(np.mean(found == truth)), int(np.sum(found != best)), **more)

    calibration = {"image": rows[:CALIBRATION], "labels": labels[:CALIBRATION]}
    found = [row("PyTorch", before), row("ONNX", after, size_bytes=plain.stat().st_size)]
    found += [_quantised(mode, plain, calibration, test_rows, row) for mode in MODES]
    times = _times(out, model, [each.model for each in found[2:] if each.size_bytes and not each.engine], plan)
    found = [msgspec.structs.replace(each, time=times.get(each.model)) for each in found]
    return Result(len(truth), float(np.abs(_softmax(before) - _softmax(after)).max()), found)


def _quantised(mode: str, plain: Path, calibration: dict[str, Array], test_rows: Array, row: Callable[..., Row]) -> Row:
    """Quantise in one mode; a mode that cannot be had is said so, and the others go on."""
    target = _file(plain.parent, mode)
    try:
        report = quantize(plain, target, mode=mode, samples=calibration, proof_seconds=0, timing_seconds=0).report
    except ModelportError as error:
        return Row(mode, refused=f"{type(error).__name__}: {error.what}")
    scores, engine = _answers(target, test_rows)
    return row(mode, scores, size_bytes=report.size_bytes, engine=engine)


def _times(out: Path, model: nn.Module, modes: Sequence[str], plan: Plan) -> dict[str, Ratio | None]:
    """Time all models together."""
    files = [_file(out, mode) for mode in ("", *modes)]
    report = bench(
        *files,
        model,
        grid=[f"N={BATCH}"],
        inputs=[INPUT],
        threads=plan.threads,
        memory=False,
        seconds=3 if plan.quick else 20,
    )
    names = ("ONNX", *modes, "PyTorch")
    return {name: timing.ratio for name, timing in zip(names, report.cases[0].timings, strict=True)}


def _file(out: Path, mode: str) -> Path:
    return out / f"digits{'-' if mode else ''}{mode}.onnx"


def _answers(path: Path, images: Array) -> tuple[Array, str]:
    """Return the logits, and what computed them where ONNX Runtime has no kernels."""
    session = open_session(path, fall_back=True)
    (name,) = session.run({"image": images})
    return np.asarray(session.run({"image": images})[name], "float64"), "" if session.providers else session.engine


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits.astype("float64") - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def draw(result: Result, images: Path) -> None:
    """Draw the size of each file, with the accuracy at the end of its bar."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    sized = [row for row in result.rows if row.size_bytes]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "modelport"}):
        figure = Figure(figsize=(7, 1 + 0.4 * len(sized)), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh([row.model for row in sized], [row.size_bytes / 1e3 for row in sized], height=0.6)
        axes.bar_label(bars, [f"accuracy {row.accuracy:.4f}" for row in sized], padding=6)
        axes.invert_yaxis()
        axes.margins(x=0.3)
        axes.set_xlabel("size of the file in kB")
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(images / "tutorial_digits.svg", metadata={"Date": None})


def markdown(result: Result) -> str:
    """Return the table and the conclusions."""
    plain = next(row for row in result.rows if row.model == "ONNX")
    head = ["", "test accuracy", "points lost", "answers changed", "size, kB", "of ONNX", "time of ONNX"]
    return "\n\n".join(
        [
            table(head, [_cells(row, plain) for row in result.rows]),
            "![Size of each file, with its accuracy](img/tutorial_digits.svg)",
            conclusions(claims(result)),
        ]
    )


def claims(result: Result) -> list[Claim]:
    """Judge what the tutorials say of accuracy."""
    before, after = (row.accuracy for row in result.rows[:2])
    return [
        Claim(
            "Conversion loses no accuracy to five decimals.",
            f"{before:.5f}" == f"{after:.5f}",
            f"PyTorch {before:.5f}, ONNX Runtime {after:.5f} on {result.images} held-out images; no probability differs by "
            f"more than {result.difference:.1e}.",
        )
    ]


def _cells(row: Row, plain: Row) -> list[str]:
    if row.refused:
        return [row.model, row.refused, *[""] * 5]
    size, time = row.size_bytes, row.time
    return [
        row.model + (f" (in {row.engine})" if row.engine else ""),
        f"{row.accuracy:.5f}",
        f"{100 * (plain.accuracy - row.accuracy):.2f}",
        str(row.changed),
        f"{size / 1e3:.1f}" if size else "",
        f"{size / plain.size_bytes:.2f}x" if size and plain.size_bytes else "",
        f"{time.value:.2f}x ({time.low:.2f} to {time.high:.2f})" if time else "",
    ]
