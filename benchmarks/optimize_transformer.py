"""The transformer level on the shape of BERT-base, sequence 128. ``python benchmarks/optimize_transformer.py``.

The floor is the part of the plain model's time that its matrix products take: no fusion makes those shorter.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime

import modelport
import zoo
from measuring import finish
from modelport.workbench.optimize import optimize

_SEQUENCE = 128
_RUNS = 5


def main() -> None:
    """Build the model once, optimise and time it at batch 1 and 8."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "bert.onnx"
        dims = f"int64[N,S={_SEQUENCE}]"
        modelport.convert(
            zoo.bert(12, 768, 12), output=path, inputs=[f"input_ids:{dims}", f"attention_mask:{dims}"], verify=False
        )
        for batch in (1, 8):
            given = inputs(batch)
            report = optimize(
                path,
                folder / "fused.onnx",
                level="transformer",
                samples=given,
                proof_seconds=1,
                timing_seconds=10.0 + 5 * batch,
            )
            speed = report.speed
            rows.append(
                {
                    "batch": batch, "nodes before": report.before.nodes, "nodes after": report.after.nodes,
                    "verdict": report.verdict, "ms before": 1e3 * speed.before_seconds, "ms after": 1e3 * speed.after_seconds,
                    "ratio": speed.ratio.value, "low": speed.ratio.low, "high": speed.ratio.high,
                    "floor": products(path, folder, given),
                }
            )  # fmt: skip
    finish("optimize_transformer", rows)


def inputs(batch: int) -> dict[str, np.ndarray]:
    """Draw token ids; the mask hides the last eighth."""
    mask = np.ones((batch, _SEQUENCE), np.int64)
    mask[:, -_SEQUENCE // 8 :] = 0
    return {"input_ids": np.random.default_rng(0).integers(0, 30522, mask.shape), "attention_mask": mask}


def products(path: Path, folder: Path, given: dict[str, np.ndarray]) -> float:
    """Return the part of the plain model's time spent in MatMul, from ONNX Runtime's profiler."""
    options = onnxruntime.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, str(folder / "profile")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    for _ in range(_RUNS):
        session.run(None, given)
    times: Counter[str] = Counter()
    for event in json.loads(Path(session.end_profiling()).read_text()):
        if event.get("cat") == "Node" and event["name"].endswith("kernel_time"):
            times[event["args"]["op_name"]] += event["dur"]
    return times["MatMul"] / times.total()


if __name__ == "__main__":
    main()
