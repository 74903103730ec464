"""Requests that cannot be fulfilled: frameworks, options, inputs, samples, opsets and targets that do not fit; planted faults."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# --- frameworks and options ----------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--from", "--to"])
@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("pytorhc", "pytorch"),
        ("tensorflwo", "tensorflow"),
        ("scikitlearn", "scikit-learn"),
        ("kears", "keras"),
        ("onx", "onnx"),
    ],
)
def test_an_unknown_framework_is_refused_and_the_nearest_suggested(
    option: str, name: str, suggestion: str, refused: Any, onnx_files: Path
) -> None:
    says = (f"no framework {name!r}", f"did you mean {suggestion!r}", "modelport plugins")

    refused(onnx_files / "doubling.onnx", option, name, status=2, says=says)


def test_an_unknown_framework_like_no_other_is_refused_with_the_list(refused: Any, onnx_files: Path) -> None:
    refused(
        onnx_files / "doubling.onnx",
        "--from",
        "zzz",
        status=2,
        says=("no framework 'zzz'", "known: ", "keras", "onnx", "pytorch"),
    )


def test_a_target_whose_suffix_says_nothing_is_refused(refused: Any, onnx_files: Path, target: Path) -> None:
    words = (onnx_files / "doubling.onnx",)

    refused(*words, output=target.with_suffix(".xyz"), status=2, says=("suffix of the target", "model.xyz", "--to"))


def test_a_framework_without_the_direction_is_refused(refused: Any, toy: Path, onnx_files: Path) -> None:
    refused(
        onnx_files / "doubling.onnx", "--to", "toy", status=3, says=("the toy plugin", "from_onnx", "it can do to onnx")
    )


def test_an_unknown_option_is_refused_and_the_nearest_named(refused: Any, toy: Path, source: Any) -> None:
    refused(
        source(),
        "-O",
        "facter=2",
        status=2,
        says=("no option 'facter'", "did you mean 'factor'", "modelport plugins toy"),
    )


def test_an_option_of_another_type_is_refused(refused: Any, toy: Path, source: Any) -> None:
    refused(source(), "-O", "factor=two", status=2, says=("factor", "'two'", "float"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Missing argument 'SOURCE'"),
        (("a.onnx", "-O", "factor"), "'factor' is not KEY=VALUE"),
        (("a.onnx", "--opset", "new"), "'new' is not a valid integer"),
        (("a.onnx", "--form", "keras"), "--from"),
        (("a.onnx", "--rtol", "small"), "'small' is not a valid float"),
    ],
)
def test_wrong_usage_is_refused(words: tuple[str, ...], says: str, convert: Any) -> None:
    outcome = convert(*words)

    assert outcome.status == 2
    assert says in outcome.err
    assert "Traceback" not in outcome.err


def test_an_unknown_command_is_refused_and_the_nearest_named(modelport: Any) -> None:
    outcome = modelport("convrt", "a.onnx")

    assert outcome.status == 2
    assert "Did you mean 'convert'?" in outcome.err


# --- --input -------------------------------------------------------------------------------------

WRONG_INPUTS = [
    ("y:float32[N,4]", ("no input 'y'", "x:float32[N,4]")),
    ("x:float64[N,4]", ("is float32, not float64", "x:float32[N,4]")),
    ("x:float32[N,4,1]", ("has 2 dimensions, not 3", "x:float32[N,4]")),
    ("x:float32[N,5]", ("fixes axis 1", "at 4, not 5", "x:float32[N,4]")),
    ("x:flaot32[N,4]", ("no dtype 'flaot32'", "did you mean float32")),
    ("x:float32[N,four!]", ("cannot read the dimension 'four!'", "axis 1")),
    ("x:float32[N,4", ("cannot read the input", "NAME:DTYPE[DIMS]")),
    ("", ("cannot read the input", "NAME:DTYPE[DIMS]")),
]


@pytest.mark.parametrize(("text", "says"), WRONG_INPUTS)
def test_an_input_that_contradicts_the_model_is_refused(
    text: str, says: tuple[str, ...], refused: Any, onnx_files: Path
) -> None:
    refused(onnx_files / "doubling.onnx", "--input", text, status=2, says=says)


MODELS = [
    pytest.param("sklearn_files", "iris.skops", "X", marks=pytest.mark.xdist_group("sklearn")),
    pytest.param("pytorch_files", "net.pt2", "input", marks=pytest.mark.xdist_group("pytorch")),
    pytest.param("keras_files", "model.keras", "x", marks=pytest.mark.xdist_group("tensorflow")),
    pytest.param("keras_files", "saved", "x", marks=pytest.mark.xdist_group("tensorflow")),
]


@pytest.mark.parametrize(("files", "name", "known"), MODELS)
@pytest.mark.parametrize("text", ["{}:string[N,4]", "{}:float32[N,4,4,4]", "{}:float32[N,77]"])
def test_an_input_that_contradicts_a_model_of_any_framework_is_refused(
    files: str, name: str, known: str, text: str, refused: Any, request: pytest.FixtureRequest
) -> None:
    refused(request.getfixturevalue(files) / name, "--input", text.format(known), status=2, says=("--input", known))


@pytest.mark.parametrize(("files", "name", "known"), MODELS[1:])  # a scikit-learn matrix has no name but the user's
def test_an_input_that_a_model_of_any_framework_does_not_have_is_refused(
    files: str, name: str, known: str, refused: Any, request: pytest.FixtureRequest
) -> None:
    words = ("--input", "nonsense:float32[N,4]")

    refused(request.getfixturevalue(files) / name, *words, status=2, says=("'nonsense'", known))


def test_an_input_given_twice_is_refused(refused: Any, onnx_files: Path) -> None:
    words = ("--input", "x:float32[N,4]", "--input", "x:float32[M,4]")

    refused(onnx_files / "doubling.onnx", *words, status=2, says=("'x' is given twice",))


def test_two_sizes_for_one_dimension_are_refused(refused: Any, onnx_files: Path) -> None:
    words = ("--input", "a:float32[N=2,4]", "--input", "b:float32[N=3,4]")

    refused(onnx_files / "two_inputs.onnx", *words, status=2, says=("dimension N has two sizes, 2 and 3",))


# --- samples -------------------------------------------------------------------------------------

IRIS = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")


@pytest.mark.xdist_group("sklearn")
def test_samples_with_wrong_columns_are_refused_and_the_missing_named(
    refused: Any, sklearn_files: Path, tmp_path: Path
) -> None:
    samples = tmp_path / "samples.csv"
    samples.write_text("sepal length (cm),sepal width (cm),petal length (cm),colour\n1,2,3,4\n")
    says = ("lack the column(s) petal width (cm)", "samples.csv", "colour")

    refused(sklearn_files / "iris.skops", "--samples", samples, status=2, says=says)


@pytest.mark.xdist_group("sklearn")
@pytest.mark.parametrize("gap", ["nan", ""])
def test_samples_with_nan_are_refused_and_the_row_named(
    gap: str, refused: Any, sklearn_files: Path, tmp_path: Path
) -> None:
    samples = tmp_path / "samples.csv"
    samples.write_text(f"{','.join(IRIS)}\n1,2,3,4\n1,{gap},3,4\n")
    says = ("1 samples hold NaN, the first in row 1", "samples.csv", "missing values")

    refused(sklearn_files / "iris.skops", "--samples", samples, status=2, says=says)


@pytest.mark.xdist_group("sklearn")
def test_samples_with_text_for_numbers_are_refused_and_the_column_named(
    refused: Any, sklearn_files: Path, tmp_path: Path
) -> None:
    samples = tmp_path / "samples.csv"
    samples.write_text(f"{','.join(IRIS)}\n1,2,3,4\n1,two,3,4\n")

    refused(
        sklearn_files / "iris.skops",
        "--samples",
        samples,
        status=2,
        says=("sepal width (cm)", "hold text", "samples.csv"),
    )


WRONG_ARRAYS = [
    ({"x": np.ones((3, 5), np.float32)}, ("axis 1 of the samples is 5, not 4",)),
    ({"x": np.ones((3, 4, 2), np.float32)}, ("have 3 dimensions, not 2",)),
    ({"x": np.full((3, 4), "text")}, ("are string, the model takes float32",)),
    ({"x": np.ones((0, 4), np.float32)}, ("there are no samples",)),
    ({"a": np.ones((3, 4), np.float32), "b": np.ones((3, 4), np.float32)}, ("lack x", "found a, b")),
]


@pytest.mark.parametrize(("arrays", "says"), WRONG_ARRAYS)
def test_samples_that_do_not_fit_are_refused(
    arrays: dict[str, Any], says: tuple[str, ...], refused: Any, onnx_files: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "samples.npz", **arrays)

    refused(onnx_files / "doubling.onnx", "--samples", tmp_path / "samples.npz", status=2, says=("samples.npz", *says))


def test_samples_with_different_numbers_of_rows_are_refused(refused: Any, onnx_files: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "samples.npz", a=np.ones((3, 4), np.float32), b=np.ones((5, 4), np.float32))

    refused(onnx_files / "two_inputs.onnx", "--samples", tmp_path / "samples.npz", status=2, says=("a: 3, b: 5",))


UNREADABLE = {
    "missing.npz": None,
    "truncated.npz": b"PK\x03\x04 not an archive",
    "noise.npy": b"no array at all",
    "notes.txt": b"no samples",
    "header.csv": b"a,b\n",
    "ragged.csv": b"a,b\n1,2\n1,2,3\n",
    "empty.csv": b"",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_samples_are_refused(name: str, refused: Any, onnx_files: Path, tmp_path: Path) -> None:
    content = UNREADABLE[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)

    refused(onnx_files / "doubling.onnx", "--samples", tmp_path / name, status=2, says=("samples", name))


# --- opset ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("opset", [-1, 0, 6, 99])
def test_an_opset_out_of_range_is_refused_and_the_range_named(opset: int, refused: Any, onnx_files: Path) -> None:
    says = (f"opset {opset} is out of range", f"--opset {opset}", "from 7 to ")

    refused(onnx_files / "doubling.onnx", "--opset", opset, status=2, says=says)


def test_an_opset_that_an_operator_does_not_exist_in_is_refused(refused: Any, onnx_files: Path) -> None:
    refused(onnx_files / "gelu.onnx", "--opset", 13, status=3, says=("from opset 20 to 13", "Gelu", "--opset"))


# --- targets -------------------------------------------------------------------------------------


def test_a_target_in_a_missing_folder_is_refused(refused: Any, onnx_files: Path, target: Path) -> None:
    output = target.parent / "no" / "model.onnx"

    refused(onnx_files / "doubling.onnx", output=output, status=2, says=("no such folder", str(output), "-o"))


def test_a_folder_as_target_is_refused(convert: Any, onnx_files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model.onnx"
    folder.mkdir()
    (folder / "kept").touch()

    outcome = convert(onnx_files / "doubling.onnx", "-o", folder)

    assert outcome.status == 2
    assert "it is a folder" in outcome.err
    assert str(folder) in outcome.err
    assert [path.name for path in tmp_path.rglob("*")] == ["model.onnx", "kept"]


def test_a_target_inside_a_file_is_refused(refused: Any, onnx_files: Path, target: Path) -> None:
    refused(onnx_files / "doubling.onnx", output=target / "model.onnx", status=2, says=("no such folder", str(target)))


def test_a_target_whose_name_is_too_long_is_refused(refused: Any, onnx_files: Path, target: Path) -> None:
    output = target.with_name("n" * 300 + ".onnx")

    refused(onnx_files / "doubling.onnx", output=output, status=2, says=("cannot write the target", "too long"))


def test_a_target_in_a_read_only_folder_is_refused(refused: Any, onnx_files: Path, target: Path) -> None:
    target.parent.chmod(0o555)
    try:
        if os.access(target.parent, os.W_OK):
            pytest.skip("this user, such as root, may write anywhere")
        refused(onnx_files / "doubling.onnx", status=2, says=("not writable", str(target)))
    finally:
        target.parent.chmod(0o755)


# --- faults on the way ---------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Any:
    """Write a model of the toy framework."""

    def write(**faults: str) -> Path:
        path = tmp_path / "net.toy"
        path.write_text(json.dumps(faults))
        return path

    return write


def test_a_result_that_computes_something_else_is_not_delivered(refused: Any, toy: Path, source: Any) -> None:
    path = source(fault="doubt")

    refused(path, status=5, says=("differs from Toy", "y (", str(path), "nothing was delivered"))


def test_a_result_that_is_no_valid_graph_is_not_delivered(refused: Any, toy: Path, source: Any) -> None:
    refused(source(fault="invalid"), status=4, says=("missing",))


def test_an_invalid_result_is_refused_without_a_proof_too(refused: Any, toy: Path, source: Any) -> None:
    refused(source(fault="invalid"), "--no-verify", status=4, says=("missing",))


def test_an_exporters_own_error_is_reported_as_such(refused: Any, toy: Path, source: Any) -> None:
    says = ("Toy failed in 'to_onnx'", "ZeroDivisionError: the exporter's own mistake", "--debug")

    refused(source(fault="bug"), status=3, says=says)


def test_the_json_report_of_a_failure_carries_the_error_and_the_figures(
    convert: Any, toy: Path, source: Any, target: Path, untouched: None
) -> None:
    outcome = convert(source(fault="doubt"), "-o", target, "--json")

    report = json.loads(outcome.out)
    assert outcome.status == 5
    assert (report["status"], report["verdict"], report["files"]) == ("failed", "failed", [])
    assert (report["error"]["kind"], report["error"]["exit_status"]) == ("NotEquivalent", 5)
    assert report["proofs"][0]["outputs"][0]["out_of_tolerance"] > 0


def test_debug_shows_the_traceback(convert: Any, toy: Path, source: Any, target: Path, untouched: None) -> None:
    with pytest.raises(Exception, match="the exporter's own mistake"):
        convert(source(fault="bug"), "-o", target, "--debug")
