"""``modelport verify``, ``inspect``, ``plugins``, ``completion``, and ``python -m modelport``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import modelport as package

KEYS = ("keras", "onnx", "pytorch", "sklearn", "tensorflow")
SKLEARN, PYTORCH, TENSORFLOW = (pytest.mark.xdist_group(name) for name in ("sklearn", "pytorch", "tensorflow"))

# --- verify --------------------------------------------------------------------------------------


def test_two_models_that_agree_are_proven(modelport: Any, onnx_files: Path) -> None:
    outcome = modelport("verify", onnx_files / "doubling.onnx", onnx_files / "doubling.onnx")

    assert outcome.status == 0
    assert outcome.out.startswith("proven")


def test_two_models_that_differ_are_told_apart(modelport: Any, onnx_files: Path) -> None:
    outcome = modelport("verify", onnx_files / "doubling.onnx", onnx_files / "tripling.onnx")

    assert outcome.status == 5
    assert outcome.out.startswith("failed")
    for text in ("tripling.onnx (ONNX) differs from doubling.onnx (ONNX)", "y (", "what to do: "):
        assert text in outcome.err
    assert "Traceback" not in outcome.err


def test_a_tolerance_of_the_users_own_is_applied(modelport: Any, onnx_files: Path) -> None:
    words = ("verify", onnx_files / "doubling.onnx", onnx_files / "tripling.onnx", "--rtol", 0.51)

    assert modelport(*words).status == 0


@pytest.mark.parametrize(
    ("files", "name"),
    [
        pytest.param("sklearn_files", "iris.skops", marks=SKLEARN),
        pytest.param("pytorch_files", "net.pt2", marks=PYTORCH),
        pytest.param("keras_files", "model.keras", marks=TENSORFLOW),
        pytest.param("keras_files", "saved", marks=TENSORFLOW),
    ],
)
def test_a_saved_model_is_compared_with_its_conversion(
    files: str, name: str, modelport: Any, convert: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source = request.getfixturevalue(files) / name
    assert convert(source, "-o", tmp_path / "out.onnx").status == 0

    outcome = modelport("verify", source, tmp_path / "out.onnx", "--json", "-q")

    assert outcome.status == 0, outcome.err
    assert json.loads(outcome.out)["verdict"] == "proven"


@pytest.mark.xdist_group("tensorflow")
def test_models_of_two_frameworks_are_compared(modelport: Any, keras_files: Path) -> None:
    outcome = modelport("verify", keras_files / "model.keras", keras_files / "saved", "--json", "-q")

    assert outcome.status == 0, outcome.err
    assert json.loads(outcome.out)["verdict"] == "proven"


def test_models_of_different_signatures_cannot_be_compared(modelport: Any, onnx_files: Path) -> None:
    outcome = modelport("verify", onnx_files / "doubling.onnx", onnx_files / "two_inputs.onnx")

    assert outcome.status == 2
    assert "1 and 2 inputs: x:float32[N,4]; a:float32[N,4], b:float32[N,4]" in outcome.err


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_model_cannot_be_compared(missing: int, modelport: Any, onnx_files: Path, tmp_path: Path) -> None:
    paths = [onnx_files / "doubling.onnx"] * 2
    paths[missing] = tmp_path / "missing.onnx"

    outcome = modelport("verify", *paths)

    assert outcome.status == 2
    assert "there is no such file" in outcome.err
    assert str(paths[missing]) in outcome.err


# --- inspect -------------------------------------------------------------------------------------


def test_an_onnx_file_is_described(modelport: Any, convert: Any, onnx_files: Path, tmp_path: Path) -> None:
    assert convert(onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx").status == 0

    outcome = modelport("inspect", tmp_path / "out.onnx", "--json")

    found = json.loads(outcome.out)
    assert outcome.status == 0
    assert found["framework"] == "onnx"
    assert (found["inputs"], found["outputs"]) == (["x:float32[N,4]"], ["y:float32[N,4]"])
    assert (found["opsets"], found["operators"], found["parameters"]) == ({"ai.onnx": 20}, {"MatMul": 1}, 16)
    assert found["size_bytes"] == (tmp_path / "out.onnx").stat().st_size
    assert found["provenance"]["verdict"] == "proven"


def test_the_description_is_readable_too(modelport: Any, onnx_files: Path) -> None:
    outcome = modelport("inspect", onnx_files / "doubling.onnx")

    assert outcome.status == 0
    for text in ("x:float32[N,4]", "MatMul 1", "ai.onnx 20", "16"):
        assert text in outcome.out


@pytest.mark.parametrize(
    ("files", "name", "key", "inputs", "status"),
    [
        pytest.param("sklearn_files", "iris.skops", "sklearn", 1, 0, marks=SKLEARN),
        pytest.param("pytorch_files", "net.pt2", "pytorch", 1, 0, marks=PYTORCH),
        pytest.param("keras_files", "model.keras", "keras", 1, 0, marks=TENSORFLOW),
        pytest.param("keras_files", "model.h5", "keras", 1, 0, marks=TENSORFLOW),
        pytest.param("keras_files", "saved", "tensorflow", 1, 0, marks=TENSORFLOW),
        pytest.param("sklearn_files", "iris.joblib", "sklearn", 0, 7, marks=SKLEARN),
        pytest.param("pytorch_files", "weights.pth", "pytorch", 0, 0, marks=PYTORCH),
    ],
)
def test_a_model_of_any_framework_is_described_as_far_as_is_safe(
    files: str, name: str, key: str, inputs: int, status: int, modelport: Any, request: pytest.FixtureRequest
) -> None:
    outcome = modelport("inspect", request.getfixturevalue(files) / name, "--json")

    found = json.loads(outcome.out)
    assert outcome.status == status, outcome.err
    assert found["unsafe"] == (status == 7)
    assert (found["framework"], len(found["inputs"])) == (key, inputs)
    assert bool(found["unread"]) == (inputs == 0)


@pytest.mark.parametrize("content", [None, b"", b"no model at all"])
def test_what_is_no_model_cannot_be_described(content: bytes | None, modelport: Any, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "model.onnx").write_bytes(content)

    outcome = modelport("inspect", tmp_path / "model.onnx")

    assert outcome.status == 2
    assert str(tmp_path / "model.onnx") in outcome.err
    assert "Traceback" not in outcome.err


def test_netron_is_asked_for_by_its_pip_line_where_it_is_not_installed(
    modelport: Any, absent: Any, onnx_files: Path
) -> None:
    absent("netron")

    outcome = modelport("inspect", onnx_files / "doubling.onnx", "--netron")

    assert outcome.status == 6
    assert "pip install 'modelport[workbench]'" in outcome.err


# --- plugins -------------------------------------------------------------------------------------


def test_every_plugin_is_listed(modelport: Any) -> None:
    outcome = modelport("plugins")

    assert outcome.status == 0
    for key in KEYS:
        assert key in outcome.out
    assert f"modelport {package.__version__}" in outcome.out


def test_the_list_says_what_each_plugin_is_and_can(modelport: Any) -> None:
    rows = {row["key"]: row for row in json.loads(modelport("plugins", "--json").out)}

    assert set(KEYS) <= set(rows)
    for key in KEYS:
        row = rows[key]
        assert (row["distribution"], row["version"]) == ("modelport", package.__version__)
        assert row["installed"]
        assert "to_onnx" in row["directions"]
        assert row["versions"]


def test_a_framework_that_is_not_installed_is_listed_with_its_pip_line(modelport: Any, absent: Any) -> None:
    absent("torch")

    rows = {row["key"]: row for row in json.loads(modelport("plugins", "--json").out)}

    assert (rows["pytorch"]["installed"], rows["pytorch"]["missing"]) == (False, ["torch"])
    assert rows["pytorch"]["install"] == "pip install 'modelport[pytorch]'"
    assert "pip install 'modelport[pytorch]'" in " ".join(modelport("plugins").out.split())


@pytest.mark.parametrize("name", [*KEYS, "torch", "tf", "scikit-learn"])
def test_the_options_of_one_plugin_are_listed_with_types_defaults_and_help(name: str, modelport: Any) -> None:
    outcome = modelport("plugins", name)
    row = json.loads(modelport("plugins", name, "--json").out)

    assert outcome.status == 0
    for option in row["options"]:
        assert option["help"]
        for text in (option["name"], str(option["default"])):
            assert text in outcome.out
    assert row["title"] in outcome.out


def test_an_unknown_plugin_is_refused_and_the_nearest_suggested(modelport: Any) -> None:
    outcome = modelport("plugins", "kears")

    assert outcome.status == 2
    assert "did you mean 'keras'" in outcome.err


def test_a_third_party_plugin_is_listed_with_its_distribution(modelport: Any, toy: Path) -> None:
    rows = {row["key"]: row for row in json.loads(modelport("plugins", "--json").out)}

    assert (rows["toy"]["distribution"], rows["toy"]["version"]) == ("modelport-toy", "1.2")
    assert rows["toy"]["directions"] == ["to_onnx"]


BROKEN = {
    "raising": ("raise RuntimeError('its wheel is broken')", "RuntimeError: its wheel is broken"),
    "importing": ("import no_such_module_anywhere", "no_such_module_anywhere"),
    "lying": (
        "from modelport import Framework, hookimpl\n@hookimpl\ndef framework():\n    return 7",
        "must return a Framework",
    ),
    "misspelt": ("def framework(:", "SyntaxError"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_listed_with_its_reason(name: str, modelport: Any, install: Any) -> None:
    source, reason = BROKEN[name]
    install(name, source)

    outcome = modelport("plugins", "--json")

    rows = {row["key"]: row for row in json.loads(outcome.out)}
    assert outcome.status == 0
    assert reason in rows[name]["error"]
    assert rows[name]["distribution"] == f"modelport-{name}"
    assert set(KEYS) <= {key for key, row in rows.items() if "error" not in row}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_harms_no_conversion(
    name: str, convert: Any, install: Any, onnx_files: Path, tmp_path: Path
) -> None:
    install(name, BROKEN[name][0])

    outcome = convert(onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx")

    assert outcome.status == 0
    assert f"modelport-{name}" not in outcome.err


def test_a_broken_plugin_that_is_asked_for_says_whose_it_is(refused: Any, install: Any, onnx_files: Path) -> None:
    install("raising", BROKEN["raising"][0])
    says = (
        "'raising' cannot be loaded",
        "its wheel is broken",
        "modelport-raising 1.2",
        "pip uninstall modelport-raising",
    )

    refused("--from", "raising", onnx_files / "doubling.onnx", status=6, says=says)


LISTENER = """
from modelport import hookimpl

@hookimpl
def conversion_finished(report):
    {body}
"""


def test_a_listener_hears_of_a_finished_conversion(
    convert: Any, install: Any, onnx_files: Path, tmp_path: Path
) -> None:
    heard = tmp_path / "heard"
    install("listener", LISTENER.format(body=f"open({str(heard)!r}, 'w').write(report.status + ' ' + report.verdict)"))

    assert convert(onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx").status == 0
    assert heard.read_text() == "delivered proven"


def test_a_listener_that_fails_costs_a_warning_and_not_the_result(
    convert: Any, install: Any, onnx_files: Path, tmp_path: Path
) -> None:
    install("listener", LISTENER.format(body="raise RuntimeError('nobody listens')"))

    outcome = convert(onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx")

    assert outcome.status == 0
    assert "nobody listens" in outcome.err
    assert (tmp_path / "out.onnx").is_file()


def test_plugins_are_found_through_the_path_of_a_process_of_its_own(python: Any, toy: Path) -> None:
    outcome = python("-m", "modelport", "plugins", "toy", path=toy)

    assert outcome.status == 0, outcome.err
    assert "modelport-toy 1.2" in outcome.out
    assert "factor" in outcome.out


# --- completion and the ways to start ------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_serves_both_commands(shell: str, modelport: Any) -> None:
    outcome = modelport("completion", shell)

    assert outcome.status == 0
    assert "_CONVERT_COMPLETE" in outcome.out
    assert "_MODELPORT_COMPLETE" in outcome.out


def test_an_unknown_shell_is_refused(modelport: Any) -> None:
    outcome = modelport("completion", "tcsh")

    assert outcome.status == 2
    assert "fish" in outcome.err


def test_the_package_runs_as_a_module(python: Any, onnx_files: Path, target: Path) -> None:
    outcome = python("-m", "modelport", "convert", onnx_files / "doubling.onnx", "-o", target)

    assert outcome.status == 0, outcome.err
    assert "proven" in outcome.err


@pytest.mark.parametrize("script", ["convert", "modelport"])
def test_the_script_is_installed(script: str) -> None:
    assert shutil.which(script)


def test_the_version_is_printed(modelport: Any) -> None:
    assert modelport("--version").out == f"modelport, version {package.__version__}\n"


@pytest.mark.parametrize(
    "words", [("--help",), ("convert", "--help"), ("verify", "-h"), ("inspect", "-h"), ("plugins", "-h")]
)
def test_help_is_printed(words: tuple[str, ...], modelport: Any) -> None:
    outcome = modelport(*words)

    assert outcome.status == 0
    assert outcome.out.startswith("Usage: modelport")


@pytest.mark.parametrize("command", ["convert", "verify", "inspect", "plan", "bench", "compare", "run"])
def test_the_help_of_a_command_says_that_its_model_option_runs_code(command: str, modelport: Any) -> None:
    assert "Runs this code of yours" in " ".join(modelport(command, "--help").out.split())
