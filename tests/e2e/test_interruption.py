"""Conversions that are cut short: Ctrl-C, SIGTERM, a full disk. In processes of their own, with real signals and limits."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

SECONDS = 120

# A shell's background jobs ignore Ctrl-C, and a test run may be one: take what a terminal gives.
TERMINAL = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
CONVERT = "from modelport.cli import convert_main; convert_main()"

STATUS = {
    signal.SIGINT: (130, "interrupted: nothing was written"),
    signal.SIGTERM: (143, "terminated: nothing was written"),
}


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Read stderr up to the line that holds a text; returns what was read."""
    assert process.stderr is not None
    read = ""
    for line in process.stderr:
        read += line
        if text in line:
            return read
    raise AssertionError(f"{text!r} never came:\n{read}")


def assert_ends(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send the signal, and assert the exit status and the message."""
    process.send_signal(number)
    _, err = process.communicate(timeout=SECONDS)
    status, message = STATUS[number]
    assert process.returncode == status
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
@pytest.mark.parametrize("hook", ["load", "export", "run"])
def test_a_signal_in_the_middle_leaves_nothing_behind(
    hook: str,
    number: signal.Signals,
    spawn: Callable[..., Any],
    toy: Path,
    tmp_path: Path,
    target: Path,
    untouched: None,
) -> None:
    source = tmp_path / "net.toy"
    source.write_text(json.dumps({"slow": hook}))

    process = spawn("-c", f"{TERMINAL}\n{CONVERT}", source, "-o", target, path=toy)
    wait_for(process, f"toy: {hook}")

    assert_ends(process, number)


@pytest.mark.xdist_group("pytorch")
def test_ctrl_c_during_a_real_export_leaves_nothing_behind(
    spawn: Callable[..., Any], pytorch_files: Path, target: Path, untouched: None
) -> None:
    process = spawn("-c", f"{TERMINAL}\n{CONVERT}", pytorch_files / "net.pt2", "-o", target)
    wait_for(process, "✓ signature")

    assert_ends(process, signal.SIGINT)


@pytest.mark.parametrize("stage_before", ["check", "open"], ids=["while the source runs", "while the result runs"])
def test_ctrl_c_during_a_proof_leaves_nothing_behind(
    stage_before: str, spawn: Callable[..., Any], tmp_path: Path, target: Path, untouched: None
) -> None:
    save_slow_model(tmp_path / "slow.onnx")

    process = spawn("-c", f"{TERMINAL}\n{CONVERT}", tmp_path / "slow.onnx", "-o", target, "--proof-seconds", 600)
    wait_for(process, f"✓ {stage_before}")

    assert_ends(process, signal.SIGINT)


def test_ctrl_c_with_json_still_prints_a_report_that_is_json(
    spawn: Callable[..., Any], toy: Path, tmp_path: Path, target: Path, untouched: None
) -> None:
    source = tmp_path / "net.toy"
    source.write_text(json.dumps({"slow": "export"}))

    process = spawn("-c", f"{TERMINAL}\n{CONVERT}", source, "-o", target, "--json", path=toy)
    wait_for(process, "toy: export")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=SECONDS)

    report = json.loads(out)
    assert (process.returncode, report["status"], report["error"]["exit_status"]) == (130, "failed", 130)


def save_slow_model(path: Path) -> None:
    """Save a loop of matrix products that takes about half a second for each case of a proof."""
    weight = numpy_helper.from_array(np.eye(256, dtype=np.float32), "w")
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("MatMul", ["before", "w"], ["after"]), helper.make_node("Identity", ["go"], ["going"])],
        "body",
        [
            info("step", TensorProto.INT64, []),
            info("go", TensorProto.BOOL, []),
            info("before", TensorProto.FLOAT, ["N", 256]),
        ],
        [info("going", TensorProto.BOOL, []), info("after", TensorProto.FLOAT, ["N", 256])],
    )
    steps, true = numpy_helper.from_array(np.int64(5_000), "steps"), numpy_helper.from_array(np.bool_(True), "true")
    graph = helper.make_graph(
        [helper.make_node("Loop", ["steps", "true", "x"], ["y"], body=body)],
        "slow",
        [info("x", TensorProto.FLOAT, ["N", 256])],
        [info("y", TensorProto.FLOAT, ["N", 256])],
        [weight, steps, true],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


# --- a full disk ---------------------------------------------------------------------------------

FULL_ON_OPEN = """
import errno, os, sys
def refuse(event, arguments):
    if event != "open" or ".partial" not in str(arguments[0]):
        return
    path, mode, _ = arguments
    if os.path.basename(path) == {name!r} and str(mode).startswith({mode!r}):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
sys.addaudithook(refuse)
"""

FILES_OF_AT_MOST_10_KB = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))"


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        pytest.param("model.onnx", "w", (), id="while writing the model"),
        pytest.param("model.onnx.data", "w", ("--external-data", "always"), id="while writing its weights"),
        pytest.param("model.onnx", "a", (), id="while writing the provenance"),
    ],
)
def test_a_full_disk_is_named_and_nothing_left_behind(
    name: str, mode: str, words: tuple[str, ...], python: Any, onnx_files: Path, target: Path, untouched: None
) -> None:
    setup = FULL_ON_OPEN.format(name=name, mode=mode)

    outcome = python("-c", f"{setup}\n{CONVERT}", onnx_files / "repeating.onnx", "-o", target, *words)

    assert outcome.status == 2, outcome.err
    for text in ("there is no space left", f"where: {target}\n", "what to do: free some space"):
        assert text in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("words", [(), ("--external-data", "always")], ids=["the model", "its weights"])
def test_a_write_that_the_system_cuts_off_is_named_and_nothing_left_behind(
    words: tuple[str, ...], python: Any, tmp_path: Path, target: Path, untouched: None
) -> None:
    pytest.importorskip("resource", reason="limits are POSIX's")
    source = tmp_path / "large.onnx"
    weight = numpy_helper.from_array(np.ones((4, 10_000), np.float32), "w")
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size]) for name, size in (("x", 4), ("y", 10_000))
    ]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "large", values[:1], values[1:], [weight]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), source)

    outcome = python("-c", f"{FILES_OF_AT_MOST_10_KB}\n{CONVERT}", source, "-o", target, *words)

    assert outcome.status == 2, outcome.err
    for text in ("cannot write the target: File too large", f"where: {target}\n", "what to do: "):
        assert text in outcome.err
    assert "Traceback" not in outcome.err
