"""The notation of preprocessing, and its place in a model's metadata."""

from __future__ import annotations

import resource
from pathlib import Path

import msgspec
import onnx
import onnx_ir as ir
import pytest
from fakes import graph

from modelport import artifact
from modelport.data.preprocessing import METADATA_KEY, NAMED, Preprocessing, parse, store, stored
from modelport.errors import InvalidOption, OutputNotWritable

MODEL = graph("(float[N,3,8,8] x) => (float[N,3,8,8] y) { y = Relu(x) }")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    onnx.save(MODEL, path)
    return path


# --- notation ------------------------------------------------------------------------------------


def test_every_key_is_read() -> None:
    text = "resize=256, crop=200x224, interpolation=bicubic, color=gray, range=255, mean=1,2.5,3, std=2, layout=nhwc"

    assert parse(text) == Preprocessing(
        resize=(256,), crop=(200, 224), interpolation="bicubic", colour="grey", range=255.0, mean=(1.0, 2.5, 3.0),
        std=(2.0,), layout="nhwc",
    )  # fmt: skip


def test_pairs_replace_those_of_a_name() -> None:
    steps = parse("ImageNet,resize=232")

    assert (steps.resize, steps.crop, steps.mean) == ((232,), (224, 224), (0.485, 0.456, 0.406))
    assert not steps.adapts
    assert parse("imagenet").adapts


@pytest.mark.parametrize("text", [*NAMED, "resize=10x20,range=1", "crop=5", "mean=0.1307,std=0.3081,layout=nhw"])
def test_what_is_written_out_reads_back_as_the_same_steps(text: str) -> None:
    steps = parse(text)

    again = parse(str(steps))

    assert again == msgspec.structs.replace(steps, adapts=False)


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("imagent", "no preprocessing named 'imagent'", "did you mean 'imagenet'"),
        ("nothing-like-it", "no preprocessing named", "known: "),
        ("resise=3", "no 'resise'", "did you mean 'resize'"),
        ("resize=3,resize=4", "given twice", "keep one"),
        ("", "empty", "known: "),
        ("imagenet,bilinear", "cannot read 'bilinear'", "KEY=VALUE"),
        ("resize=1x2x3", "cannot read resize=1x2x3", ""),
        ("crop=0", "at least 1", ""),
        ("resize=big", "cannot read resize=big", ""),
        ("layout=hwcn", "layout cannot be 'hwcn'", "nchw"),
        ("std=0", "std cannot be '0'", "above 0"),
        ("range=1,2", "range cannot be '1,2'", "one number"),
        ("mean=1,2", "mean cannot be '1,2'", "one number, or three"),
        ("mean=nan", "mean cannot be 'nan'", ""),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, message: str, remedy: str) -> None:
    with pytest.raises(InvalidOption, match=message) as caught:
        parse(text)
    assert remedy in str(caught.value.remedy)
    assert caught.value.exit_status == 2


# --- metadata ------------------------------------------------------------------------------------


def test_a_stored_preprocessing_is_read_back_and_the_model_stays_valid(model: Path) -> None:
    before = model.read_bytes()

    store(model, parse("imagenet"))

    assert model.read_bytes().startswith(before)  # appended: the weights were not written again
    assert str(stored(model, "onnx")) == str(parse("imagenet"))
    loaded = onnx.load(model)
    onnx.checker.check_model(loaded, full_check=True)
    assert loaded.graph == MODEL.graph


def test_storing_the_same_again_changes_nothing(model: Path) -> None:
    store(model, parse("unit"))
    before = model.read_bytes()

    store(model, parse("unit"))

    assert model.read_bytes() == before


def test_storing_another_replaces_the_first(model: Path) -> None:
    store(model, parse("unit"))

    store(model, parse("bytes"))

    assert [(entry.key, entry.value) for entry in onnx.load(model).metadata_props] == [
        (METADATA_KEY, "interpolation=bilinear,range=255")
    ]
    assert [path.name for path in model.parent.iterdir()] == ["model.onnx"]


def test_metadata_is_found_wherever_it_lies_in_the_file(model: Path) -> None:
    loaded = onnx.load(model)
    onnx.helper.set_model_props(loaded, {"a": "1", "é": "x" * 300})
    loaded.functions.add(name="f", domain="d")
    onnx.save(loaded, model)
    artifact.append_provenance(model, {"verdict": "proven"})

    assert artifact.read_metadata(model) == {"a": "1", "é": "x" * 300, "modelport.verdict": "proven"}


def test_it_outlives_the_next_conversion(model: Path, tmp_path: Path) -> None:
    store(model, parse("unit"))

    artifact.write_onnx(onnx.load(model), tmp_path / "again.onnx")
    artifact.write_onnx(ir.load(model), tmp_path / "third.onnx")

    for name in ("again.onnx", "third.onnx"):
        assert stored(tmp_path / name, "onnx") == stored(model, "onnx") is not None


def test_models_in_memory_carry_it_too(model: Path) -> None:
    store(model, parse("unit"))

    assert stored(onnx.load(model), "onnx") == stored(ir.load(model), "onnx") == parse("range=1")


def test_other_models_carry_none(model: Path) -> None:
    assert stored(model, "onnx") is None
    assert stored(model, "keras") is None


def test_an_entry_that_cannot_be_read_is_named(model: Path) -> None:
    artifact.set_metadata(model, METADATA_KEY, "squeeze=3")

    with pytest.raises(InvalidOption, match="'squeeze'") as caught:
        stored(model, "onnx")
    assert METADATA_KEY in str(caught.value.where)


def test_a_model_that_cannot_grow_stays_as_it_was(model: Path) -> None:
    before = model.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 5, limits[1]))  # five bytes fit, then the system refuses
    try:
        with pytest.raises(OutputNotWritable):
            store(model, parse("unit"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert model.read_bytes() == before
