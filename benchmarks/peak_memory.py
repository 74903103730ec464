"""Peak memory of converting a 1 GB PyTorch state dict, each way in a process of its own. ``python benchmarks/peak_memory.py``.

Peak is the largest resident set (ru_maxrss), pages of mapped files included, of the whole process with its frameworks.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from measuring import finish, peak_bytes

_WRITE = "import sys, torch, models; torch.save(models.wide_1gb().state_dict(), sys.argv[1])"
_LOAD = """
import sys, torch, models
model = models.wide_1gb()
model.load_state_dict(torch.load(sys.argv[1], weights_only=True, mmap=True), assign=True)
"""
_BARE = (
    _LOAD
    + """
program = torch.onnx.export(
    model.eval(), (torch.randn(3, 8192),), dynamo=True, opset_version=20, verbose=False, input_names=["x"],
    output_names=["output"], dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
)
program.save(sys.argv[2], external_data=True)
"""
)
_OURS = """
import sys
from modelport import convert
report = convert(sys.argv[1], output=sys.argv[2], factory="models:wide_1gb", inputs=["x:float32[N,8192]"], verify=VERIFY).report
print({stage.name: round(stage.seconds, 2) for stage in report.stages})
"""


def main() -> None:
    """Measure the bare exporter, the conversion without proof, and the whole."""
    with tempfile.TemporaryDirectory() as name:
        source, target = str(Path(name) / "wide.pth"), str(Path(name) / "wide.onnx")
        peak_bytes(_WRITE, source)
        weights = Path(source).stat().st_size
        programs = {
            "loading the model": _LOAD,
            "bare torch.onnx.export": _BARE,
            "modelport, no proof": _OURS.replace("VERIFY", "False"),
            "modelport, whole": _OURS.replace("VERIFY", "True"),
        }
        rows, bare = [], 0
        for title, program in programs.items():
            peak, elapsed, _ = peak_bytes(program, source, target)
            bare = peak if title.startswith("bare") else bare
            row = {
                "what": title,
                "peak GB": peak / 1e9,
                "x weights": peak / weights,
                "x bare": peak / bare if bare else "",
                "s": elapsed,
            }
            rows.append(row)
    finish("peak_memory", rows)


if __name__ == "__main__":
    main()
