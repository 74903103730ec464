"""PyTorch's files that would do more than compute: refused by every command before anything of them is loaded."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile import REFUSED, Nest, assert_refused, rewritten
from hostile_exported import EXPORTED, HANGING, exported
from hostile_pytorch import FILES
from hostile_torch import Net
from hostile_torchscript import scripted

pytestmark = pytest.mark.xdist_group("pytorch")

FIRING = [name for name, hostile in FILES.items() if hostile.fires not in ("", "hangs")]
COMMANDS = ("inspect", "convert", "plan", "verify", "verify the other", "bench", "compare", "run")


@pytest.mark.parametrize("name", FILES)
def test_no_command_runs_anything_of_a_hostile_file(
    name: str, nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = FILES[name].make(tmp_path, nest)
    for words in nest.commands(path).values():
        said = assert_refused(nest, words, capfd, (FILES[name].status,))
        assert "weights_only" not in said
        assert FILES[name].status == 2 or "--trust" in said


def test_every_command_that_opens_a_model_is_put_to_them(nest: Nest, tmp_path: Path) -> None:
    assert tuple(nest.commands(tmp_path / "model.pt")) == COMMANDS


@pytest.fixture(scope="module")
def fired(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Which hostile files did what they do when they were trusted, in another process."""
    folder = tmp_path_factory.mktemp("fired")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = f"import pathlib, hostile_pytorch; hostile_pytorch.fire(pathlib.Path({str(folder)!r}))"
    with (folder / "printed.txt").open("w") as printed:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=environment, stdout=printed, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, bool] = json.loads((folder / "fired.json").read_text())
    return result


@pytest.mark.parametrize("name", FIRING)
def test_a_hostile_file_is_hostile_when_it_is_trusted(name: str, fired: dict[str, bool]) -> None:
    assert fired[name]


@pytest.mark.parametrize("name", HANGING)
def test_a_size_that_cannot_be_evaluated_is_refused_at_once(
    name: str, nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = HANGING[name].make(tmp_path, nest)
    start = time.monotonic()
    assert_refused(nest, ["inspect", str(path)], capfd, (7,))
    assert time.monotonic() - start < 30


@pytest.mark.sweep
@pytest.mark.parametrize("name", HANGING)
def test_a_size_that_cannot_be_evaluated_takes_for_ever_when_it_is_trusted(
    name: str, nest: Nest, tmp_path: Path
) -> None:
    path = HANGING[name].make(tmp_path, nest)
    code = f"import torch; torch.export.load(open({str(path)!r}, 'rb'))"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", code], timeout=20)


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["script", "lite"])
def test_an_archive_that_inflates_beyond_the_memory_limit_is_refused_before_it_is_read(
    how: str, nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = scripted(tmp_path, Net(), how)
    bomb = rewritten(
        path, tmp_path / "bomb.pt", {"data/0": lambda _: bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED
    )
    assert bomb.stat().st_size < 1_000_000
    said = assert_refused(nest, ["inspect", str(bomb), "--memory", "20MB"], capfd, (2,))
    assert "50.0 MB" in said


def test_a_program_that_inflates_beyond_the_memory_limit_is_refused_before_it_is_read(
    nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    changes = {"weights/weight_0": lambda _: bytes(50_000_000)}
    bomb = rewritten(exported(tmp_path), tmp_path / "bomb.pt2", changes, compression=zipfile.ZIP_DEFLATED)
    assert_refused(nest, ["inspect", str(bomb), "--memory", "20MB"], capfd, (2,))


# --- damaged files -------------------------------------------------------------------------------


def edited(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def edit(data: bytes) -> bytes:
        content = json.loads(data)
        change(content)
        return json.dumps(content).encode()

    return edit


def tensor_of(program: dict[str, Any]) -> dict[str, Any]:
    tensor: dict[str, Any] = program["graph_module"]["graph"]["tensor_values"]["x"]
    return tensor


def first_node(program: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = program["graph_module"]["graph"]["nodes"][0]
    return node


DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "no program": ("models/model.json", lambda _: b""),
    "null": ("models/model.json", lambda _: b"null"),
    "a list": ("models/model.json", lambda _: b"[]"),
    "an empty object": ("models/model.json", lambda _: b"{}"),
    "no JSON": ("models/model.json", lambda data: data[: len(data) // 2]),
    "no UTF-8": ("models/model.json", lambda data: b"\xff\xfe" + data),
    "deep JSON": ("models/model.json", lambda _: b"[" * 200_000),
    "a number of ten thousand digits": (
        "models/model.json",
        lambda data: re.sub(rb'("as_int": ?)3', rb"\g<1>" + b"9" * 10_000, data),
    ),
    "no graph": ("models/model.json", edited(lambda p: p.pop("graph_module"))),
    "nodes that are a number": ("models/model.json", edited(lambda p: p["graph_module"]["graph"].update(nodes=3))),
    "a node without inputs": (
        "models/model.json",
        edited(lambda p: first_node(p).update(inputs=[])),
    ),
    "a target that is a list": (
        "models/model.json",
        edited(lambda p: first_node(p).update(target=["x"])),
    ),
    "a size of 2**62": ("models/model.json", edited(lambda p: tensor_of(p).update(sizes=[{"as_int": 2**62}] * 2))),
    "a negative size": ("models/model.json", edited(lambda p: tensor_of(p).update(sizes=[{"as_int": -3}] * 2))),
    "a size that is NaN": (
        "models/model.json",
        edited(lambda p: tensor_of(p).update(sizes=[{"as_int": float("nan")}] * 2)),
    ),
    "a type that does not exist": ("models/model.json", edited(lambda p: tensor_of(p).update(dtype=99))),
    "a range that is a list": ("models/model.json", edited(lambda p: p.update(range_constraints=[1, 2]))),
    "an empty range": ("models/model.json", edited(lambda p: p.update(range_constraints={"s0": {}}))),
    "no configuration of weights": ("model_weights_config.json", lambda _: b"{}"),
    "a configuration that is a list": ("model_weights_config.json", lambda _: b'{"config": [1]}'),
    "weights of another size": ("weights/weight_0", lambda data: data[:-1]),
    "no weights": ("weights/weight_0", lambda _: b""),
    "example inputs that are none": ("sample_inputs/model.pt", lambda data: data[:40]),
    "another version": ("archive_version", lambda _: b"99"),
}

SCRIPT_DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "no pickle": ("/data.pkl", lambda _: b""),
    "half a pickle": ("/data.pkl", lambda data: data[: len(data) // 2]),
    "a pickle of nothing": ("/data.pkl", lambda _: b"\x80\x02N."),
    "a shape beyond the storage": ("/data.pkl", lambda data: data.replace(b"(K\x03t", b"(J\xff\xff\xff\x0ft", 1)),
    "a negative shape": ("/data.pkl", lambda data: data.replace(b"(K\x03t", b"(J\xff\xff\xff\xfft", 1)),
    "no constants": ("constants.pkl", lambda _: b""),
    "no version": ("/version", lambda _: b""),
    "a version of letters": ("/version", lambda _: b"abc\n"),
    "a version of the far future": ("/version", lambda _: b"99999\n"),
    "half a source": ("hostile_torch.py", lambda data: data[: len(data) // 2]),
    "no source": ("hostile_torch.py", lambda _: b""),
    "a source of parentheses": ("hostile_torch.py", lambda _: b"x = " + b"(" * 10_000),
    "a source of signs": ("hostile_torch.py", lambda _: b"x = " + b"-" * 100_000 + b"1\n"),
    "a source of attributes": ("hostile_torch.py", lambda _: b"x = 1\nx = x" + b".a" * 100_000 + b"\n"),
    "no weights": ("data/0", lambda _: b""),
    "half the weights": ("data/0", lambda data: data[:6]),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_program_is_unreadable(
    name: str, nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    member, change = DAMAGE[name]
    path = rewritten(exported(tmp_path), tmp_path / "model.pt2", {member: change})
    for command in ("inspect", "convert"):
        assert_refused(nest, nest.commands(path)[command], capfd, REFUSED)


@pytest.mark.parametrize("name", SCRIPT_DAMAGE)
def test_a_damaged_torchscript_archive_is_unreadable(
    name: str, nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    member, change = SCRIPT_DAMAGE[name]
    path = rewritten(scripted(tmp_path, Net()), tmp_path / "model.pt", {member: change})
    for command in ("inspect", "convert"):
        assert_refused(nest, nest.commands(path)[command], capfd, REFUSED)


def test_an_archive_that_two_readers_read_differently_is_checked_by_the_reader_that_loads_it(
    nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bytes before a zip file move its members for Python's reader, but not for PyTorch's."""
    hostile = EXPORTED["a node that reads a file"].make(tmp_path, nest)
    harmless = exported(tmp_path)
    joined = tmp_path / "joined.pt2"
    joined.write_bytes(hostile.read_bytes() + harmless.read_bytes())
    assert_refused(nest, ["inspect", str(joined)], capfd, REFUSED)


def test_an_archive_with_two_members_of_one_name_is_unreadable(
    nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Which of them a reader takes is its own affair."""
    hostile = EXPORTED["a pickle as example inputs"].make(tmp_path, nest)
    pickled = next(name for name in zipfile.ZipFile(hostile).namelist() if name.endswith("sample_inputs/model.pt"))
    member = {"data/sample_inputs/MODEL.PT": zipfile.ZipFile(hostile).read(pickled)}
    path = rewritten(exported(tmp_path), tmp_path / "twice.pt2", {}, member)
    assert "one name" in assert_refused(nest, ["inspect", str(path)], capfd, (2,))


def test_a_deflated_checkpoint_is_no_shorter_than_its_tensors(
    nest: Nest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch.save({"weight": torch.zeros(2, 1_000_000), "bias": torch.zeros(2)}, tmp_path / "state.pth")
    path = rewritten(tmp_path / "state.pth", tmp_path / "model.pth", {}, compression=zipfile.ZIP_DEFLATED)
    words = [
        "convert",
        str(path),
        "-o",
        "out.onnx",
        "--model",
        "torch.nn:Linear(1000000, 2)",
        "--input",
        "input[N,1000000]",
    ]
    assert_refused(nest, words, capfd, REFUSED)
