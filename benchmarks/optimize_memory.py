"""Peak memory of ``modelport optimize`` on a model of 3 GB. ``python benchmarks/optimize_memory.py [LEVEL ...]``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from measuring import finish, peak_bytes

_WRITE = """
import sys
from pathlib import Path
import numpy as np, onnx_ir as ir
from onnx_ir import serde
width, layers = 8192, 11
rng = np.random.default_rng(0)
x = ir.Value(name="x", shape=ir.Shape(["N", width]), type=ir.TensorType(ir.DataType.FLOAT))
nodes, weights, value = [], [], x
for i in range(layers):
    array = rng.standard_normal((width, width), np.float32) / width**0.5
    weight = ir.Value(name=f"w{i}", const_value=ir.tensor(array, name=f"w{i}"), shape=ir.Shape(array.shape),
                      type=ir.TensorType(ir.DataType.FLOAT))
    weights.append(weight)
    for op, operands in (("MatMul", lambda: [value, weight]), ("Identity", lambda: [value]), ("Tanh", lambda: [value])):
        nodes.append(ir.node(op, operands(), name=f"{op}{i}"))
        value = nodes[-1].outputs[0]
        value.name = f"{op}{i}"
value.shape, value.type = ir.Shape(["N", width]), ir.TensorType(ir.DataType.FLOAT)
graph = ir.Graph([x], [value], nodes=nodes, initializers=weights, opset_imports={"": 20}, name="wide")
path = Path(sys.argv[1])
ir.save(ir.Model(graph, ir_version=10), path, external_data=path.name + ".data")
"""
_OPTIMIZE = """
import json, sys
from modelport.workbench.optimize import optimize
report = optimize(sys.argv[1], sys.argv[2], level=sys.argv[3], proof_seconds=5)
print(json.dumps([report.verdict, report.before.nodes, report.after.nodes, report.after.size_bytes, report.speed.ratio.value]))
"""


def main() -> None:
    """Write the model, then optimise it in a process of its own at each level that applies to it."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "wide.onnx", Path(name) / "optimized.onnx"
        peak_bytes(_WRITE, str(source))
        weights = Path(f"{source}.data").stat().st_size
        for level in sys.argv[1:] or ("portable", "ort"):
            peak, elapsed, output = peak_bytes(_OPTIMIZE, str(source), str(target), level)
            verdict, before, after, size, ratio = json.loads(output.splitlines()[-1])
            rows.append(
                {
                    "level": level, "weights GB": weights / 1e9, "verdict": verdict, "nodes before": before, "nodes after": after,
                    "result GB": size / 1e9, "ratio": ratio, "peak x weights": peak / weights, "s": elapsed,
                }
            )  # fmt: skip
    finish("optimize_memory", rows)


if __name__ == "__main__":
    main()
