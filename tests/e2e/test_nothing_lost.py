"""No command replaces what is no result of its own, and none leaves anything behind, whatever its target and its end."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from modelport.delivery import workspace
from modelport.delivery.workspace import Workspace

CONVERT = "from modelport.cli import convert_main; convert_main()"
TENSORFLOW = ("--to", "tensorflow", "--proof-seconds", 0)


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its contents, and every empty folder; ONNX Runtime keeps a cache in the home."""
    paths = [path for path in folder.rglob("*") if path.is_file() or (path.is_dir() and not any(path.iterdir()))]
    paths = [path for path in paths if ".cache" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in paths}


@pytest.fixture
def work(tmp_path: Path, onnx_files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, within the home folder, with models, samples and a folder in it."""
    home = tmp_path / "home" / "me"
    work = home / "work"
    (work / "sub").mkdir(parents=True)
    (work / "sub" / "photo.jpg").write_text("precious")
    (home / "thesis.tex").write_text("precious")
    for name in ("doubling.onnx", "tripling.onnx", "expected.npz"):
        (work / name).write_bytes((onnx_files / name).read_bytes())
    np.savez(work / "x.npz", x=np.ones((3, 4), np.float32))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    return work


# --- folders that are no targets -----------------------------------------------------------------

FOLDERS = [".", "..", "../..", "../../..", "sub/..", "sub/../..", "../", "../work", "~", "~/..", "/", "/proc"]


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "forced"])
@pytest.mark.parametrize("absolute", [False, True], ids=["as typed", "absolute"])
@pytest.mark.parametrize("target", FOLDERS)
def test_a_conversion_to_a_folder_that_holds_more_than_a_result_is_refused_before_any_work(
    target: str, absolute: bool, force: tuple[str, ...], convert: Any, work: Path, tmp_path: Path
) -> None:
    before = tree(tmp_path)
    where = Path(target).expanduser()

    outcome = convert("doubling.onnx", "-o", where.absolute() if absolute else where, *TENSORFLOW, *force)

    assert outcome.status == 2, outcome.err
    assert "cannot write the target: it is" in outcome.err
    assert "what to do: " in outcome.err
    assert "✓" not in outcome.err
    assert tree(tmp_path) == before


COMMANDS: dict[str, tuple[object, ...]] = {
    "convert": ("convert", "doubling.onnx", "-o"),
    "optimize": ("optimize", "doubling.onnx", "-o"),
    "quantize": ("quantize", "doubling.onnx", "-o"),
    "run": ("run", "doubling.onnx", "x.npz", "-o"),
    "bench --plot": ("bench", "doubling.onnx", "--plot"),
    "compare --csv": ("compare", "doubling.onnx", "tripling.onnx", "--samples", "x.npz", "--csv"),
    "compare --markdown": ("compare", "doubling.onnx", "tripling.onnx", "--samples", "x.npz", "--markdown"),
    "--report": ("convert", "doubling.onnx", "-o", "new.onnx", "--report"),
}
SUFFIXES = {"run": ".npz", "bench --plot": ".svg", "--report": ".html"}
every_command = pytest.mark.parametrize("command", COMMANDS)


@every_command
@pytest.mark.parametrize("target", ["..", ".", "sub", "sub/..", "/"])
def test_no_command_writes_a_file_where_a_folder_is(
    command: str, target: str, modelport: Any, work: Path, tmp_path: Path
) -> None:
    before = tree(tmp_path)

    outcome = modelport(*COMMANDS[command], target)

    assert outcome.status == 2, outcome.err
    assert "✓" not in outcome.err
    assert tree(tmp_path) == before


@every_command
@pytest.mark.parametrize("kind", ["link to nothing", "pipe", "link to a device", "link to the samples"])
def test_no_command_replaces_what_is_no_file_or_what_it_reads(
    kind: str, command: str, modelport: Any, work: Path, tmp_path: Path
) -> None:
    target = work / f"target{SUFFIXES.get(command, '.onnx')}"
    links = {"link to nothing": "nothing", "link to a device": "/dev/null", "link to the samples": "x.npz"}
    if kind in links:
        target.symlink_to(links[kind])
    else:
        os.mkfifo(target)
    before = sorted(work.iterdir()), (work / "x.npz").read_bytes()

    samples = () if command in ("run", "compare --csv", "compare --markdown") else ("--samples", "x.npz")
    outcome = modelport(*COMMANDS[command], target, *samples)

    assert outcome.status == 2, outcome.err
    assert "cannot write the " in outcome.err
    assert "✓" not in outcome.err
    assert (sorted(work.iterdir()), (work / "x.npz").read_bytes()) == before
    assert not target.is_file() or target.is_symlink()


def test_a_source_folder_is_not_replaced_by_what_becomes_of_it(convert: Any, keras_files: Path, tmp_path: Path) -> None:
    source = tmp_path / "models" / "saved"
    for path in (keras_files / "saved").rglob("*"):
        if path.is_file():
            (source / path.relative_to(keras_files / "saved")).parent.mkdir(parents=True, exist_ok=True)
            (source / path.relative_to(keras_files / "saved")).write_bytes(path.read_bytes())
    before = tree(tmp_path)

    for target in (source, source.parent):
        outcome = convert(source, "-o", target, *TENSORFLOW, "--force")
        assert outcome.status == 2
        assert "the same command reads" in outcome.err
    assert tree(tmp_path) == before


@pytest.mark.parametrize("page", ["out/page.html", "out.onnx/../out.html"])
def test_a_page_is_not_written_where_the_result_goes(page: str, modelport: Any, work: Path) -> None:
    target, names = ("out", TENSORFLOW) if page.startswith("out/") else ("out.html", ("--to", "onnx"))
    (work / "out").mkdir()
    (work / "out.onnx").mkdir()

    outcome = modelport("convert", "doubling.onnx", "-o", target, *names, "--report", page)

    assert outcome.status == 2
    assert "✓" not in outcome.err


# --- folders that are replaced -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["notes.txt", ".git", "variables/notes.txt"])
def test_a_foreign_folder_is_refused_and_force_is_named(name: str, convert: Any, work: Path) -> None:
    (work / "out" / "variables").mkdir(parents=True)
    (work / "out" / "saved_model.pb").write_text("a model")
    (work / "out" / name).write_text("mine")
    before = tree(work)

    outcome = convert("doubling.onnx", "-o", "out", *TENSORFLOW)

    assert outcome.status == 2
    assert f"it holds {name}" in outcome.err
    assert "--force" in outcome.err
    assert "✓" not in outcome.err
    assert tree(work) == before


@pytest.mark.xdist_group("tensorflow")
def test_a_saved_model_is_replaced_by_the_next_and_a_foreign_folder_with_force(convert: Any, work: Path) -> None:
    pytest.importorskip("tensorflow")
    out = work / "out"
    out.mkdir()

    first = convert("doubling.onnx", "-o", "out", *TENSORFLOW)
    names = sorted(path.name for path in out.iterdir())
    second = convert("tripling.onnx", "-o", "out", *TENSORFLOW, "--json")
    (out / "notes.txt").write_text("mine")
    third = convert("tripling.onnx", "-o", "out", *TENSORFLOW)
    fourth = convert("doubling.onnx", "-o", "out", *TENSORFLOW, "--force")

    assert [first.status, second.status, third.status, fourth.status] == [0, 0, 2, 0]
    assert json.loads(second.out)["replaced"] == ["out"]
    assert "replaced: out" in fourth.err
    assert sorted(path.name for path in out.iterdir()) == names
    assert not list(work.glob(".*"))


# --- files ---------------------------------------------------------------------------------------


def test_what_is_replaced_is_said(convert: Any, work: Path) -> None:
    (work / "out.onnx").write_text("old")

    outcome = convert("doubling.onnx", "-o", "out.onnx", "--json")

    assert outcome.status == 0
    assert "replaced: out.onnx" in outcome.err
    assert json.loads(outcome.out)["replaced"] == ["out.onnx"]
    assert "replaced" not in convert("doubling.onnx", "-o", "new.onnx").err


@pytest.mark.parametrize("command", ["convert", "optimize", "quantize", "run", "--report"])
def test_a_link_is_written_through(command: str, modelport: Any, work: Path, tmp_path: Path) -> None:
    suffix = SUFFIXES.get(command, ".onnx")
    store = tmp_path / "store" / f"v1{suffix}"
    store.parent.mkdir()
    store.write_text("old")
    link = work / f"link{suffix}"
    link.symlink_to(store)

    outcome = modelport(*COMMANDS[command], link, *(("--max-error", 9) if command == "quantize" else ()))

    assert outcome.status == 0, outcome.err
    assert link.is_symlink()
    assert store.read_bytes() != b"old"
    assert [path.name for path in store.parent.iterdir()] == [store.name]
    assert not list(work.glob(".*"))


def test_a_link_s_external_data_lies_beside_the_file(
    convert: Any, onnx_files: Path, work: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store" / "v1.onnx"
    store.parent.mkdir()
    store.write_text("old")
    (work / "link.onnx").symlink_to(store)

    outcome = convert(onnx_files / "repeating.onnx", "-o", "link.onnx", "--external-data", "always")

    assert outcome.status == 0, outcome.err
    assert sorted(path.name for path in store.parent.iterdir()) == ["v1.onnx", "v1.onnx.data"]
    onnx.checker.check_model(str(store), full_check=True)


@pytest.mark.parametrize(("length", "words", "status"), [
    (250, (), 0), (255, (), 0), (240, ("--external-data", "always"), 0), (252, ("--external-data", "always"), 2),
])  # fmt: skip
def test_a_name_may_be_as_long_as_the_system_allows(
    length: int, words: tuple[str, ...], status: int, convert: Any, onnx_files: Path, work: Path
) -> None:
    name = "n" * (length - 5) + ".onnx"
    before = set(work.iterdir())

    outcome = convert(onnx_files / "repeating.onnx", "-o", name, *words)

    assert outcome.status == status, outcome.err
    if status:
        assert "too long" in outcome.err
        assert set(work.iterdir()) == before
    else:
        assert (work / name).is_file()


# --- other runs ----------------------------------------------------------------------------------


def test_a_run_whose_target_another_writes_is_told(convert: Any, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "PATIENCE", 0.1)

    with Workspace(Path("out.onnx"), "x"):
        outcome = convert("doubling.onnx", "-o", work / "out.onnx")

    assert outcome.status == 2
    assert "another run writes to it" in outcome.err
    assert not (work / "out.onnx").exists()


def test_what_a_killed_run_left_is_cleared_but_never_what_a_live_one_has(
    spawn: Callable[..., Any], convert: Any, toy: Path, tmp_path: Path, target: Path
) -> None:
    source = tmp_path / "net.toy"
    source.write_text(json.dumps({"slow": "run"}))
    other = target.with_name("other.onnx")
    killed = spawn("-c", CONVERT, source, "-o", target, path=toy)
    live = spawn("-c", CONVERT, source, "-o", other, path=toy)
    for process in (killed, live):
        while "toy: run" not in process.stderr.readline():
            assert process.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert len(list(target.parent.glob(".*.partial"))) == 2

    source.write_text("{}")
    outcome = convert(source, "-o", target)

    assert outcome.status == 0, outcome.err
    assert len(list(target.parent.glob(".*.partial"))) == 1
    assert live.poll() is None
    live.send_signal(signal.SIGTERM)
    live.communicate()
    assert [path.name for path in target.parent.iterdir()] == ["model.onnx"]
