"""Peak memory of converting a 1 GB ONNX file to a SavedModel, in its own process. ``python benchmarks/tensorflow_memory.py``.

Peak is the largest resident set (ru_maxrss), pages of mapped files included, of the whole process with its frameworks.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from measuring import finish, peak_bytes

_WRITE = """
import sys, models, modelport
modelport.convert(models.wide_1gb(), output=sys.argv[1], inputs=["x:float32[N,8192]"], verify=False)
"""
_OURS = """
import sys
from modelport import convert
report = convert(sys.argv[1], to="tensorflow", output=sys.argv[2], verify=VERIFY).report
print(report.verdict, {stage.name: round(stage.seconds, 2) for stage in report.stages})
"""


def main() -> None:
    """Measure the conversion without and with proof."""
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "wide.onnx", Path(name) / "saved"
        peak_bytes(_WRITE, str(source))
        weights = sum(file.stat().st_size for file in Path(name).iterdir())
        rows = []
        for title, verify in (("no proof", "False"), ("whole", "True")):
            peak, elapsed, printed = peak_bytes(_OURS.replace("VERIFY", verify), str(source), str(target))
            shutil.rmtree(target)
            print(printed.strip())
            rows.append({"what": title, "peak GB": peak / 1e9, "x weights": peak / weights, "s": elapsed})
    finish("tensorflow_memory", rows)


if __name__ == "__main__":
    main()
