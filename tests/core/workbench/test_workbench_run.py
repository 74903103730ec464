"""run(): models on images, tables and arrays, against NumPy on the same pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from fakes import graph, zip_map
from PIL import Image

from modelport.errors import BadInput, CheckFailed, InvalidOption, InvalidSamples, OutputNotWritable
from modelport.workbench.run import RunReport, run, store

RNG = np.random.default_rng(0)
WEIGHT = RNG.standard_normal((3, 4)).astype(np.float32)
PHOTOS = {"a.png": RNG.integers(0, 256, (9, 12, 3), np.uint8), "b.png": RNG.integers(0, 256, (8, 8, 3), np.uint8)}
POOL = "p = GlobalAveragePool(x) f = Flatten(p) y = MatMul(f, w)"
NAMES = ["cat", "dog", "cow", "fox"]


def saved(tmp_path: Path, body: str, **weights: Any) -> Path:
    path = tmp_path / "model.onnx"
    onnx.save(graph(body, **weights), path)
    return path


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    return saved(tmp_path, f"(float[N,3,8,8] x) => (float[N,4] y) {{ {POOL} }}", w=WEIGHT)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, pixels in PHOTOS.items():
        Image.fromarray(pixels).save(folder / name)
    return folder


def expected(pixels: np.ndarray, scale: float = 1 / 255, shift: float = 0.0) -> np.ndarray:
    small = np.asarray(Image.fromarray(pixels).resize((8, 8), Image.Resampling.BILINEAR), np.float64) * scale - shift
    logits = small.mean((0, 1)) @ WEIGHT
    shares: np.ndarray = np.exp(logits) / np.exp(logits).sum()
    return shares


def probabilities(report: RunReport, row: int) -> np.ndarray:
    found = np.zeros(4)
    for guess in report.results[row].top:
        found[guess.index] = guess.probability
    return found


# --- classes -------------------------------------------------------------------------------------


def test_the_best_classes_of_photographs_are_named(classifier: Path, photos: Path) -> None:
    report = run(classifier, photos, preprocess="minus1to1", labels=NAMES, top=4)

    assert [result.sample for result in report.results] == ["a.png", "b.png"]
    for row, pixels in enumerate(PHOTOS.values()):
        want = expected(pixels, 1 / 127.5, 1.0)
        np.testing.assert_allclose(probabilities(report, row), want, rtol=1e-4)
        assert [guess.label for guess in report.results[row].top] == [NAMES[at] for at in np.argsort(-want)]
    assert (report.output, report.softmax, report.framework) == ("y", True, "onnx")
    assert any("softmax" in note for note in report.notes)


def test_several_images_and_folders_are_one_set_of_samples(classifier: Path, photos: Path) -> None:
    report = run(classifier, (photos / "b.png", photos))

    assert [result.sample for result in report.results] == [str(photos / n) for n in ("b.png", "a.png", "b.png")]


def test_without_preprocessing_the_report_says_what_was_done(classifier: Path, photos: Path) -> None:
    report = run(classifier, photos / "a.png", top=4)

    np.testing.assert_allclose(probabilities(report, 0), expected(PHOTOS["a.png"]), rtol=1e-4)
    assert report.preprocess == "interpolation=bilinear,range=1"
    assert "no preprocessing was given" in report.notes[0]


def test_the_models_own_preprocessing_is_used_and_the_users_comes_first(classifier: Path, photos: Path) -> None:
    store(classifier, "minus1to1")

    own = run(classifier, photos / "a.png", top=4)
    given = run(classifier, photos / "a.png", top=4, preprocess="unit")

    np.testing.assert_allclose(probabilities(own, 0), expected(PHOTOS["a.png"], 1 / 127.5, 1.0), rtol=1e-4)
    np.testing.assert_allclose(probabilities(given, 0), expected(PHOTOS["a.png"]), rtol=1e-4)


def test_a_run_can_store_its_preprocessing_fitted_to_the_model(classifier: Path, photos: Path) -> None:
    run(classifier, photos, preprocess="imagenet", store=True)

    again = run(classifier, photos)

    assert again.preprocess is not None
    assert again.preprocess.startswith("resize=9,crop=8,")  # 256 * 8 / 224 = 9.14


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_a_fixed_batch_is_filled_up_and_cut_again(tmp_path: Path, batch: int) -> None:
    rows = RNG.standard_normal((5, 3)).astype(np.float32)
    model = saved(tmp_path, f"(float[{batch},3] x) => (float[{batch},4] y) {{ y = MatMul(x, w) }}", w=WEIGHT)

    report = run(model, rows, softmax="no", top=4)

    assert [result.sample for result in report.results] == list("01234")
    for row in range(5):
        np.testing.assert_allclose(probabilities(report, row), rows[row] @ WEIGHT, rtol=1e-4, atol=1e-6)


def test_maps_of_a_classifier_are_its_classes(tmp_path: Path) -> None:
    onnx.save(zip_map(["no", "yes"]), tmp_path / "maps.onnx")

    report = run(tmp_path / "maps.onnx", np.asarray([[0.0, np.log(3)]], np.float32))

    assert [guess.label for guess in report.results[0].top] == ["yes", "no"]
    assert report.results[0].top[0].probability == pytest.approx(0.75)


# --- other outputs -------------------------------------------------------------------------------


def test_a_table_through_a_regressor_is_summarised(tmp_path: Path) -> None:
    model = saved(tmp_path, "(float[N,3] x) => (float[N,4] y) { y = MatMul(x, w) }", w=WEIGHT)
    (tmp_path / "rows.csv").write_text("a,b,c\n1,2,3\n4,5,6\n")

    report = run(model, tmp_path / "rows.csv")

    assert report.output is None
    for result, row in zip(report.results, np.asarray([[1, 2, 3], [4, 5, 6]]), strict=True):
        want = row @ WEIGHT.astype(np.float64)
        summary = result.outputs[0]
        np.testing.assert_allclose(summary.values, want, rtol=1e-5)
        figures = (summary.minimum, summary.mean, summary.maximum)
        np.testing.assert_allclose(np.asarray(figures, float), [want.min(), want.mean(), want.max()], rtol=1e-5)


def test_outputs_without_a_batch_axis_belong_to_their_row(tmp_path: Path) -> None:
    model = saved(tmp_path, "(float[N,3] x) => (float s) { s = ReduceSum<keepdims=0>(x) }")

    report = run(model, np.asarray([[1, 2, 3], [4, 5, 6]], np.float32))

    assert [result.outputs[0].values for result in report.results] == [[6.0], [15.0]]


def test_the_report_is_json(classifier: Path, photos: Path) -> None:
    report = run(classifier, photos)

    assert msgspec.json.decode(msgspec.json.encode(report), type=RunReport) == report


# --- files ---------------------------------------------------------------------------------------


def test_outputs_are_written_as_arrays(classifier: Path, photos: Path, tmp_path: Path) -> None:
    report = run(classifier, photos, output=tmp_path / "out.npz")

    with np.load(tmp_path / "out.npz") as archive:
        shares = np.exp(archive["y"]) / np.exp(archive["y"]).sum(1, keepdims=True)
    np.testing.assert_allclose(shares, [expected(pixels) for pixels in PHOTOS.values()], rtol=1e-4)
    assert report.files == [str(tmp_path / "out.npz")]


@pytest.mark.parametrize(
    ("body", "preprocess"),
    [
        ("(float[N,3,H,W] x) => (float[N,3,H,W] y) { y = Identity(x) }", "unit"),
        ("(float[N,3,H,W] x) => (float[N,3,H,W] y) { y = Identity(x) }", "bytes"),
        ("(float[N,H,W,3] x) => (float[N,H,W,3] y) { y = Identity(x) }", "unit"),
        ("(uint8[N,H,W,3] x) => (uint8[N,H,W,3] y) { y = Identity(x) }", "bytes"),
    ],
)
def test_pictures_are_written_as_pictures(tmp_path: Path, photos: Path, body: str, preprocess: str) -> None:
    model = saved(tmp_path, body)

    report = run(model, photos, preprocess=preprocess, output=tmp_path / "out.png")

    assert [Path(file).name for file in report.files] == ["out-0.png", "out-1.png"]
    for file, pixels in zip(report.files, PHOTOS.values(), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(file)), pixels)


def test_clipped_values_are_said(tmp_path: Path, photos: Path) -> None:
    model = saved(tmp_path, "(float[N,1,H,W] x) => (float[N,1,H,W] y) { y = Sub(x, h) }", h=np.float32(0.5))

    report = run(model, photos / "b.png", output=tmp_path / "out.png")

    grey = np.asarray(Image.fromarray(PHOTOS["b.png"]).convert("L")) / 255 - 0.5
    assert f"{np.count_nonzero(grey < 0)} values outside were clipped" in report.notes[-1]
    np.testing.assert_allclose(np.asarray(Image.open(tmp_path / "out.png")), grey.clip(0) * 255, atol=0.51)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"preprocess": "imagent"}, InvalidOption, "no preprocessing named 'imagent'"),
        ({"preprocess": "resize=9x9"}, InvalidSamples, "comes out as 9x9"),
        ({"labels": NAMES[:3]}, InvalidOption, "3 labels, the model has 4 classes"),
        ({"output": "out.png"}, BadInput, "no output is a picture"),
        ({"output": "out.docx"}, InvalidOption, "cannot write outputs as '.docx'"),
        ({"output": "no/such/folder/out.npz"}, OutputNotWritable, "no such folder"),
        ({"output_name": "z"}, InvalidOption, "no output 'z'"),
        ({"store": True}, InvalidOption, "no preprocessing to store"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(
    classifier: Path, photos: Path, tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    if "output" in options:
        options = {**options, "output": tmp_path / options["output"]}

    with pytest.raises(error, match=message):
        run(classifier, photos, **options)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 5), np.float32), "2 dimensions, not 4"),
        (np.zeros((2, 3, 9, 9), np.float32), "axis 2 of the samples is 9, not 8"),
        (np.zeros((0, 3, 8, 8), np.float32), "there are no samples"),
    ],
)
def test_samples_of_the_wrong_kind_are_refused(classifier: Path, samples: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidSamples, match=message):
        run(classifier, samples)


def test_an_unreadable_image_is_named(classifier: Path, photos: Path) -> None:
    (photos / "c.jpg").write_bytes(b"\xff\xd8 no picture")

    with pytest.raises(InvalidSamples, match="cannot read the image") as caught:
        run(classifier, photos)
    assert caught.value.where == str(photos / "c.jpg")


def test_images_and_arrays_are_not_mixed(classifier: Path, photos: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 3, 8, 8)))

    with pytest.raises(InvalidSamples, match="only images can be given several at a time"):
        run(classifier, (photos, tmp_path / "x.npy"))


def test_preprocessing_is_for_images(classifier: Path) -> None:
    with pytest.raises(InvalidOption, match="for images"):
        run(classifier, np.zeros((1, 3, 8, 8), np.float32), preprocess="unit")


def test_labels_need_a_classifier(tmp_path: Path) -> None:
    model = saved(tmp_path, "(float[N,3] x) => (float[N,1] y) { y = ReduceSum<keepdims=1>(x, a) }", a=np.asarray([1]))

    with pytest.raises(BadInput, match="labels are for classifiers"):
        run(model, np.zeros((1, 3), np.float32), labels=NAMES)


def test_a_model_that_does_not_run_on_the_samples_says_so(tmp_path: Path) -> None:
    model = saved(tmp_path, "(float[N,F] x) => (float[N,4] y) { y = MatMul(x, w) }", w=WEIGHT)

    with pytest.raises(InvalidSamples, match="does not run on these samples") as caught:
        run(model, np.zeros((2, 5), np.float32))
    assert "x:float32[N,F]" in str(caught.value.remedy)
    assert "[2, 5]" in str(caught.value.where)


def test_a_model_that_does_not_open_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    broken = graph("(float[N,3] x) => (float[N,3] y) { y = Relu(x) }")
    broken.graph.node[0].op_type, broken.graph.node[0].domain = "NoSuchOp", "no.such.domain"
    broken.opset_import.add(domain="no.such.domain", version=1)
    onnx.save(broken, model)

    with pytest.raises(CheckFailed, match="ONNX Runtime refuses"):
        run(model, np.zeros((2, 3), np.float32))


def test_only_an_onnx_file_carries_its_preprocessing(photos: Path) -> None:
    proto = graph(f"(float[N,3,8,8] x) => (float[N,4] y) {{ {POOL} }}", w=WEIGHT)

    with pytest.raises(InvalidOption, match="only an ONNX file"):
        run(proto, photos, preprocess="unit", store=True)
