"""What a command imports before it has something to do, seen in processes of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FRAMEWORKS = frozenset({"torch", "tensorflow", "keras", "sklearn", "skl2onnx", "tf2onnx", "onnxscript", "pandas"})
HEAVY = FRAMEWORKS | {"numpy", "onnx", "onnxruntime", "onnx_ir", "ml_dtypes", "PIL", "rich", "msgspec"}

IMPORTED = """
import json, sys
from modelport.cli import {entry}
try:
    {entry}(sys.argv[2:])
finally:
    open(sys.argv[1], "w").write(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture
def modules(python: Any, tmp_path: Path) -> Any:
    """Run a command and return the modules that it imported."""

    def run(entry: str, *words: object, **settings: Any) -> set[str]:
        outcome = python("-c", IMPORTED.format(entry=entry), tmp_path / "modules.json", *words, **settings)
        assert outcome.status == 0, outcome.err
        return set(json.loads((tmp_path / "modules.json").read_text()))

    return run


@pytest.fixture
def imported(modules: Any) -> Any:
    """Run a command and return the top-level modules that it imported."""

    def run(entry: str, *words: object) -> set[str]:
        return {name.partition(".")[0] for name in modules(entry, *words)}

    return run


def plugin_modules(names: set[str]) -> set[str]:
    """Return those of the modules that are plugins of ours or of third parties."""
    own = {name for name in names if name.startswith("modelport_plugins.") and name.count(".") == 1}
    others = {name for name in names if name.startswith("modelport_") and "." not in name}
    return own | others - {"modelport_plugins", "modelport_converters"}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("convert_main", ("--help",)),
        ("main", ("--help",)),
        ("main", ("--version",)),
        ("main", ("convert", "--help")),
        ("main", ("verify", "--help")),
        ("main", ("inspect", "--help")),
        ("main", ("plugins", "--help")),
        ("main", ("view", "--help")),
        ("main", ("completion", "bash")),
    ],
)
def test_help_imports_nothing_heavy(entry: str, words: tuple[str, ...], imported: Any) -> None:
    assert not imported(entry, *words) & HEAVY


@pytest.mark.parametrize("words", [(), ("keras",), ("torch",), ("--json",)])
def test_the_list_of_plugins_imports_no_framework(words: tuple[str, ...], imported: Any) -> None:
    assert not imported("main", "plugins", *words) & (FRAMEWORKS | {"onnxruntime"})


@pytest.mark.parametrize("words", [(), ("--from", "onnx")], ids=["detected", "named"])
def test_a_conversion_imports_no_framework_but_its_own(
    words: tuple[str, ...], imported: Any, onnx_files: Path, tmp_path: Path
) -> None:
    source = (onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx")

    assert not imported("convert_main", *source, *words) & FRAMEWORKS


def test_shell_completion_of_frameworks_imports_nothing_heavy(python: Any, tmp_path: Path) -> None:
    setup = (
        "import os; os.environ.update(_CONVERT_COMPLETE='bash_complete', COMP_WORDS='convert --from ', COMP_CWORD='2')"
    )
    script = (
        f"{setup}\nimport sys\nfrom modelport.cli import convert_main\n"
        "try:\n    convert_main()\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    )

    outcome = python("-c", script)

    assert {"plain,keras", "plain,onnx", "plain,pytorch", "plain,sklearn", "plain,tensorflow"} <= set(
        outcome.out.split()
    )
    assert not {name.partition(".")[0] for name in outcome.err.split()} & HEAVY


# --- plugins -------------------------------------------------------------------------------------

CONTRIBUTOR = """
from modelport import hookimpl

@hookimpl
def contribute(to):
    assert to == "sklearn"
"""


@pytest.fixture
def contributor(install: Any) -> Path:
    """Install a module that contributes to scikit-learn's translation; returns the folder for PYTHONPATH."""
    folder: Path = install("contributor", CONTRIBUTOR, group="modelport.contributors", entry="sklearn", path=False)
    return folder


def test_a_conversion_from_keras_imports_two_plugins(
    modules: Any, keras_files: Path, contributor: Path, tmp_path: Path
) -> None:
    words = ("--from", "keras", "--to", "onnx", keras_files / "model.keras", "-o", tmp_path / "out.onnx")

    found = modules("convert_main", *words, path=contributor)

    assert plugin_modules(found) == {"modelport_plugins.keras", "modelport_plugins.onnx"}


def test_a_conversion_from_sklearn_imports_two_plugins_and_who_contributes_to_it(
    modules: Any, sklearn_files: Path, contributor: Path, tmp_path: Path
) -> None:
    words = ("--from", "sklearn", "--to", "onnx", sklearn_files / "iris.skops", "-o", tmp_path / "out.onnx")

    found = plugin_modules(modules("convert_main", *words, path=contributor))

    others = {"modelport_lightgbm"}  # the example, a contributor too where it is installed
    assert found - others == {"modelport_plugins.sklearn", "modelport_plugins.onnx", "modelport_contributor"}


def test_a_listener_is_imported_for_a_conversion_that_is_not_its_own(
    modules: Any, install: Any, onnx_files: Path, tmp_path: Path
) -> None:
    source = "from modelport import hookimpl\n\n@hookimpl\ndef conversion_finished(report): ...\n"
    site = install("listener", source, group="modelport.listeners", entry="any", path=False)

    found = modules(
        "convert_main", "--from", "onnx", onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx", path=site
    )

    assert plugin_modules(found) == {"modelport_plugins.onnx", "modelport_listener"}
