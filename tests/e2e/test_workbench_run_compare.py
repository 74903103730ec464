"""``modelport run`` and ``modelport compare`` as a user calls them, and stored preprocessing in convert and verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

import modelport as package
from modelport import artifact
from modelport.data.preprocessing import METADATA_KEY
from modelport.workbench.run import store

WEIGHT = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Two equal classifiers, three photographs and the names of the classes."""
    body = "(float[N,3,8,8] x) => (float[N,4] y) { p = GlobalAveragePool(x) f = Flatten(p) y = MatMul(f, w) }"
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 20]> net {body}')
    model.graph.initializer.append(onnx.numpy_helper.from_array(WEIGHT, "w"))
    for name in ("a.onnx", "b.onnx"):
        onnx.save(model, tmp_path / name)
    (tmp_path / "photos").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "names.csv").write_text("cat\ndog\ncow\nfox\n")
    return tmp_path


def test_run_prints_the_best_classes(modelport: Any, work: Path) -> None:
    outcome = modelport(
        "run", work / "a.onnx", work / "photos" / "0.png", "--preprocess", "unit", "--labels", work / "names.csv", "--top", 2
    )  # fmt: skip

    pixels = np.asarray(Image.open(work / "photos" / "0.png")) / 255
    logits = pixels.mean((0, 1)) @ WEIGHT
    best = np.argsort(-logits)[:2]
    assert outcome.status == 0, outcome.err
    for rank, index in enumerate(best):
        share = np.exp(logits[index]) / np.exp(logits).sum()
        assert f"{['cat', 'dog', 'cow', 'fox'][index]}" in outcome.out.splitlines()[rank + 1]
        assert f"{share:.4f}" in outcome.out.splitlines()[rank + 1]


def test_run_writes_json_and_arrays(modelport: Any, work: Path) -> None:
    outcome = modelport("run", work / "a.onnx", work / "photos", "--json", "-o", work / "out.npz", "-q")

    report = json.loads(outcome.out)
    assert [result["sample"] for result in report["results"]] == ["0.png", "1.png", "2.png"]
    with np.load(work / "out.npz") as archive:
        assert archive["y"].shape == (3, 4)


def test_preprocessing_is_stored_without_running(modelport: Any, work: Path) -> None:
    assert modelport("run", work / "a.onnx", "--preprocess", "minus1to1", "--store").status == 0

    outcome = modelport("run", work / "a.onnx", work / "photos", "--json")

    assert json.loads(outcome.out)["preprocess"].endswith("mean=0.5,std=0.5")


def test_compare_prints_tables_and_writes_files(modelport: Any, work: Path) -> None:
    outcome = modelport(
        "compare", work / "a.onnx", work / "b.onnx", "--samples", work / "photos", "--rows", 1,
        "--markdown", work / "out.md", "--csv", work / "out.csv",
    )  # fmt: skip

    assert outcome.status == 0, outcome.err
    assert "100.00%" in outcome.out
    assert "… and 2 more" in outcome.out
    assert (work / "out.md").read_text().count("\n| ") >= 5
    assert len((work / "out.csv").read_text().splitlines()) == 4


def test_compare_writes_a_page(modelport: Any, work: Path) -> None:
    outcome = modelport(
        "compare", work / "a.onnx", work / "b.onnx", "--samples", work / "photos", "-q", "--report", work / "page.html"
    )

    assert outcome.status == 0, outcome.err
    assert "2.png" in (work / "page.html").read_text()


def test_compare_prints_json(modelport: Any, work: Path) -> None:
    outcome = modelport("compare", work / "a.onnx", work / "b.onnx", "--samples", work / "photos", "--json")

    assert json.loads(outcome.out)["agreements"][0]["top1"] == 1.0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "a.onnx", "photos", "--preprocess", "imagent"), "did you mean 'imagenet'"),
        (("run", "a.onnx", "names.csv"), "names.csv"),
        (("run", "a.onnx", "names.json"), "no such samples file"),
        (("run", "a.onnx", "photos", "-o", "no/out.npz"), "cannot write the target"),
        (("run", "a.onnx"), "name the SAMPLES"),
        (("compare", "a.onnx", "b.onnx", "--samples", "photos", "--csv", "no/out.csv"), "cannot write the target"),
        (("compare", "a.onnx", "--samples", "photos"), "at least two models"),
        (("compare", "a.onnx", "c.onnx", "--samples", "photos"), "c.onnx"),
    ],
)
def test_bad_input_ends_with_status_2(
    modelport: Any, work: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(work)

    outcome = modelport(*words)

    assert outcome.status == 2
    assert says in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("command", ["convert", "verify"])
def test_proofs_use_the_preprocessing_that_the_model_carries(modelport: Any, command: str, work: Path) -> None:
    contradicting = "resize=4x4"  # the model takes 8 x 8, so using it shows
    artifact.set_metadata(work / "a.onnx", METADATA_KEY, contradicting)
    others = {"convert": ("-o", work / "c.onnx"), "verify": (work / "b.onnx",)}

    outcome = modelport(command, work / "a.onnx", *others[command], "--samples", work / "photos")

    assert outcome.status == 2
    assert "comes out as 4x4, the model takes 8x8" in outcome.err


def test_a_converted_model_keeps_its_preprocessing(work: Path) -> None:
    store(work / "a.onnx", "minus1to1")

    package.convert(work / "a.onnx", output=work / "c.onnx", samples=work / "photos", opset=21)

    assert "mean=0.5" in artifact.read_metadata(work / "c.onnx")[METADATA_KEY]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("run", "fill.onnx", "rows.csv"), "7"),
        (("compare", "fill.onnx", "fill.onnx", "--samples", "rows.csv"), "0.00e+00"),
    ],
)
def test_missing_values_reach_a_graph_that_fills_them(
    command: tuple[str, ...], says: str, modelport: Any, tmp_path: Path
) -> None:
    body = "(float[N,2] x) => (float[N,2] y) { gap = IsNaN(x) y = Where(gap, w, x) }"
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 20]> net {body}')
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.full(1, 7, np.float32), "w"))
    onnx.save(model, tmp_path / "fill.onnx")
    (tmp_path / "rows.csv").write_text("a,b\n1,\n,2\n")
    outcome = modelport(*(tmp_path / word if "." in word else word for word in command))
    assert outcome.status == 0, outcome.err
    assert says in outcome.out
    assert "nan" not in outcome.out
