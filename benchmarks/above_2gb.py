"""A PyTorch and a Keras model above 2 GB of weights: converted, checked, proven. ``python benchmarks/above_2gb.py``."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from measuring import finish, peak_bytes

_WRITE = {
    "pytorch": "import sys, torch, models; torch.save(models.wide_2gb().state_dict(), sys.argv[1])",
    "keras": "import sys, models; models.keras_wide_2gb().save(sys.argv[1])",
}
_CONVERT = """
import json, sys
from modelport import convert
settings = dict(factory="models:wide_2gb", inputs=["x:float32[N,8192]"]) if sys.argv[1].endswith("pth") else {}
report = convert(sys.argv[1], output=sys.argv[2], **settings).report
print(json.dumps([report.verdict, report.size_bytes, len(report.proofs[0].cases), report.proofs[0].max_abs]))
"""


def main() -> None:
    """Write each model, convert it in a process of its own, and remove it."""
    rows = []
    for framework, suffix in (("pytorch", ".pth"), ("keras", ".keras")):
        with tempfile.TemporaryDirectory() as name:
            source, target = str(Path(name) / f"wide{suffix}"), str(Path(name) / "wide.onnx")
            peak_bytes(_WRITE[framework], source)
            weights = Path(source).stat().st_size
            peak, elapsed, output = peak_bytes(_CONVERT, source, target)
            verdict, size, cases, worst = json.loads(output.splitlines()[-1])
        rows.append(
            {
                "model": framework, "weights GB": weights / 1e9, "verdict": verdict, "cases": cases, "max abs": f"{worst:.2g}",
                "ONNX GB": size / 1e9, "peak x weights": peak / weights, "s": elapsed,
            }
        )  # fmt: skip
    finish("above_2gb", rows)


if __name__ == "__main__":
    main()
