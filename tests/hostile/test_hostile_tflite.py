"""TensorFlow Lite files that would run more than LiteRT's operators, or that LiteRT dies of: refused before it opens them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import Nest, assert_refused, statuses
from hostile_tflite import FILES

pytestmark = pytest.mark.xdist_group("tflite")


@pytest.mark.parametrize("name", FILES)
def test_no_command_opens_a_hostile_file(
    name: str, nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = FILES[name].make(tmp_path, nest)
    for words in nest.commands(path).values():
        said = " ".join(assert_refused(nest, words, capfd, statuses(words, FILES[name].status)).split())
        assert FILES[name].cause in said


@pytest.mark.broad
@pytest.mark.parametrize("name", [name for name, hostile in FILES.items() if hostile.fires == "dies"])
def test_litert_dies_of_a_hostile_file(name: str, tmp_path: Path) -> None:
    code = f"import pathlib, hostile_tflite; hostile_tflite.die({name!r}, pathlib.Path({str(tmp_path)!r}))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGSEGV, done.stderr[-2000:]
