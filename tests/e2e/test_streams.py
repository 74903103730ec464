"""How a command ends does not depend on who reads what it prints, on the locale, on memory's limit or on when Ctrl-C comes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from modelport import cli

SECONDS = 120
CONVERT = "from modelport.cli import convert_main; convert_main()"
MODELPORT = "from modelport.cli import main; main()"
QUICK = ("--proof-seconds", "0")


def shell(redirections: str, code: str, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code with its streams as a shell redirects them; what is left of them is captured."""
    line = f'"$@" {redirections}'
    command = ["bash", "-o", "pipefail", "-c", line, "bash", sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(
        command, capture_output=True, stdin=subprocess.DEVNULL, text=True, errors="surrogateescape",
        timeout=SECONDS, env=os.environ | environment, check=False,
    )  # fmt: skip


def assert_quiet(text: str) -> None:
    for noise in ("Traceback", "ignored", "Errno", "lost sys.std"):
        assert noise not in text, text


# --- streams -------------------------------------------------------------------------------------

STREAMS = {
    "stdout closed": ">&-",
    "stderr closed": "2>&-",
    "all closed": "<&- >&- 2>&-",
    "stdout full": ">/dev/full",
    "stderr full": "2>/dev/full",
    "both full": ">/dev/full 2>&1",
    "reader gone": "| true",
    "reader of one line": "| head -1",
    "reader of both gone": "2>&1 | true",
}
streams = pytest.mark.parametrize("redirections", STREAMS.values(), ids=STREAMS)


@streams
@pytest.mark.parametrize("words", [(), ("--json",)], ids=["", "json"])
def test_a_conversion_is_delivered_whoever_listens(
    redirections: str, words: tuple[str, ...], onnx_files: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.onnx"

    ended = shell(redirections, CONVERT, onnx_files / "doubling.onnx", "-o", target, *QUICK, *words)

    assert ended.returncode == 0, ended.stderr
    onnx.checker.check_model(str(target), full_check=True)
    assert_quiet(ended.stdout + ended.stderr)


@streams
def test_a_conversion_that_fails_keeps_its_status_whoever_listens(
    redirections: str, onnx_files: Path, tmp_path: Path
) -> None:
    ended = shell(redirections, CONVERT, onnx_files / "doubling.onnx", "-o", tmp_path / "no" / "out.onnx", "--json")

    assert ended.returncode == 2
    assert_quiet(ended.stdout + ended.stderr)


@streams
@pytest.mark.parametrize(
    "words", [("inspect", "m.onnx"), ("plan", "m.onnx", "--to", "onnx"), ("verify", "m.onnx", "m.onnx", *QUICK), ("--help",)],
    ids=lambda words: words[0],
)  # fmt: skip
def test_every_command_keeps_its_status_whoever_listens(
    redirections: str, words: tuple[str, ...], onnx_files: Path
) -> None:
    named = [onnx_files / "doubling.onnx" if word == "m.onnx" else word for word in words]

    ended = shell(redirections, MODELPORT, *named)

    assert ended.returncode == 0, ended.stderr
    assert_quiet(ended.stdout + ended.stderr)


def test_a_json_report_that_a_full_disk_swallowed_is_missed_on_stderr(onnx_files: Path, tmp_path: Path) -> None:
    words = (onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx", "--json", "-q", *QUICK)

    assert "stdout could not be written: No space left on device" in shell(">/dev/full", CONVERT, *words).stderr
    assert shell("| true", CONVERT, *words).stderr == ""


NUMBERS = """
import os
for number in range(3):
    assert os.path.samestat(os.fstat(number), os.stat(os.devnull)), number
"""


def test_a_closed_stream_s_number_is_given_to_no_file(toy: Path, tmp_path: Path) -> None:
    """Else what native code prints would go into the model."""
    plugin = toy / "modelport_toy.py"
    checking = "\n".join(f"    {line}" for line in NUMBERS.splitlines())
    plugin.write_text(plugin.read_text().replace('    _linger(model, "export")\n', f"{checking}\n"))
    (tmp_path / "net.toy").write_text("{}")
    paths = os.pathsep.join([str(toy), os.environ.get("PYTHONPATH", "")])

    ended = shell("<&- >&- 2>&-", CONVERT, tmp_path / "net.toy", *QUICK, PYTHONPATH=paths)

    assert NUMBERS.splitlines()[-1] in plugin.read_text()
    assert ended.returncode == 0
    onnx.checker.check_model(str(tmp_path / "net.onnx"), full_check=True)


# --- the report page -----------------------------------------------------------------------------


@pytest.mark.parametrize("fails", [False, True], ids=["delivered", "refused"])
def test_a_page_that_the_disk_has_no_room_for_costs_a_warning(
    fails: bool, python: Any, onnx_files: Path, tmp_path: Path
) -> None:
    pytest.importorskip("resource", reason="limits are POSIX's")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))"
    words = ("-o", "out.onnx", "--report", "page.html", *QUICK, *(("--input", "z:float32[2]") if fails else ()))

    outcome = python("-c", f"{limit}\n{CONVERT}", onnx_files / "doubling.onnx", *words)

    assert outcome.status == (2 if fails else 0), outcome.err
    assert "warning: cannot write the report: File too large" in outcome.err
    assert_quiet(outcome.err)
    assert [path.name for path in tmp_path.iterdir()] == ([] if fails else ["out.onnx"])


def test_a_plot_that_the_disk_has_no_room_for_does_not_cost_what_was_measured(
    python: Any, onnx_files: Path, tmp_path: Path
) -> None:
    pytest.importorskip("resource", reason="limits are POSIX's")
    pytest.importorskip("matplotlib")
    import_it = "import os; os.environ['MPLCONFIGDIR'] = '/nonexistent'; import matplotlib.font_manager"
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))"
    words = ("--plot", "plot.svg", "--grid", "N=1", "--rounds", 2, "--warmup", 0, "--no-memory")

    outcome = python("-c", f"{import_it}\n{limit}\n{MODELPORT}", "bench", onnx_files / "doubling.onnx", *words)

    assert outcome.status == 0, outcome.err
    assert "p50 ms" in outcome.out
    assert "note: the plot was not written: cannot write the target: File too large" in outcome.out
    assert not list(tmp_path.iterdir())


# --- names and locales ---------------------------------------------------------------------------

LOCALES: dict[str, dict[str, str]] = {
    "C": {"LC_ALL": "C"},
    "POSIX": {"LC_ALL": "POSIX"},
    "ASCII streams": {"PYTHONIOENCODING": "ascii"},
    "ASCII paths": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("words", [(), ("--json",)], ids=["", "json"])
def test_a_locale_of_ascii_hinders_no_conversion(
    locale: str, words: tuple[str, ...], onnx_files: Path, tmp_path: Path
) -> None:
    ended = shell("", CONVERT, onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx", *words, **LOCALES[locale])

    assert ended.returncode == 0, ended.stderr
    assert not words or json.loads(ended.stdout)["verdict"] == "proven"


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("place", ["source", "target"])
@pytest.mark.parametrize("name", [b"mod\xc3\xa8le.onnx", b"m\xff.onnx"], ids=["UTF-8", "no UTF-8"])
def test_any_name_works_or_is_refused(place: str, name: bytes, locale: str, onnx_files: Path, tmp_path: Path) -> None:
    path, other = tmp_path / os.fsdecode(name), tmp_path / "plain.onnx"
    source, target = (path, other) if place == "source" else (other, path)
    source.write_bytes((onnx_files / "doubling.onnx").read_bytes())

    ended = shell("", CONVERT, source, "-o", target, "--json", *QUICK, **LOCALES[locale])

    refused = locale == "ASCII paths" or name == b"m\xff.onnx"
    assert ended.returncode == (2 if refused else 0), ended.stderr
    assert target.exists() is not refused
    assert json.loads(ended.stdout)["source"]
    if refused:
        assert "as UTF-8" in ended.stderr
    assert_quiet(ended.stderr)


# --- memory --------------------------------------------------------------------------------------

LIMITED = """
import resource, sys
import modelport.pipeline, onnxruntime, rich.console
from modelport.plugins import registry
registry().all()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = used + int(sys.argv.pop(1)) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 64 MB."""
    path = tmp_path_factory.mktemp("large") / "large.onnx"
    weight = numpy_helper.from_array(np.ones((4096, 4096), np.float32), "w")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4096]) for name in "xy"]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "large", values[:1], values[1:], [weight]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="limits and their use are read from Linux")
@pytest.mark.parametrize("megabytes", [30, 70, 100, 130, 160, 190])
def test_a_limit_of_memory_is_called_by_its_name(megabytes: int, python: Any, large: Path, tmp_path: Path) -> None:
    outcome = python("-c", f"{LIMITED}\n{CONVERT}", megabytes, large, "-o", tmp_path / "out.onnx", *QUICK)

    assert outcome.status == 3, outcome.err
    for text in ("error: out of memory", "what to do: free memory"):
        assert text in outcome.err
    for text in ("Traceback", "interrupted", "complete", "truncated", "bug"):
        assert text not in outcome.err
    assert not list(tmp_path.iterdir())


# --- Ctrl-C --------------------------------------------------------------------------------------

TERMINAL = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""A shell's background jobs ignore Ctrl-C, and a test run may be one: take what a terminal gives."""
STARTED = f"""{TERMINAL}
import os, sys
class Telling:
    def find_spec(name, *rest):
        if name == "modelport.cli.running":
            os.write(1, b"!")
sys.meta_path.insert(0, Telling)
{CONVERT}
"""
"""Says when the command has begun its first import of any length."""


@pytest.mark.parametrize("milliseconds", [0, 10, 20, 30, 40, 50, 75, 100, 150, 200, 250, 300, 350, 400])
def test_ctrl_c_at_the_start_ends_without_a_word_of_pythons(
    milliseconds: int, spawn: Callable[..., Any], onnx_files: Path, tmp_path: Path
) -> None:
    words = (onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx", "--proof-seconds", 600)
    process = spawn("-c", STARTED, *words)
    assert process.stdout.read(1) == "!"
    time.sleep(milliseconds / 1000)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)

    assert process.returncode == 130, err
    assert "interrupted: nothing was written" in err
    assert_quiet(err)
    assert not list(tmp_path.iterdir())


def test_the_entry_imports_nothing_before_it_listens() -> None:
    code = "import sys; before = set(sys.modules); import modelport.cli; print(*set(sys.modules) - before)"

    assert set(shell("", code).stdout.split()) <= {"modelport", "modelport.cli", "__future__"}
    assert callable(cli.main)


def test_an_interruption_after_the_delivery_says_what_was_written(
    spawn: Callable[..., Any], onnx_files: Path, tmp_path: Path
) -> None:
    late = (
        "import signal, modelport.cli.output as o\no.print_report = lambda report: signal.raise_signal(signal.SIGINT)\n"
    )

    process = spawn(
        "-c", f"{TERMINAL}{late}{CONVERT}", onnx_files / "doubling.onnx", "-o", tmp_path / "out.onnx", *QUICK
    )
    _, err = process.communicate(timeout=SECONDS)

    assert process.returncode == 130
    assert f"interrupted: {tmp_path / 'out.onnx'} had been written" in err
