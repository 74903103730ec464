"""The quick examples run as a user runs them; `tox run -e demo` runs all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("example", "target"), [("iris_forest", "iris.onnx"), ("support_tickets", "support_tickets.onnx")]
)
def test_an_example_converts_a_scikit_learn_model_and_keeps_every_prediction(
    example: str, target: str, tmp_path: Path
) -> None:
    pytest.importorskip("skl2onnx")
    command = [sys.executable, EXAMPLES / f"{example}.py", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "\nproven " in done.stderr
    assert (tmp_path / target).exists()


def test_the_demo_says_which_example_failed_and_exits_with_1(tmp_path: Path) -> None:
    program = (
        "import demo, sys, types\n"
        "def main(out): raise RuntimeError('planted')\n"
        "sys.modules['broken'] = types.SimpleNamespace(__doc__='Broken.', main=main)\n"
        "demo.EXAMPLES = ('broken',)\n"
        "sys.exit(demo.main())\n"
    )
    command = [sys.executable, "-c", program, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=EXAMPLES)
    assert done.returncode == 1, done.stderr
    assert "planted" in done.stdout
    assert "FAILED" in done.stdout.splitlines()[-1]
