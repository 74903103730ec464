"""Whole ``convert`` commands of this tree against those of another checkout: ``python benchmarks/against_before.py OTHER``.

OTHER is a checkout of modelport (``git worktree add ../before 3096794``). Both trees convert the same files in turns, with the
proof, each command in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import finish, interleave, ratio, seconds
from whole_command import write_models

_HERE = Path(__file__).parent.resolve()
_SOURCES = ("core", "converters", "plugins")
_CONVERSIONS = {
    "ResNet-50, pytorch -> tensorflow": ("pytorch_resnet50", "saved", ["--to", "tensorflow"]),
    "CNN, keras -> onnx": ("keras_cnn", "cnn.onnx", []),
    "forest, sklearn -> onnx": ("sklearn_forest", "forest.onnx", []),
}


def command_seconds(tree: Path, source: Path, target: Path, words: list[str]) -> float:
    """Return the wall seconds of one ``convert`` command of a tree."""
    paths = [*(str(tree / root) for root in _SOURCES), str(_HERE)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "modelport", "convert", str(source), "-o", str(target), "-q", *words]
    return seconds(lambda: subprocess.run(command, check=True, capture_output=True, env=environment, cwd=_HERE))


def main() -> None:
    """Measure every conversion in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    trees = {"now": _HERE.parent, "before": given.other.resolve()}
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = write_models(folder)
        for title, (model, target, words) in _CONVERSIONS.items():
            source, options = models[model]
            calls = {
                side: lambda t=tree, s=side, source=source, target=target, words=[*options, *words]: command_seconds(
                    t, source, folder / f"{s}_{target}", words
                )
                for side, tree in trees.items()
            }
            times = interleave(calls, given.rounds)
            medians = {f"{side} s": statistics.median(values) for side, values in times.items()}
            rows.append({"conversion": title, **medians, "ratio": ratio(times, "now", "before")})
    finish("against_before", rows)


if __name__ == "__main__":
    main()
