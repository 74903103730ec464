"""The tutorial's page from synthetic records, its verdicts on planted figures, and a tiny network all the way."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from modelport.errors import BadInput
from modelport.workbench.bench.records import BenchReport, Case, Settings, Timing, Variant
from modelport.workbench.optimize import Graph
from modelport.workbench.timing import Ratio

pytest.importorskip("torch")
pytest.importorskip("sklearn")

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = EXAMPLES.parent / "docs" / "tutorial.md"


@pytest.fixture
def vision(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the experiment as examples/tutorial.py does."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("experiments.vision")


def _result(vision: ModuleType, ratios: dict[int, dict[str, float]]) -> Any:
    """Plant, for each size of image, the ratios of some variants to dynamic axes; the others are 1, all of them within 1 %."""

    def timing(variant: str, ratio: float) -> Timing:
        return Timing(
            variant, 10, ratio * 1e-3, ratio * 1e-3, ratio * 1e-3, 1e3, Ratio(ratio, ratio * 0.99, ratio * 1.01)
        )

    usual = dict.fromkeys(vision.VARIANTS, 1.0) | {vision.PYTORCH: 2.0}
    cases = [
        Case(
            label="",
            sizes={"N": 1, "H": size, "W": size},
            shapes={"image": [1, 3, size, size]},
            samples=1,
            openings=10,
            timings=[timing(*item) for item in (usual | planted).items()],
        )
        for size, planted in ratios.items()
    ]
    variants = [Variant(name, "", "ONNX", "", "") for name in vision.VARIANTS]
    report = BenchReport(variants, cases, Settings(1, [], [], 3, None, None), "machine", {})
    graph = Graph(3, {"Conv": 3}, 1000)
    return vision.Result([vision.Network("ResNet-18", 1, report, graph, graph, 1e-7)])


def test_all_claims_hold_where_the_figures_say_so(vision: ModuleType) -> None:
    result = _result(vision, {32: {vision.PYTORCH: 1.5}, 64: {vision.PYTORCH: 2.5}})
    assert [claim.holds for claim in vision.claims(result)] == [True] * 4


@pytest.mark.parametrize(
    ("number", "variant", "small", "large"),
    [(0, "PYTORCH", 0.9, 2.0), (1, "PYTORCH", 2.5, 1.5), (2, "FIXED", 1.0, 1.2), (3, "OPTIMISED", 0.8, 1.0)],
)
def test_one_shape_that_says_otherwise_contradicts_its_claim(
    vision: ModuleType, number: int, variant: str, small: float, large: float
) -> None:
    planted = {32: {vision.PYTORCH: 1.5}, 64: {vision.PYTORCH: 2.5}}
    name = getattr(vision, variant)
    planted[32][name], planted[64][name] = small, large
    claims = vision.claims(_result(vision, planted))
    assert [claim.holds for claim in claims] == [at != number for at in range(4)]
    assert "**Contradicted:**" in vision.markdown(_result(vision, planted))


def test_a_difference_within_noise_is_no_difference(vision: ModuleType) -> None:
    result = _result(vision, {32: {vision.FIXED: 1.2}, 64: {}})
    timings = result.networks[0].bench.cases[0].timings
    at = vision.VARIANTS.index(vision.FIXED)
    timings[at] = Timing(vision.FIXED, 10, 1.2e-3, 1.2e-3, 1.2e-3, 1e3, Ratio(1.2, 0.9, 1.5))
    assert vision.claims(result)[2].holds


@pytest.mark.usefixtures("vision")
def test_content_goes_between_its_markers_and_nothing_else_changes() -> None:
    page = importlib.import_module("experiments.page")
    text = "before\n<!-- begin x -->old<!-- end x -->\nafter <!-- begin y --><!-- end y -->\n"
    filled = page.fill(text, "x", r"new \1")
    assert filled == "before\n<!-- begin x -->\n\nnew \\1\n\n<!-- end x -->\nafter <!-- begin y --><!-- end y -->\n"
    with pytest.raises(BadInput, match="0 places for 'z'"):
        page.fill(text, "z", "")


_TINY = """
import sys
import torch
import tutorial
from experiments import vision

class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())

    def forward(self, image):
        return self.layers(image).mean((2, 3))

vision.NETWORKS = {"Tiny": Tiny}
vision.QUICK_SHAPES = ((1, 8), (2, 8), (1, 16), (2, 16))[::3]
sys.exit(tutorial.main())
"""


def test_one_command_measures_and_writes_the_page_its_record_and_its_picture(tmp_path: Path) -> None:
    words = ["vision", "--quick", "--docs", tmp_path / "docs", "--out", tmp_path / "out"]
    command = [sys.executable, "-c", _TINY, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=EXAMPLES)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "docs/data/tutorial_vision.json").read_text())
    timings = record["result"]["networks"][0]["bench"]["cases"][0]["timings"]
    assert [each["variant"] for each in timings][::4] == ["dynamic axes", "PyTorch"]
    text = (tmp_path / "docs/tutorial.md").read_text()
    assert f"{timings[-1]['p50'] * 1e3:.3g} (" in text
    assert "`python examples/tutorial.py vision --quick`" in text
    assert "<svg" in (tmp_path / "docs/img/tutorial_tiny.svg").read_text()
    hand_written = PAGE.read_text().partition("<!-- begin vision -->")[0]
    assert text.startswith(hand_written)


def test_an_unknown_experiment_is_refused_by_name() -> None:
    command = [sys.executable, EXAMPLES / "tutorial.py", "visoin"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "there is no experiment visoin; there are vision, bert, digits, photographs" in done.stderr
