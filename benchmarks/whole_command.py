"""The whole ``convert`` command against a script written by hand, in wall time. ``python benchmarks/whole_command.py``.

The script exports, runs onnx.checker and ONNX Runtime, and compares one input; the command also proves every symbolic dimension
at three sizes, several seeds and distributions.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import models
from measuring import finish, interleave, ratio, seconds

_HERE = Path(__file__).parent
_ROUNDS = 5


def run(*words: str | Path) -> float:
    """Return the wall seconds of a process."""
    environment = {**os.environ, "PYTHONPATH": str(_HERE), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return seconds(
        lambda: subprocess.run([str(w) for w in words], check=True, capture_output=True, env=environment, cwd=_HERE)
    )


def write_models(folder: Path) -> dict[str, tuple[Path, list[str]]]:
    """Save the three models; return each file with the options of its command."""
    import joblib
    import torch

    weights, cnn, forest = folder / "resnet50.pth", folder / "cnn.keras", folder / "forest.joblib"
    torch.save(models.resnet50().state_dict(), weights)
    models.keras_cnn().save(cnn)
    joblib.dump(models.forest(), forest)
    return {
        "pytorch_resnet50": (weights, ["--model", "models:resnet50", "--input", "x:float32[N,3,224,224]"]),
        "keras_cnn": (cnn, []),
        "sklearn_forest": (forest, ["--trust"]),
    }


def main() -> None:
    """Measure all three in turns."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model, (source, options) in write_models(folder).items():
            target = folder / "out.onnx"
            calls = {
                "modelport": lambda s=source, o=options, t=target: run("convert", s, "-o", t, *o),
                "by hand": lambda s=source, m=model, t=target: run(sys.executable, _HERE / "by_hand" / f"{m}.py", s, t),
            }
            for call in calls.values():
                call()
            times = interleave(calls, _ROUNDS)
            medians = {f"{side} s": statistics.median(values) for side, values in times.items()}
            rows.append({"model": model, **medians, "ratio": ratio(times, "modelport", "by hand")})
    finish("whole_command", rows)


if __name__ == "__main__":
    main()
