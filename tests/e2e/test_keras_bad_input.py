"""Keras files that cannot be converted: code, unknown classes, newer versions, weights alone, operators without a form."""

from __future__ import annotations

import json
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("tensorflow")

CUSTOM = """
import keras

class Tripled(keras.layers.Layer):
    def call(self, x):
        return x * 3

def model():
    return keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3), Tripled()])
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models whole, with a class of e2e_layers.py and with code, as .keras, .h5 and folder; weights alone; a checkpoint."""
    keras = pytest.importorskip("keras")
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("keras_bad")
    (folder / "e2e_layers.py").write_text(CUSTOM)
    space: dict[str, Any] = {"__name__": "e2e_layers"}
    exec(CUSTOM, space)
    keras.utils.set_random_seed(0)
    plain = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3, activation="tanh")])
    carrying = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Lambda(lambda x: x + 1)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's advice on HDF5
        for suffix in ("keras", "h5"):
            space["model"]().save(folder / f"custom.{suffix}")
            plain.save(folder / f"plain.{suffix}")
        carrying.save(folder / "lambda.h5")
        plain.save_weights(folder / "plain.weights.h5")
        shutil.copy(folder / "plain.weights.h5", folder / "renamed.h5")
        keras.saving.save_model(plain, folder / "unzipped", zipped=False)
        tf.train.Checkpoint(plain).write(str(folder / "checkpoints" / "net.ckpt"))
        (folder / "checkpoints" / "checkpoint").write_text('model_checkpoint_path: "net.ckpt"\n')
    return folder


# --- code ----------------------------------------------------------------------------------------


def test_a_lambda_in_an_hdf5_file_is_refused_without_trust(refused: Any, files: Path) -> None:
    refused(files / "lambda.h5", status=7, says=("lambda.h5", "Lambda layer", "--trust"))


def test_a_lambda_in_an_hdf5_file_is_converted_with_trust(convert: Any, files: Path, tmp_path: Path) -> None:
    outcome = convert(files / "lambda.h5", "--trust", "--proof-seconds", "0", "-o", tmp_path / "model.onnx")

    assert outcome.status == 0, outcome.err


# --- classes that are not known ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["custom.keras", "custom.h5"])
def test_a_custom_layer_without_its_class_is_refused_with_both_ways_of_passing_it(
    name: str, refused: Any, files: Path
) -> None:
    says = ("custom class", "'Tripled'", name, "-O custom_objects=module", "--model module:factory")

    refused(files / name, status=2, says=says)


@pytest.mark.parametrize("way", [("-O", "custom_objects=e2e_layers"), ("--model", "e2e_layers:model")])
@pytest.mark.parametrize("name", ["custom.keras", "custom.h5"])
def test_both_ways_of_passing_a_class_work(
    name: str, way: tuple[str, str], convert: Any, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)

    outcome = convert(name, *way, "--proof-seconds", "0", "-o", tmp_path / "model.onnx")

    assert outcome.status == 0, outcome.err


def test_a_module_without_the_class_is_refused(
    refused: Any, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "e2e_nothing.py").write_text("nothing = 0\n")
    monkeypatch.chdir(tmp_path)

    refused(files / "custom.keras", "-O", "custom_objects=e2e_nothing", status=2, says=("'Tripled'", "custom_objects="))


# --- newer versions ------------------------------------------------------------------------------


def rewritten(source: Path, target: Path, change: Callable[[Any], None], version: str) -> None:
    """Copy an archive, with its layers changed and signed by another version of Keras."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config["config"]["layers"][1])
                content = json.dumps(config).encode()
            if name == "metadata.json":
                content = json.dumps({"keras_version": version}).encode()
            copy.writestr(name, content)


def with_an_argument(layer: Any) -> None:
    layer["config"]["warp_factor"] = 9


def with_a_class(layer: Any) -> None:
    layer["class_name"] = "WarpDense"


@pytest.mark.parametrize(("change", "says"), [(with_an_argument, "warp_factor"), (with_a_class, "WarpDense")])
def test_a_file_of_a_newer_keras_is_refused_with_both_versions(
    change: Callable[[Any], None], says: str, refused: Any, files: Path, tmp_path: Path
) -> None:
    import keras

    rewritten(files / "plain.keras", tmp_path / "newer.keras", change, "4.2.0")

    written, remedy = "written by Keras 4.2.0", "pip install 'keras>=4.2.0'"
    refused(
        tmp_path / "newer.keras",
        status=2,
        says=(written, f"installed Keras {keras.__version__}", says, remedy, "newer.keras"),
    )


def test_the_version_is_not_blamed_for_what_a_file_of_this_keras_lacks(
    refused: Any, files: Path, tmp_path: Path
) -> None:
    import keras

    rewritten(files / "plain.keras", tmp_path / "odd.keras", with_an_argument, keras.__version__)

    outcome = refused(tmp_path / "odd.keras", status=2, says=("odd.keras", "warp_factor"))
    assert "was written by Keras" not in outcome.err


def test_a_file_of_a_newer_keras_that_can_be_read_is_converted(convert: Any, files: Path, tmp_path: Path) -> None:
    rewritten(files / "plain.keras", tmp_path / "newer.keras", lambda layer: None, "4.2.0")

    outcome = convert(tmp_path / "newer.keras", "--proof-seconds", "0", "-o", tmp_path / "model.onnx")

    assert outcome.status == 0, outcome.err


# --- weights without a model ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain.weights.h5", "renamed.h5"])
def test_weights_alone_are_refused(name: str, refused: Any, files: Path) -> None:
    refused(files / name, status=2, says=("weights and no model", name, "--model module:factory"))


@pytest.mark.parametrize("name", ["net.ckpt.index", "net.ckpt.data-00000-of-00001", "checkpoint", ""])
@pytest.mark.parametrize("more", [(), ("--from", "keras"), ("--from", "keras", "--model", "e2e_layers:model")])
def test_a_tensorflow_checkpoint_is_refused(
    name: str, more: tuple[str, ...], refused: Any, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    says = (
        "TensorFlow checkpoint holds weights and no model",
        f"checkpoints{'/' + name if name else ''}",
        ".keras file",
    )

    refused(Path("checkpoints") / name, *more, status=2, says=says)


# --- damaged and misnamed files ------------------------------------------------------------------


@pytest.mark.parametrize(("source", "misnamed"), [("plain.keras", "plain.h5"), ("plain.h5", "plain.keras")])
def test_a_file_with_the_others_suffix_is_refused_with_its_right_name(
    source: str, misnamed: str, refused: Any, files: Path, tmp_path: Path
) -> None:
    shutil.copy(files / source, tmp_path / misnamed)

    refused(
        tmp_path / misnamed, status=2, says=(f"of the kind {Path(source).suffix}", misnamed, f"rename it to {source}")
    )


@pytest.mark.parametrize("misnamed", ["plain.zip", "plain"])
def test_an_archive_with_another_suffix_is_refused_with_its_right_name(
    misnamed: str, refused: Any, files: Path, tmp_path: Path
) -> None:
    shutil.copy(files / "plain.keras", tmp_path / misnamed)

    refused(tmp_path / misnamed, status=2, says=("of the kind .keras", misnamed, "rename it to plain.keras"))


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_an_archive_that_lacks_a_part_is_refused(name: str, refused: Any, files: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(files / "plain.keras") as whole, zipfile.ZipFile(tmp_path / "part.keras", "w") as part:
        for kept in {"config.json", "metadata.json", "model.weights.h5"} - {name}:
            part.writestr(kept, whole.read(kept))

    refused(tmp_path / "part.keras", status=2, says=("part.keras", "complete"))


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_an_archive_with_damaged_bytes_is_refused_or_what_it_was(
    place: float, convert: Any, target: Path, untouched: None, files: Path, tmp_path: Path
) -> None:
    content = bytearray((files / "plain.keras").read_bytes())
    start = int(len(content) * place)
    content[start : start + 200] = b"\xff" * 200
    (tmp_path / "damaged.keras").write_bytes(content)

    outcome = convert(tmp_path / "damaged.keras", "-o", target)

    assert outcome.status == 2, outcome.err
    assert "Traceback" not in outcome.err
    assert "damaged.keras" in outcome.err


def test_a_folder_named_like_a_file_is_refused(refused: Any, tmp_path: Path) -> None:
    (tmp_path / "model.keras").mkdir()
    (tmp_path / "model.keras" / "config.json").write_text("{}")

    refused("--from", "keras", tmp_path / "model.keras", status=2, says=("the folder is no model", "model.keras"))


def test_a_model_that_keras_saved_as_a_folder_is_converted(convert: Any, files: Path, tmp_path: Path) -> None:
    outcome = convert(files / "unzipped", "--proof-seconds", "0", "-o", tmp_path / "model.onnx")

    assert outcome.status == 0, outcome.err


# --- operators without a form --------------------------------------------------------------------


def test_every_operator_without_a_form_is_reported_with_its_layer_and_what_to_use_instead(
    refused: Any, tmp_path: Path
) -> None:
    keras = pytest.importorskip("keras")
    text = keras.Input((2,), dtype="string", name="text")
    hashing, again = keras.layers.Hashing(4, name="hashing"), keras.layers.Hashing(5, name="hashing_1")
    inner = keras.Sequential([keras.Input((2,), dtype="string"), keras.layers.Hashing(6, name="deep")], name="inner")
    model = keras.Model(text, [hashing(text), again(text), inner(text)])
    model.save(tmp_path / "model.keras")

    layers = ("the layer 'hashing' (Hashing):", "the layer 'hashing_1' (Hashing):", "the layer 'inner/deep' (Hashing):")
    refused(
        tmp_path / "model.keras",
        status=3,
        says=("3 operator(s) cannot be converted", *layers, "look the values up in a vocabulary (StringLookup"),
    )
