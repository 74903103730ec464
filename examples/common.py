"""What the examples share: calling `convert` as a user would, and comparing before with after."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

Array = NDArray[Any]

HERE = Path(__file__).resolve().parent


class ExampleFailed(Exception):
    """The converted model is worse than, or other than, the one it was made from."""


@dataclass(frozen=True)
class Result:
    """One example: a figure of the source framework and that of ONNX Runtime, on the same test data."""

    example: str
    route: str
    verdict: str
    measure: str
    before: float
    after: float


class OnnxModel:
    """A delivered file in ONNX Runtime; running it takes neither the source framework nor modelport."""

    def __init__(self, path: Path) -> None:
        self._session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.verdict = metadata["modelport.verdict"]  # the file itself says whether it was proven

    def __call__(self, inputs: Mapping[str, Array]) -> Array:
        """Return the first output."""
        return np.asarray(self._session.run(None, dict(inputs))[0])


def convert(*arguments: str | Path) -> None:
    """Print and run the command; raises CalledProcessError once the command has said what is wrong."""
    # Looked up beside this Python: another `convert` may come first on PATH, ImageMagick's for one.
    command = shutil.which("convert", path=sysconfig.get_path("scripts"))
    if command is None:
        raise FileNotFoundError("`convert` is not installed beside this Python: pip install -e '.[all]'")
    words = [os.path.relpath(each, HERE) if isinstance(each, Path) else each for each in arguments]
    print(f"$ convert {shlex.join(words)}", flush=True)
    subprocess.run([command, *words], check=True, cwd=HERE)  # here, where --model finds its modules


def same_labels(example: str, source: str, onnx: OnnxModel, truth: Array, before: Array, after: Array) -> Result:
    """Return the accuracies of a source and its ONNX file; raises ExampleFailed unless every single prediction is the same."""
    return same_predictions(example, f"{source} -> onnx", onnx.verdict, truth, before, after)


def same_predictions(example: str, route: str, verdict: str, truth: Array, before: Array, after: Array) -> Result:
    """Return both accuracies; raises ExampleFailed unless every single prediction is the same."""
    accuracy = [float(np.mean(labels == truth)) for labels in (before, after)]
    source, target = route.split(" -> ")
    print(f"accuracy on {len(truth)} held-out rows: {source} {accuracy[0]:.4f}, {target} {accuracy[1]:.4f}")
    flips = int(np.sum(before != after))
    if flips:
        raise ExampleFailed(f"{example}: {flips} of {len(truth)} predictions changed in the conversion")
    return Result(example, route, verdict, "accuracy", *accuracy)


def run(main: Callable[[Path], Result | list[Result]]) -> None:
    """Run one example by itself."""
    parser = argparse.ArgumentParser(description=sys.modules[main.__module__].__doc__)
    main(output_folder(parser))


def output_folder(parser: argparse.ArgumentParser) -> Path:
    """Read the command line and make the folder that it names."""
    parser.add_argument("--out", type=Path, default=HERE.parent / "out", help="folder for what is made (default: out/)")
    folder: Path = parser.parse_args().out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
