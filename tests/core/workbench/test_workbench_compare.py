"""compare(): several models on the same samples, against NumPy."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from fakes import FakeFramework, Net, graph
from PIL import Image

from modelport.errors import BadInput, InvalidOption, InvalidSignature
from modelport.workbench.compare import CompareReport, compare
from modelport.workbench.run import store
from modelport.workbench.tables import agreement_rows, sample_rows, to_csv, to_markdown

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((50, 4)).astype(np.float32)
WEIGHT = RNG.standard_normal((4, 6)).astype(np.float32)
OTHER = (WEIGHT + 0.3 * RNG.standard_normal((4, 6))).astype(np.float32)
LINEAR = "(float[N,4] x) => (float[N,6] y) { y = MatMul(x, w) }"
SOFTMAX = "(float[N,4] x) => (float[N,6] p) { y = MatMul(x, w) p = Softmax(y) }"

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, body: str, **weights: Any) -> Path:
        onnx.save(graph(body, **weights), tmp_path / name)
        return tmp_path / name

    return write


def shares(weight: np.ndarray) -> np.ndarray:
    logits = ROWS.astype(np.float64) @ weight
    found: np.ndarray = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return found


# --- classifiers ---------------------------------------------------------------------------------


def test_agreement_is_that_of_the_probabilities(save: Save) -> None:
    a, b = shares(WEIGHT), shares(OTHER)
    best_a, best_b = np.argsort(-a)[:, :3], np.argsort(-b)[:, :3]
    shared = [len(set(one) & set(two)) / 3 for one, two in zip(best_a, best_b, strict=True)]

    report = compare(save("a.onnx", LINEAR, w=WEIGHT), save("b.onnx", LINEAR, w=OTHER), samples=ROWS, top=3)

    (agreement,) = report.agreements
    assert agreement.top1 == pytest.approx(np.mean(best_a[:, 0] == best_b[:, 0]))
    assert 0 < agreement.top1 < 1
    assert agreement.topk == pytest.approx(np.mean(shared))
    assert agreement.max_difference == pytest.approx(np.abs(a - b).max(), rel=1e-4)
    assert agreement.outputs[0].max_abs == pytest.approx(np.abs(ROWS @ WEIGHT - ROWS @ OTHER).max(), rel=1e-4)
    for row in report.rows:
        at = int(row.sample)
        assert [[guess.index for guess in top] for top in row.top] == [best_a[at].tolist(), best_b[at].tolist()]
        assert row.max_difference == pytest.approx(np.abs(a - b)[at].max(), rel=1e-3, abs=1e-7)
        np.testing.assert_allclose([guess.probability for guess in row.top[1]], b[at, best_b[at]], rtol=1e-4)


def test_the_worst_samples_come_first(save: Save) -> None:
    a, b = shares(WEIGHT), shares(OTHER)
    same = a.argmax(1) == b.argmax(1)
    order = sorted(range(50), key=lambda row: (same[row], -np.abs(a - b)[row].max()))

    report = compare(save("a.onnx", LINEAR, w=WEIGHT), save("b.onnx", LINEAR, w=OTHER), samples=ROWS, top=1)

    assert [int(row.sample) for row in report.rows] == order


def test_logits_are_compared_with_probabilities_of_another_model(save: Save) -> None:
    report = compare(save("a.onnx", LINEAR, w=WEIGHT), save("b.onnx", SOFTMAX, w=WEIGHT), samples=ROWS, top=3)

    assert [(model.output, model.softmax) for model in report.models] == [("y", True), ("p", False)]
    assert report.agreements[0].top1 == report.agreements[0].topk == 1.0
    assert report.agreements[0].max_difference < 1e-6
    assert any("softmax was applied to the class scores of a.onnx" in note for note in report.notes)


def test_every_model_is_compared_with_the_first(save: Save) -> None:
    files = [
        save(f"{name}.onnx", LINEAR, w=weight) for name, weight in zip("abc", (WEIGHT, OTHER, WEIGHT), strict=True)
    ]

    report = compare(*files, samples=ROWS, top=3)

    assert [each.model for each in report.agreements] == ["b.onnx (ONNX)", "c.onnx (ONNX)"]
    assert [each.top1 == 1.0 for each in report.agreements] == [False, True]
    assert all(len(row.top) == len(row.same_top1) == 3 for row in report.rows)


def test_one_model_twice_is_told_apart_by_number(save: Save) -> None:
    path = save("a.onnx", LINEAR, w=WEIGHT)

    report = compare(path, path, samples=ROWS)

    assert [model.title for model in report.models] == [f"{path} [1]", f"{path} [2]"]
    assert report.agreements[0].max_difference == 0


def test_models_of_two_frameworks_are_compared(save: Save, fake: FakeFramework) -> None:
    net = Net(graph(LINEAR, w=WEIGHT))

    report = compare(net, save("a.onnx", SOFTMAX, w=WEIGHT), samples=ROWS, from_=("fake",), top=2)

    assert [model.framework for model in report.models] == ["fake", "onnx"]
    assert report.agreements[0].top1 == 1.0


def test_nan_on_one_side_alone_is_an_infinite_difference(save: Save) -> None:
    bad = WEIGHT.copy()
    bad[:, 2] = np.nan

    report = compare(save("a.onnx", LINEAR, w=WEIGHT), save("b.onnx", LINEAR, w=bad), samples=ROWS, top=2, softmax="no")

    assert report.agreements[0].max_difference == math.inf


# --- images --------------------------------------------------------------------------------------


def test_each_model_gets_the_images_in_its_own_layout(save: Save, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(RNG.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / f"{number}.png")
    first = save("a.onnx", "(float[N,3,8,8] x) => (float[N,3] y) { y = ReduceMean<keepdims=0>(x, a) }", a=[2, 3])
    last = save("b.onnx", "(float[1,8,8,3] image) => (float[1,3] y) { y = ReduceMean<keepdims=0>(image, a) }", a=[1, 2])
    store(last, "minus1to1")

    report = compare(first, last, samples=folder)

    assert report.count == 3
    assert report.agreements[0].max_difference < 1e-6
    assert report.preprocess == "interpolation=bilinear,range=1,mean=0.5,std=0.5"


# --- other outputs -------------------------------------------------------------------------------


def test_outputs_that_are_no_classes_are_compared_as_numbers(save: Save) -> None:
    report = compare(save("a.onnx", LINEAR, w=WEIGHT), save("b.onnx", LINEAR, w=OTHER), samples=ROWS)

    assert (report.top, report.agreements[0].top1) == (0, None)
    want = np.abs(ROWS @ WEIGHT - ROWS @ OTHER).max(1)
    np.testing.assert_allclose([row.max_difference for row in report.rows], np.sort(want)[::-1], rtol=1e-4)


def test_labels_that_flip_are_counted(save: Save) -> None:
    body = "(float[N,4] x) => (int64[N] label) { y = MatMul(x, w) label = ArgMax<axis=1, keepdims=0>(y) }"

    report = compare(save("a.onnx", body, w=WEIGHT), save("b.onnx", body, w=OTHER), samples=ROWS)

    flips = int((shares(WEIGHT).argmax(1) != shares(OTHER).argmax(1)).sum())
    assert report.agreements[0].flips == flips > 0
    assert [row.flips for row in report.rows] == [1] * flips + [0] * (50 - flips)


# --- text ----------------------------------------------------------------------------------------


def test_csv_and_markdown_hold_the_reports_numbers(save: Save) -> None:
    names = ["a", "b|c", "d", "e", "f", "g"]
    report = compare(
        save("a.onnx", LINEAR, w=WEIGHT), save("b.onnx", LINEAR, w=OTHER), samples=ROWS, top=2, labels=names
    )

    lines = list(csv.DictReader(io.StringIO(to_csv(report))))
    markdown = to_markdown(report, limit=3)

    assert len(lines) == 50
    for line, row in zip(lines, report.rows, strict=True):
        assert line["sample"] == row.sample
        assert float(line["max_difference"]) == row.max_difference
        assert line["model2_top2_label"] == names[row.top[1][1].index]
        assert float(line["model2_top2_probability"]) == row.top[1][1].probability
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(tables) == 2 + 1 + 2 + 3
    assert len({line.replace("\\|", "").count("|") for line in tables[3:]}) == 1
    assert agreement_rows(report)[1][0][1] == f"{report.agreements[0].top1:.2%}"
    assert len(sample_rows(report)[1]) == 50


def test_the_comparison_is_json(save: Save) -> None:
    report = compare(save("a.onnx", LINEAR, w=WEIGHT), save("b.onnx", LINEAR, w=OTHER), samples=ROWS, top=3)

    assert msgspec.json.decode(msgspec.json.encode(report), type=CompareReport) == report


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "weight", "options", "error", "message"),
    [
        (LINEAR, WEIGHT, {"labels": ["a"]}, InvalidOption, "1 labels, the model has 6 classes"),
        (LINEAR, WEIGHT, {"preprocess": "unit"}, BadInput, "for images"),
        (LINEAR, WEIGHT, {"output_name": "q"}, InvalidOption, "no output 'q'"),
        ("(float[N,4] x) => (float[N,5] y) { y = MatMul(x, w) }", WEIGHT[:, :5], {"top": 3}, InvalidSignature, "6 and 5"),
        ("(double[N,4] x) => (double[N,6] y) { y = MatMul(x, w) }", WEIGHT.astype(float), {}, InvalidSignature, "fit"),
        ("(float[N,4] x) => (float[N,4] y, float[N,4] z) { y = Relu(x) z = Abs(x) }", None, {}, InvalidSignature, "1 and 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(
    save: Save, body: str, weight: np.ndarray | None, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    other = save("b.onnx", body, **({} if weight is None else {"w": weight}))

    with pytest.raises(error, match=message):
        compare(save("a.onnx", LINEAR, w=WEIGHT), other, samples=ROWS, **options)


def test_one_model_is_not_enough(save: Save) -> None:
    with pytest.raises(BadInput, match="at least two"):
        compare(save("a.onnx", LINEAR, w=WEIGHT), samples=ROWS)


def test_models_that_cut_the_samples_differently_are_refused(save: Save) -> None:
    body = "(float[{n},4] x) => (float s) {{ s = ReduceSum<keepdims=0>(x) }}"

    with pytest.raises(InvalidSignature, match="do not answer sample by sample alike: 0, 0 to 4"):
        compare(save("a.onnx", body.format(n="N")), save("b.onnx", body.format(n=5)), samples=ROWS)
