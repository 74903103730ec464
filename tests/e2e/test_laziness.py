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
    names = sorted({{name.partition(".")[0] for name in sys.modules}})
    open(sys.argv[1], "w").write(json.dumps(names))
"""


@pytest.fixture
def imported(python: Any, tmp_path: Path) -> Any:
    """Run a command and return the top-level modules that it imported."""

    def run(entry: str, *words: object) -> set[str]:
        outcome = python("-c", IMPORTED.format(entry=entry), tmp_path / "modules.json", *words)
        assert outcome.status == 0, outcome.err
        return set(json.loads((tmp_path / "modules.json").read_text()))

    return run


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
