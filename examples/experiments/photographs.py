"""scikit-learn's two photographs through PyTorch, ONNX, optimised and float16: the best classes side by side.

The classifier is a ResNet-18 that knows from which sixth of which photograph an excerpt is. Its convolutions keep their random
weights; the statistics of batch normalisation and the last layer are fitted to excerpts, which takes seconds.
"""

import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import msgspec
import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from sklearn.linear_model import LogisticRegression
from torch import nn

from common import HERE, Array
from experiments.nets import ResNet18, ready
from experiments.records import Claim, Plan, conclusions

PHOTOGRAPHS = ("china", "flower")
ROWS, COLUMNS = ("top", "bottom"), ("left", "centre", "right")
CLASSES = [f"{name} {row} {column}" for name in PHOTOGRAPHS for row in ROWS for column in COLUMNS]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as in `--preprocess imagenet`
EXCERPT, EXCERPTS, QUICK_EXCERPTS = 96, 40, 12  # pixels, and how many of each class
INPUT = "image:float32[N,3,H=224,W=224]"
FACTORY = f"experiments.nets:ResNet18(classes={len(CLASSES)})"


class Command(msgspec.Struct, frozen=True):
    """A command as typed, and what it printed on stdout."""

    line: str
    printed: str


class Result(msgspec.Struct, frozen=True):
    """What the commands said.

    Attributes:
        fitted: the part of the excerpts that the classifier names right.
        top: what `modelport run` printed.
        side_by_side: the Markdown that `modelport compare` wrote.
        difference: the largest difference of any probability between PyTorch and the ONNX file.
        same: whether ONNX, plain and optimised, lists the same classes as PyTorch for both photographs.
    """

    fitted: float
    commands: list[str]
    top: Command
    side_by_side: str
    difference: float
    same: bool


def measure(out: Path, plan: Plan) -> Result:
    """Fit, save the weights, and do the rest by commands, as a user would."""
    folder = out / "photographs"
    folder.mkdir(parents=True, exist_ok=True)
    for name in PHOTOGRAPHS:
        Image.fromarray(load_sample_image(f"{name}.jpg")).save(folder / f"{name}.png")
    names = out / "names.csv"
    names.write_text("\n".join(CLASSES) + "\n")
    model, fitted = fit(QUICK_EXCERPTS if plan.quick else EXCERPTS)
    weights, plain, optimised, half = (
        out / f"photographs{end}" for end in (".pth", ".onnx", "-optimized.onnx", "-float16.onnx")
    )
    torch.save(model.state_dict(), weights)

    built = ["--model", FACTORY, "--input", INPUT]
    seen = ["--preprocess", "imagenet", "--labels", names, "--top", "3"]
    untimed = ["--timing-seconds", "0", *(["--proof-seconds", "0"] if plan.quick else [])]
    tables = out / "side_by_side.md"
    commands = [
        command(out, "convert", weights, "-o", plain, *built, *untimed[2:], "-q"),
        command(out, "optimize", plain, "-o", optimised, *untimed, "-q"),
        command(out, "quantize", plain, "-o", half, "--mode", "float16", "--samples", folder, *untimed, "-q"),
        top := command(out, "run", plain, *(folder / f"{name}.png" for name in PHOTOGRAPHS), *seen),
        compared := command(
            out,
            "compare",
            weights,
            plain,
            optimised,
            half,
            "--samples",
            folder,
            *seen,
            *built,
            "--markdown",
            tables,
            "--json",
        ),
    ]
    report = msgspec.json.decode(compared.printed)
    return Result(
        fitted,
        [each.line for each in commands],
        top,
        tables.read_text(),
        report["agreements"][0]["max_difference"],
        all(agreement["topk"] == 1 for agreement in report["agreements"][:2]),
    )


def fit(count: int) -> tuple[nn.Module, float]:
    """Fit the classifier to `count` excerpts of each class; returns it, and how much of them it names right."""
    excerpts, labels = _excerpts(count)
    model = ready(ResNet18, classes=len(CLASSES))
    _settle(model, excerpts)
    with torch.no_grad():
        features = torch.cat([model.features(batch) for batch in excerpts.split(32)]).numpy()
    # Features of any scale: the regression sees them standardised, and the layer undoes that.
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    regression = LogisticRegression(C=0.01, max_iter=500).fit((features - mean) / deviation, labels)
    weight = regression.coef_ / deviation
    with torch.no_grad():
        model.head.weight.copy_(torch.from_numpy(weight))
        model.head.bias.copy_(torch.from_numpy(regression.intercept_ - weight @ mean))
    return model, float(regression.score((features - mean) / deviation, labels))


def _excerpts(count: int) -> tuple[torch.Tensor, Array]:
    """Cut excerpts at random places, half to all of a sixth large: [n,3,EXCERPT,EXCERPT], and the class of each."""
    random = np.random.default_rng(0)
    found, labels = [], []
    for label in range(len(CLASSES)):
        number, place = divmod(label, len(ROWS) * len(COLUMNS))
        row, column = divmod(place, len(COLUMNS))
        image = Image.fromarray(load_sample_image(f"{PHOTOGRAPHS[number]}.jpg"))
        height, width = image.height // len(ROWS), image.width // len(COLUMNS)
        for _ in range(count):
            side = int(min(height, width) * random.uniform(0.5, 1))
            top = row * height + random.integers(0, height - side, endpoint=True)
            left = column * width + random.integers(0, width - side, endpoint=True)
            excerpt = image.crop((left, top, left + side, top + side)).resize((EXCERPT, EXCERPT))
            found.append((np.asarray(excerpt, "float32") / 255 - MEAN) / DEVIATION)
            labels.append(label)
    return torch.from_numpy(np.stack(found).transpose(0, 3, 1, 2).astype("float32")), np.array(labels)


def _settle(model: nn.Module, images: torch.Tensor) -> None:
    """Give batch normalisation the statistics of these images, so that random convolutions pass on what they see."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean over the batches
    model.train()
    with torch.no_grad():
        for batch in images[torch.randperm(len(images))].split(64):
            model(batch)
    model.eval()


def command(folder: Path, *words: str | Path) -> Command:
    """Print and run `modelport …` in a folder; raises CalledProcessError once the command has said what is wrong."""
    program = shutil.which("modelport", path=sysconfig.get_path("scripts"))
    if program is None:
        raise FileNotFoundError("`modelport` is not installed beside this Python: pip install -e '.[benchmarks]'")
    given = [os.path.relpath(each, folder) if isinstance(each, Path) else each for each in words]
    line = f"modelport {shlex.join(given)}"
    print(f"$ {line}", flush=True)
    environment = os.environ | {"PYTHONPATH": str(HERE)}  # where --model finds its modules
    done = subprocess.run([program, *given], check=True, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    return Command(line, done.stdout)


def draw(result: Result, images: Path) -> None:
    """Draw nothing: the tables say it."""


def markdown(result: Result) -> str:
    """Return the commands, what they said, and the conclusion."""
    return "\n\n".join(
        [
            f"It names {result.fitted:.0%} of the excerpts right that it was fitted to. "
            "In `out/tutorial`, with PYTHONPATH naming `examples`:",
            "```\n" + "\n".join(f"$ {line}" for line in result.commands) + "\n```",
            "`modelport run` printed:",
            f"```\n{result.top.printed.rstrip()}\n```",
            "`modelport compare --markdown` wrote:",
            result.side_by_side.strip(),
            conclusions(claims(result)),
        ]
    )


def claims(result: Result) -> list[Claim]:
    """Judge what the tutorials show of their sixteen photographs."""
    same = "lists the same three classes in all three" if result.same else "lists other classes somewhere"
    return [
        Claim(
            "PyTorch, ONNX and simplified ONNX give the same top-3.",
            result.same,
            f"`modelport compare` {same}; no probability of the ONNX file differs from PyTorch's by more than "
            f"{result.difference:.1e}.",
        )
    ]
