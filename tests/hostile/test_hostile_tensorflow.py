"""SavedModels and frozen graphs that would do more than compute: refused by every command before anything of them is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import Nest, assert_refused, statuses
from hostile_tensorflow import FILES

pytestmark = pytest.mark.xdist_group("tensorflow")


@pytest.mark.parametrize("name", FILES)
def test_no_command_runs_anything_of_a_hostile_model(
    name: str, nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = FILES[name].make(tmp_path, nest)
    for words in nest.commands(path).values():
        said = assert_refused(nest, words, capfd, statuses(words, FILES[name].status))
        assert FILES[name].status == 2 or "--trust" in said


@pytest.mark.broad
def test_hostile_models_are_hostile_when_they_are_loaded(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = f"import pathlib, hostile_tensorflow; hostile_tensorflow.fire(pathlib.Path({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    fired = json.loads((tmp_path / "fired.json").read_text())
    assert fired == {name: True for name, hostile in FILES.items() if hostile.fires}


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("a file written in a function", "WriteFile"),
        ("a table of another file", "InitializeTableFromTextFileV2"),
        ("an asset above the folder", "../../secret"),
        ("an asset that is a link", "a link leads out"),
        ("a checkpoint saved when one is restored", "SaveV2"),
        ("another checkpoint restored", "RestoreV2"),
        ("a computed result beyond memory", "Fill"),
        ("functions in a circle", "calls itself"),
    ],
)
def test_the_refusal_names_the_cause(
    name: str, cause: str, nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = FILES[name].make(tmp_path, nest)
    said = assert_refused(nest, ["convert", str(path), "-o", "out.onnx"], capfd, (FILES[name].status,))
    assert cause in said
