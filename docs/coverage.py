"""Write docs/coverage.md: what becomes of every ONNX operator, for each target."""

from __future__ import annotations

from pathlib import Path

from modelport_converters.onnx_graph import ledger
from modelport_converters.onnx_to_tensorflow.build import registry

PAGE = Path(__file__).with_name("coverage.md")


def page() -> str:
    """Return the text of the page."""
    return f"# Coverage of ONNX operators\n\nWritten by `python docs/coverage.py`.\n\n{ledger.table(registry())}"


if __name__ == "__main__":
    PAGE.write_text(page())
