"""``modelport optimize --level portable`` on ten models beside onnxslim and onnxsim. ``python benchmarks/optimize_levels.py``.

Nodes of the plain model and after each tool (branches included, constants aside), and the time of the optimised model over that
of the plain one in ONNX Runtime, with its 95 % interval.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import onnx
import onnxsim
import onnxslim

import zoo
from measuring import finish
from modelport.workbench.optimize import count, optimize

_SECONDS = 6.0


def main() -> None:
    """Export, optimise, prove and time each model; the command line may name some of them."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model in sys.argv[1:] or zoo.MODELS:
            path = zoo.write(model, folder)
            report = optimize(path, folder / "optimized.onnx", timing_seconds=_SECONDS, proof_seconds=2)
            slim = onnxslim.slim(onnx.load(path))
            sim, _ = onnxsim.simplify(onnx.load(path))
            ratio = report.speed.ratio
            rows.append(
                {
                    "model": model, "plain": report.before.nodes, "ours": report.after.nodes, "onnxslim": count(slim),
                    "onnxsim": count(sim), "verdict": report.verdict, "ratio": ratio.value, "low": ratio.low, "high": ratio.high,
                    "ms": 1e3 * report.speed.after_seconds,
                }
            )  # fmt: skip
    ratios = [row["ratio"] for row in rows]
    print(f"median ratio {statistics.median(ratios):.3f}, worst {max(ratios):.3f}")
    fewest = all(row["ours"] <= min(row["onnxslim"], row["onnxsim"]) for row in rows)
    print(f"never more nodes than onnxslim or onnxsim: {fewest}")
    finish("optimize_levels", rows)


if __name__ == "__main__":
    main()
