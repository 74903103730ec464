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


_WITH_A_FLIP = """
import sys, types
import common, demo, numpy as np

def main(out):
    onnx = types.SimpleNamespace(verdict="proven")
    return common.same_labels("planted", "sklearn", onnx, np.array([0, 1]), np.array([0, 0]), np.array([1, 1]))

sys.modules["planted"] = types.SimpleNamespace(__doc__="Planted.", main=main)
demo.EXAMPLES = ("planted",)
sys.exit(demo.main())
"""


def test_the_demo_exits_with_1_when_predictions_change_although_the_accuracy_does_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WITH_A_FLIP, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=EXAMPLES)
    assert done.returncode == 1, done.stderr
    assert "2 of 2 predictions changed" in done.stdout
    assert "FAILED" in done.stdout.splitlines()[-1]
