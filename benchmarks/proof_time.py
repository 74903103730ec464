"""The proof of each conversion of the demo against that of another checkout: ``python benchmarks/proof_time.py OTHER``.

OTHER is a checkout of modelport (``git worktree add ../before d5dca5d``). The models are those that ``tox run -e demo`` has left
in out/ (--out). A proof is the stages reference, open and prove of the ``convert`` command's own report; both trees take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import finish, interleave, ratio

_HERE = Path(__file__).parent.parent.resolve()
_EXAMPLES = _HERE / "examples"
_STAGES = ("reference", "open", "prove")
_SOURCES = ("core", "converters", "plugins")
_ESPCN = ["--model", "espcn:ESPCN(scale=3)", "--input", "luminance:float32[N,1,H=40,W=56]"]
_CONVERSIONS = {
    "iris forest, sklearn -> onnx": ("iris.skops", "iris.onnx", ["--samples", "iris.csv"]),
    "support tickets, sklearn -> onnx": ("support_tickets.skops", "tickets.onnx", []),
    "digits CNN, pytorch -> onnx": ("digits.pt2", "digits_pytorch.onnx", []),
    "digits CNN, keras -> onnx": ("digits.keras", "digits_keras.onnx", []),
    "digits CNN, pytorch -> tensorflow": ("digits.pt2", "digits_tensorflow", ["--to", "tensorflow"]),
    "digits CNN, keras -> tflite": ("digits.keras", "digits.tflite", ["--to", "tflite"]),
    "iris forest, sklearn -> tensorflow": (
        "iris.skops",
        "iris_tensorflow",
        ["--to", "tensorflow", "--samples", "iris.csv"],
    ),
    "super-resolution, pytorch -> onnx": ("espcn.pth", "espcn.onnx", _ESPCN),
}


def proof_seconds(tree: Path, models: Path, source: str, target: Path, words: list[str]) -> float:
    """Return the seconds of a conversion's proof, by its own report."""
    given = [str(models / word) if word.endswith(".csv") else word for word in words]
    command = [
        sys.executable,
        "-m",
        "modelport",
        "convert",
        str(models / source),
        "-o",
        str(target),
        "--json",
        "-q",
        *given,
    ]
    paths = [str(tree / root) for root in _SOURCES]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, str(_EXAMPLES)]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=_EXAMPLES)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    stages = json.loads(done.stdout)["stages"]
    return sum(stage["seconds"] for stage in stages if stage["name"] in _STAGES)


def main() -> None:
    """Measure every conversion in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=_HERE / "out")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for title, (source, target, words) in _CONVERSIONS.items():
            trees = {"now": _HERE, "before": given.other.resolve()}
            calls = {
                side: lambda t=tree, s=side, source=source, target=target, words=words: proof_seconds(
                    t, given.out.resolve(), source, Path(name) / f"{s}_{target}", words
                )
                for side, tree in trees.items()
            }
            times = interleave(calls, given.rounds)
            medians = {f"{side} s": statistics.median(values) for side, values in times.items()}
            rows.append({"conversion": title, **medians, "ratio": ratio(times, "now", "before")})
    rows.append(
        {"conversion": "median", "now s": "", "before s": "", "ratio": statistics.median(r["ratio"] for r in rows)}
    )
    finish("proof_time", rows)


if __name__ == "__main__":
    main()
