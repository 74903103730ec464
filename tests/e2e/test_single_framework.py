"""With one framework installed, the others are named with the exact line that installs them, and nothing else breaks."""

import os
import subprocess
import sys

import pytest

ONLY = os.environ.get("MODELPORT_ONLY", "")
INSTALLED = {
    "keras": {"keras", "tensorflow"},
    "tensorflow": {"keras", "tensorflow"},
    "tflite": {"keras", "tensorflow", "tflite"},
}.get(ONLY, {ONLY})
SOURCES = {"sklearn": "x.skops", "pytorch": "x.pt2", "keras": "x.keras", "tensorflow": "saved", "tflite": "x.tflite"}
ABSENT = sorted(set(SOURCES) - INSTALLED)

pytestmark = pytest.mark.skipif(
    not ONLY, reason="runs in the tox environments of a single framework, which set MODELPORT_ONLY"
)


def command(*words):
    return subprocess.run([sys.executable, "-m", "modelport", *map(str, words)], capture_output=True, text=True)


@pytest.fixture
def source(tmp_path):
    def make(key):
        path = tmp_path / SOURCES[key]
        if path.suffix:
            path.write_bytes(b"PK\x03\x04 anything")
        else:
            path.mkdir()
            (path / "saved_model.pb").write_bytes(b"\x08\x01")
        return path

    return make


@pytest.mark.parametrize("key", ABSENT)
def test_absent_framework_is_named_with_its_pip_line(key, source, tmp_path):
    target = tmp_path / "out.onnx"
    done = command("convert", "--from", key, source(key), "-o", target)
    assert done.returncode == 6
    assert f"pip install 'modelport[{key}]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not target.exists()


@pytest.mark.parametrize("key", ABSENT)
def test_listing_shows_what_is_not_installed(key):
    done = command("plugins", key)
    assert done.returncode == 0
    assert f"pip install 'modelport[{key}]'" in done.stdout


@pytest.mark.parametrize("key", sorted(INSTALLED & set(SOURCES)))
def test_installed_framework_is_listed_with_its_version(key):
    done = command("plugins", key)
    assert done.returncode == 0
    assert "not installed" not in done.stdout


def test_every_plugin_is_listed_and_none_is_broken():
    done = command("plugins", "--json")
    assert done.returncode == 0
    assert "error" not in done.stdout.lower().replace('"errors"', "")
    assert all(f'"{key}"' in done.stdout for key in (*SOURCES, "onnx"))
