"""A model of 3 GB through `quantize`: peak memory against the weights. ``python benchmarks/quantize_memory.py [MODE …]``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from measuring import finish, peak_bytes

_WRITE = """
import sys
import numpy as np
import onnx_ir as ir
WIDTH, LAYERS = 8192, 12
rng = np.random.default_rng(0)
def weight():
    return ir.tensor(rng.standard_normal((WIDTH, WIDTH), np.float32) / np.float32(WIDTH**0.5))
value = first = ir.Value(name="x", shape=ir.Shape(["N", WIDTH]), type=ir.TensorType(ir.DataType.FLOAT))
nodes, weights = [], []
for at in range(LAYERS):
    lazy = ir.LazyTensor(weight, dtype=ir.DataType.FLOAT, shape=ir.Shape([WIDTH, WIDTH]), name=f"w{at}")
    weights.append(ir.Value(name=f"w{at}", shape=lazy.shape, type=ir.TensorType(ir.DataType.FLOAT), const_value=lazy))
    nodes.append(ir.node("Gemm", [value, weights[-1]], {"transB": 1}))
    nodes.append(ir.node("Tanh", nodes[-1].outputs))
    value = nodes[-1].outputs[0]
value.name, value.shape, value.type = "y", ir.Shape(["N", WIDTH]), ir.TensorType(ir.DataType.FLOAT)
graph = ir.Graph([first], [value], nodes=nodes, initializers=weights, opset_imports={"": 20}, name="wide")
ir.save(ir.Model(graph, ir_version=10), sys.argv[1], external_data="wide.onnx.data")
"""
_QUANTIZE = """
import json, sys
from modelport.workbench.quantize import quantize
report = quantize(sys.argv[1], sys.argv[2], mode=sys.argv[3], timing_seconds=1, proof_seconds=1, max_error=0.5).report
print(json.dumps([report.verdict, report.size_bytes, max(output.error for output in report.errors)]))
"""


def main() -> None:
    """Write the model once, and quantise it in a process of its own for each mode."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "wide.onnx", Path(name) / "small.onnx"
        peak_bytes(_WRITE, str(source))
        weights = source.with_name("wide.onnx.data").stat().st_size
        for mode in sys.argv[1:] or ["dynamic", "float16", "int4"]:
            peak, elapsed, output = peak_bytes(_QUANTIZE, str(source), str(target), mode)
            verdict, size, error = json.loads(output.splitlines()[-1])
            rows.append(
                {
                    "mode": mode, "weights GB": weights / 1e9, "verdict": verdict, "error": f"{error:.2g}",
                    "size": size / weights, "peak x weights": peak / weights, "s": elapsed,
                }
            )  # fmt: skip
    finish("quantize_memory", rows)


if __name__ == "__main__":
    main()
