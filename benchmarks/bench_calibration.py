"""Whether the intervals of `modelport bench` can be trusted: identical files A and A, how often the 95 % interval holds 1.0.

    python benchmarks/bench_calibration.py [--repetitions 20] [--seconds 2]

Aim: at least 18 of 20.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from measuring import finish
from modelport.workbench.bench import bench


def convolutions() -> onnx.ModelProto:
    """Build a small network, x:float32[N,3,32,32], of two convolutions: some 0.3 ms a call."""
    rng = np.random.default_rng(0)
    sizes = {"w1": (32, 3, 3, 3), "w2": (32, 32, 3, 3)}
    weights = [
        numpy_helper.from_array(0.1 * rng.standard_normal(size).astype(np.float32), name)
        for name, size in sizes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"], pads=[1] * 4),
        helper.make_node("GlobalAveragePool", ["c"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 32, 32])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 32, 1, 1])
    graph = helper.make_graph(nodes, "convolutions", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def repeat(repetitions: int, seconds: float) -> list[dict[str, Any]]:
    """Benchmark A against A again and again, both opened anew each time."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.onnx"
        onnx.save(convolutions(), path)
        for number in range(repetitions):
            report = bench(path, path, grid=["N=1"], seconds=seconds, memory=False)
            measured = report.cases[0].timings[1]
            ratio = measured.ratio
            assert ratio is not None
            rows.append({
                "repetition": number + 1, "rounds": measured.rounds, "ratio": ratio.value, "low": ratio.low,
                "high": ratio.high, "holds 1.0": not ratio.differs,
            })  # fmt: skip
    return rows


def main() -> None:
    """Print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    rows = repeat(arguments.repetitions, arguments.seconds)
    finish("bench_calibration", rows)
    print(f"the interval holds 1.0 in {sum(row['holds 1.0'] for row in rows)} of {len(rows)} repetitions")


if __name__ == "__main__":
    main()
