"""How long ``convert --help`` takes, warm, and which heavy modules it imports (none). ``python benchmarks/startup.py``."""

from __future__ import annotations

import statistics
import subprocess
import sys

from measuring import finish, seconds

_HEAVY = ("numpy", "onnx", "onnxruntime", "torch", "tensorflow", "keras", "sklearn")
_IMPORTED = f"""
import sys
from modelport.cli import convert_main
try:
    convert_main(["--help"])
except SystemExit:
    print([name for name in {_HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


def main() -> None:
    """Time ten runs after two warm-ups."""
    times = [
        seconds(lambda: subprocess.run(["convert", "--help"], check=True, capture_output=True)) for _ in range(12)
    ][2:]
    done = subprocess.run([sys.executable, "-c", _IMPORTED], check=True, capture_output=True, text=True)
    row = {
        "command": "convert --help",
        "median s": statistics.median(times),
        "slowest s": max(times),
        "heavy modules": done.stderr.strip(),
    }
    finish("startup", [row])


if __name__ == "__main__":
    main()
