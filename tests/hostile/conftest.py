"""Where hostile files are put to the commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile import Nest


@pytest.fixture
def nest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nest:
    """The folder of one test, also the current one, so that what a file writes beside itself is found there."""
    monkeypatch.chdir(tmp_path)
    return Nest(tmp_path)
