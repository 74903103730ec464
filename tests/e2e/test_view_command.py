"""``modelport view``: Netron on loopback, in a process of its own, ended with Ctrl-C."""

from __future__ import annotations

import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("netron")

SECONDS = 60
VIEW = """
import signal, sys, webbrowser
signal.signal(signal.SIGINT, signal.default_int_handler)  # as a terminal gives it, also where the tests are a background job
webbrowser.open = lambda address: print("browser:", address, file=sys.stderr, flush=True)
from modelport.cli import main
main()
"""


def address_of(process: subprocess.Popen[str]) -> str:
    """Return the address that the process prints as its first line."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=SECONDS) as answer:
        content: bytes = answer.read()
    return content


@pytest.fixture
def view(spawn: Callable[..., Any]) -> Callable[..., subprocess.Popen[str]]:
    """Start ``modelport view`` with a browser that only says what it would open."""

    def start(*words: object) -> subprocess.Popen[str]:
        return spawn("-c", VIEW, "view", *words)

    return start


def test_the_model_and_netron_are_served_until_ctrl_c(view: Any, onnx_files: Path) -> None:
    process = view(onnx_files / "doubling.onnx", "--no-browser")
    address = address_of(process)

    assert address.startswith("http://127.0.0.1:")
    assert b"/data/doubling.onnx" in get(address)
    assert get(f"{address}/data/doubling.onnx") == (onnx_files / "doubling.onnx").read_bytes()

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert "browser:" not in err
    with pytest.raises(urllib.error.URLError):
        get(address)


def test_the_page_is_opened_in_the_browser(view: Any, onnx_files: Path) -> None:
    process = view(onnx_files / "doubling.onnx")
    address = address_of(process)
    get(address)

    for line in process.stderr:
        if line.startswith("browser:"):
            assert line == f"browser: {address}\n"
            break
    else:
        raise AssertionError("the browser was not opened")


def test_only_this_machine_can_reach_it(view: Any, onnx_files: Path) -> None:
    port = int(address_of(view(onnx_files / "doubling.onnx", "--no-browser")).rpartition(":")[2])
    with socket.socket() as other, pytest.raises(ConnectionRefusedError):
        other.connect(("127.0.0.2", port))  # another address of this machine stands for every other interface


def test_the_port_asked_for_is_taken(view: Any, onnx_files: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    assert address_of(view(onnx_files / "doubling.onnx", "--no-browser", "--port", port)) == f"http://127.0.0.1:{port}"


def test_a_saved_model_is_shown_by_its_graph(view: Any, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"a graph")

    assert b"/data/saved_model.pb" in get(address_of(view(tmp_path / "saved", "--no-browser")))


def test_a_port_in_use_is_named(modelport: Any, onnx_files: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        outcome = modelport("view", onnx_files / "doubling.onnx", "--no-browser", "--port", port)

    assert outcome.status == 2
    for text in (f"the port {port} is in use", f"where: 127.0.0.1:{port}", "what to do: choose another with --port"):
        assert text in outcome.err
    assert outcome.out == ""


def test_a_missing_netron_is_named_with_its_pip_line(modelport: Any, absent: Any, onnx_files: Path) -> None:
    absent("netron")

    outcome = modelport("view", onnx_files / "doubling.onnx")

    assert outcome.status == 6
    assert "pip install 'modelport[workbench]'" in outcome.err


@pytest.mark.parametrize("kind", ["missing", "empty", "folder"])
def test_what_is_no_model_is_refused(kind: str, modelport: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    if kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
        (path / "something").touch()

    outcome = modelport("view", path, "--no-browser")

    assert outcome.status == 2
    assert str(path) in outcome.err
    assert "Traceback" not in outcome.err


def test_inspect_hands_over_to_the_same_view(spawn: Any, onnx_files: Path) -> None:
    process = spawn("-c", VIEW, "inspect", onnx_files / "doubling.onnx", "--netron")
    address = next(line.strip() for line in process.stdout if line.startswith("http://127.0.0.1:"))

    assert b"/data/doubling.onnx" in get(address)

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 0
