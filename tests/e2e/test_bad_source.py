"""Sources that cannot be converted: missing, damaged, unsafe, ambiguous, or not what they say they are."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SKLEARN, PYTORCH, TENSORFLOW = (pytest.mark.xdist_group(name) for name in ("sklearn", "pytorch", "tensorflow"))

FILES = [
    pytest.param("sklearn_files", "iris.skops", marks=SKLEARN),
    pytest.param("pytorch_files", "net.pt2", marks=PYTORCH),
    pytest.param("keras_files", "model.keras", marks=TENSORFLOW),
    pytest.param("keras_files", "model.h5", marks=TENSORFLOW),
    pytest.param("onnx_files", "doubling.onnx"),
]
CODE = [
    pytest.param("sklearn_files", "iris.joblib", "skops", marks=SKLEARN),
    pytest.param("sklearn_files", "iris.pkl", "skops", marks=SKLEARN),
    pytest.param("pytorch_files", "pickled.pt", ".pt2", marks=PYTORCH),
    pytest.param("keras_files", "lambda.keras", "registered layer", marks=TENSORFLOW),
]
INPUT = ("--input", "input:float32[N,4]")


@pytest.mark.parametrize("name", ["missing.onnx", "missing.keras", "missing", "no/such/folder/model.pt2"])
def test_a_missing_file_is_refused(name: str, refused: Any, tmp_path: Path) -> None:
    refused(tmp_path / name, status=2, says=("there is no such file", name))


def test_a_missing_file_is_refused_without_naming_a_target(convert: Any, tmp_path: Path) -> None:
    (tmp_path / "missing.onnx").write_bytes(b"something else")

    outcome = convert(tmp_path / "missing.keras")

    assert outcome.status == 2
    assert "there is no such file" in outcome.err


def test_a_name_that_no_file_can_have_is_refused(refused: Any, tmp_path: Path) -> None:
    refused(tmp_path / ("n" * 300), status=2, says=("name too long",))


@pytest.mark.parametrize("suffix", [".onnx", ".keras", ".h5", ".pt2", ".pth", ".safetensors", ".skops", ".pkl", ""])
def test_an_empty_file_is_refused(suffix: str, refused: Any, tmp_path: Path) -> None:
    source = tmp_path / f"model{suffix}"
    source.touch()

    refused(source, status=2, says=("the file is empty", source.name))


def test_an_empty_folder_is_refused(refused: Any, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()

    refused(tmp_path / "saved", status=2, says=("the folder is empty", "saved"))


def test_a_folder_that_is_no_model_is_refused(refused: Any, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.txt").write_text("a cat")

    refused(tmp_path / "photos", status=2, says=("no plugin recognises the source folder", "photos", "--from"))


@pytest.mark.parametrize("key", ["sklearn", "pytorch", "keras", "tensorflow", "onnx"])
def test_a_folder_that_is_no_model_is_refused_by_the_framework_named_for_it(
    key: str, refused: Any, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.txt").write_text("a cat")

    refused("--from", key, tmp_path / "photos", "--trust", status=2, says=("photos",))


def test_a_file_of_no_known_kind_is_refused(refused: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to convert")

    refused(tmp_path / "notes.txt", status=2, says=("no plugin recognises the source", "notes.txt", "--from", "keras"))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.95])
@pytest.mark.parametrize(("files", "name"), FILES)
def test_a_truncated_file_is_refused(
    files: str, name: str, keep: float, refused: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    content = (request.getfixturevalue(files) / name).read_bytes()
    source = tmp_path / name
    source.write_bytes(content[: int(len(content) * keep)])

    refused(source, status=2, says=(str(source),))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.xdist_group("pytorch")
def test_truncated_weights_are_refused(
    name: str, keep: float, refused: Any, pytorch_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pytorch_files)
    content = (pytorch_files / name).read_bytes()
    source = tmp_path / name
    source.write_bytes(content[: int(len(content) * keep)])

    refused(source, "--model", "e2e_nets:net", *INPUT, status=2, says=(str(source),))


@pytest.mark.parametrize(
    "suffix", [".onnx", ".keras", ".h5", ".pt2", ".pt", ".pth", ".safetensors", ".skops", ".joblib", ".pkl"]
)
def test_noise_is_refused_whatever_its_suffix(suffix: str, refused: Any, tmp_path: Path) -> None:
    source = tmp_path / f"noise{suffix}"
    source.write_bytes(np.random.default_rng(0).bytes(2000))

    refused(source, "--trust", status=2, says=(str(source),))


@pytest.mark.xdist_group("tensorflow")
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.95])
def test_a_savedmodel_with_a_truncated_graph_is_refused(
    keep: float, refused: Any, keras_files: Path, tmp_path: Path
) -> None:
    source = tmp_path / "saved"
    shutil.copytree(keras_files / "saved", source)
    content = (source / "saved_model.pb").read_bytes()
    (source / "saved_model.pb").write_bytes(content[: int(len(content) * keep)])

    refused(source, status=2, says=(str(source), "complete"))


@pytest.mark.xdist_group("tensorflow")
def test_a_savedmodel_without_its_variables_is_refused(refused: Any, keras_files: Path, tmp_path: Path) -> None:
    source = tmp_path / "saved"
    shutil.copytree(keras_files / "saved", source)
    shutil.rmtree(source / "variables")

    refused(source, status=2, says=(str(source), "variables"))


def test_an_onnx_file_without_its_external_data_is_refused(
    convert: Any, refused: Any, onnx_files: Path, tmp_path: Path
) -> None:
    source = tmp_path / "model.onnx"
    assert convert(onnx_files / "repeating.onnx", "-o", source, "--external-data", "always").status == 0
    (tmp_path / "model.onnx.data").unlink()

    refused(source, status=2, says=("model.onnx.data",))


# --- unsafe --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("files", "name", "alternative"), CODE)
def test_a_file_that_carries_code_is_refused_without_trust_and_the_safe_alternative_named(
    files: str, name: str, alternative: str, refused: Any, request: pytest.FixtureRequest
) -> None:
    source = request.getfixturevalue(files) / name

    refused(source, *INPUT, status=7, says=(str(source), "--trust", alternative))


class _Canary:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "suffix", [".pkl", ".joblib", ".pt", ".pth", ".ckpt", ".skops", ".keras", ".h5", ".onnx", ".bin"]
)
@pytest.mark.parametrize("key", [None, "sklearn", "pytorch"])
def test_code_in_a_pickle_never_runs_without_trust(
    suffix: str, key: str | None, convert: Any, tmp_path: Path, target: Path, untouched: None
) -> None:
    source, canary = tmp_path / f"model{suffix}", tmp_path / "canary"
    source.write_bytes(pickle.dumps({"weights": _Canary(canary)}))

    outcome = convert(source, "-o", target, *(("--from", key) if key else ()), *INPUT)

    assert outcome.status in (2, 7), outcome.err
    assert "Traceback" not in outcome.err
    assert not canary.exists()


@pytest.mark.xdist_group("pytorch")
def test_code_in_a_torch_archive_never_runs_without_trust(refused: Any, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    canary = tmp_path / "canary"
    torch.save({"weights": _Canary(canary)}, tmp_path / "model.pth")

    refused(tmp_path / "model.pth", *INPUT, status=7, says=("model.pth", "--trust", ".safetensors"))
    assert not canary.exists()


# --- weights without a model ---------------------------------------------------------------------


@pytest.mark.xdist_group("pytorch")
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_a_state_dict_without_a_factory_is_refused(name: str, refused: Any, pytorch_files: Path) -> None:
    refused(pytorch_files / name, *INPUT, status=2, says=("state dict", name, "--model module:factory"))


@pytest.mark.xdist_group("pytorch")
@pytest.mark.parametrize(
    ("factory", "says"),
    [
        ("e2e_nets:broken", ("RuntimeError", "no weights on Mondays")),
        ("e2e_nets:number", ("int", "torch.nn.Module")),
        ("e2e_nets:nett", ("nett", "did you mean 'net'")),
        ("e2e_netz:net", ("e2e_netz", "cannot be imported")),
        ("e2e_nets", ("module:factory",)),
        ("e2e_nets:net(4)", ("TypeError",)),
    ],
)
def test_a_factory_that_builds_nothing_is_refused(
    factory: str, says: tuple[str, ...], refused: Any, pytorch_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pytorch_files)

    refused("weights.pth", "--model", factory, *INPUT, status=2, says=(f"--model {factory}", *says))


@pytest.mark.xdist_group("pytorch")
def test_keys_that_do_not_match_are_listed_missing_and_unexpected(
    refused: Any, pytorch_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pytorch_files)
    says = ("missing (2): 1.weight, 1.bias", "unexpected (2): 0.weight, 0.bias", "weights.pth")

    refused("weights.pth", "--model", "e2e_nets:other_net", *INPUT, status=2, says=says)


@pytest.mark.xdist_group("pytorch")
def test_weights_of_another_shape_are_listed(
    refused: Any, pytorch_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pytorch_files)
    says = ("0.weight is [3, 4] in the file and [7, 4] in the module", "0.bias", "weights.pth")

    refused("weights.pth", "--model", "e2e_nets:wider_net", *INPUT, status=2, says=says)


@pytest.mark.xdist_group("pytorch")
def test_a_model_that_does_not_say_its_inputs_needs_them(
    refused: Any, pytorch_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pytorch_files)

    refused("weights.pth", "--model", "e2e_nets:net", status=2, says=("input", "--input"))


# --- whose file is it ----------------------------------------------------------------------------

RIVAL = """
from modelport import Detection, Framework, hookimpl

@hookimpl
def framework():
    return Framework("rival", "Rival", (".onnx",), (), "pip install modelport-rival")

@hookimpl
def detect(source):
    return Detection(1.0, "a rival's claim")

@hookimpl
def to_onnx(model):
    return model
"""


def test_a_file_that_two_plugins_claim_is_refused_and_both_are_named(
    refused: Any, install: Any, onnx_files: Path
) -> None:
    install("rival", RIVAL)
    says = ("could belong to onnx or rival", "doubling.onnx", "--from onnx or --from rival")

    refused(onnx_files / "doubling.onnx", status=2, says=says)


def test_naming_the_framework_settles_an_ambiguous_file(
    convert: Any, install: Any, onnx_files: Path, tmp_path: Path
) -> None:
    install("rival", RIVAL)

    assert convert("--from", "onnx", onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx").status == 0


NOT_INSTALLED = [
    pytest.param("sklearn", "sklearn", "sklearn_files", "iris.skops", marks=SKLEARN),
    pytest.param("pytorch", "torch", "pytorch_files", "net.pt2", marks=PYTORCH),
    pytest.param("keras", "keras", "keras_files", "model.keras", marks=TENSORFLOW),
    pytest.param("keras", "tensorflow", "keras_files", "model.keras", marks=TENSORFLOW),
    pytest.param("tensorflow", "tensorflow", "keras_files", "saved", marks=TENSORFLOW),
]


HIDDEN = """
import sys
class Hidden:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == {module!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Hidden)
from modelport.cli import convert_main
convert_main()
"""


@pytest.mark.parametrize(("key", "module", "files", "name"), NOT_INSTALLED)
def test_a_framework_that_is_not_installed_is_named_with_its_pip_line(
    key: str,
    module: str,
    files: str,
    name: str,
    python: Any,
    target: Path,
    untouched: None,
    request: pytest.FixtureRequest,
) -> None:
    source = request.getfixturevalue(files) / name

    outcome = python("-c", HIDDEN.format(module=module), source, "-o", target)

    assert outcome.status == 6, outcome.err
    for text in (f"{key} needs the package '{module}'", f"what to do: pip install 'modelport[{key}]'"):
        assert text in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.xdist_group("tensorflow")
def test_an_unknown_signature_of_a_savedmodel_is_refused_and_the_nearest_named(refused: Any, keras_files: Path) -> None:
    says = ("serving_defualt", "did you mean 'serving_default'")

    refused(keras_files / "saved", "-O", "signature=serving_defualt", status=2, says=says)
