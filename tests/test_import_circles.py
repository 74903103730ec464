"""Core, converters and plugins: no two files import each other, and no folder holds more than a reader takes in."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SCRIPT = TESTS / "import_circles.py"
MOST_FILES = 18


def test_no_two_files_import_each_other() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "0 import circles\n")


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        ("import modelport.b", "from modelport import a", 1),
        ("import modelport.b", "def f():\n    from modelport.a import x", 1),
        ("import modelport.b", "if TYPE_CHECKING:\n    import modelport.a", 0),
        ("import modelport.b", "import json", 0),
    ],
)
def test_a_circle_is_found_where_an_import_hides_in_a_function_and_not_in_annotations(
    first: str, second: str, count: int, tmp_path: Path
) -> None:
    package = tmp_path / "tests", tmp_path / "core" / "modelport"
    for folder in package:
        folder.mkdir(parents=True)
    script = tmp_path / "tests" / "import_circles.py"
    script.write_text(SCRIPT.read_text())
    (package[1] / "__init__.py").touch()
    (package[1] / "a.py").write_text(first)
    (package[1] / "b.py").write_text(second)

    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)

    assert done.stdout.splitlines()[0] == f"{count} import circles"
    assert done.returncode == bool(count)
    assert ("modelport.a, modelport.b" in done.stdout) == bool(count)


def test_no_folder_holds_more_files_than_a_reader_takes_in() -> None:
    roots = [TESTS.parent / name for name in ("core", "converters", "plugins")]
    counts = Counter(path.parent for root in roots for path in root.rglob("*.py"))
    assert {str(folder): count for folder, count in counts.items() if count > MOST_FILES} == {}
