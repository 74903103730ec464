"""Keras files that would run code or read other files: refused by every command, with the true cause."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile import Nest, assert_refused, statuses
from hostile_keras import FILES, fired
from keras_warnings import ARRAYS

pytestmark = [
    pytest.mark.xdist_group("keras"),
    ARRAYS,
    pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`:UserWarning"),
]


@pytest.mark.parametrize("name", FILES)
def test_no_command_runs_anything_of_a_hostile_file(
    name: str, nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = FILES[name].make(tmp_path, nest)
    for words in nest.commands(path).values():
        said = " ".join(assert_refused(nest, words, capfd, statuses(words, FILES[name].status)).split())
        assert FILES[name].cause in said
        assert FILES[name].status == 2 or "--trust" in said


@pytest.mark.parametrize("name", [name for name, hostile in FILES.items() if hostile.fires == "loads"])
def test_a_hostile_file_is_hostile_when_keras_trusts_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert fired(FILES[name], tmp_path)
