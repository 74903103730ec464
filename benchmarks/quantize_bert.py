"""BERT-base, random weights, quantised to dynamic int8: size and time against float32. ``python benchmarks/quantize_bert.py``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import modelport
from measuring import finish
from modelport.workbench.quantize import quantize

LARGEST_SIZE, LONGEST_TIME = 0.30, 0.75
"""What dynamic int8 may take of float32, at batch 1 and sequence 128."""

_INPUTS = ("input_ids:int64[N={n},S=128]", "attention_mask:int64[N,S]")
_SECONDS = 20.0


def main() -> None:
    """Export the encoder once and quantise it in the modes named, dynamic by default."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from zoo import bert

    rows = []
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "bert.onnx", Path(name) / "small.onnx"
        modelport.convert(bert(12, 768, 12), output=source, inputs=[each.format(n=2) for each in _INPUTS])
        for mode in sys.argv[1:] or ["dynamic"]:
            given = [each.format(n=1) for each in _INPUTS]
            report = quantize(source, target, mode=mode, inputs=given, timing_seconds=_SECONDS).report
            assert report.speed is not None
            ratio = report.speed.ratio
            size = (report.size_bytes or 0) / (report.size_before_bytes or 1)
            rows.append(
                {
                    "mode": mode, "float32 MB": (report.size_before_bytes or 0) / 1e6, "size": size,
                    "ms before": 1e3 * report.speed.before_seconds, "ms after": 1e3 * report.speed.after_seconds,
                    "time": ratio.value, "95 %": f"{ratio.low:.3f}-{ratio.high:.3f}", "error": report.errors[0].error,
                }
            )  # fmt: skip
    finish("quantize_bert", rows)
    for row in rows:
        if row["mode"] == "dynamic" and (row["size"] > LARGEST_SIZE or row["time"] > LONGEST_TIME):
            raise SystemExit(f"dynamic int8 misses {LARGEST_SIZE} of the size and {LONGEST_TIME} of the time")


if __name__ == "__main__":
    main()
