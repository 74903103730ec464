"""What is no target is refused before any work, and nothing that is no result is replaced."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelport.delivery.targets import check_target, resolve
from modelport.errors import OutputNotWritable

SAVED_MODEL = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def refused(target: Path, what: str, *, folder: bool = True, **options: Any) -> None:
    """Assert that a target is refused, with --force too."""
    for force in (False, True):
        with pytest.raises(OutputNotWritable, match=what) as caught:
            check_target(target, folder=folder, force=force, **options)
        assert caught.value.exit_status == 2
        assert caught.value.where == str(target)
        assert caught.value.remedy


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, some folders deep, with a folder and a link back to the top in it."""
    folder = tmp_path / "a" / "b" / "c"
    (folder / "sub").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path / "a")
    monkeypatch.chdir(folder)
    return folder


# --- what is never replaced ----------------------------------------------------------------------

SPELLINGS = [
    ".",
    "..",
    "../..",
    "../../..",
    "sub/..",
    "sub/../..",
    "./",
    "../",
    "../c",
    "../../b/",
    "link",
    "link/b",
    "/",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("form", [Path, lambda text: Path.cwd() / text, lambda text: Path(os.path.abspath(text))])  # noqa: PTH100
def test_the_current_folder_and_those_that_hold_it_are_no_targets(
    spelling: str, form: Callable[[str], Path], inside: Path
) -> None:
    refused(form(spelling), "the current folder")


@pytest.mark.parametrize("spelling", [".", "..", "sub/.."])
def test_a_file_cannot_be_written_there_either(spelling: str, inside: Path) -> None:
    refused(Path(spelling), "the current folder", folder=False)


@pytest.mark.parametrize("levels", [0, 1])
def test_the_home_folder_and_those_that_hold_it_are_no_targets(
    levels: int, inside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "people" / "me"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    refused([home, *home.parents][levels], "the home folder")


def test_a_mount_point_is_no_target() -> None:
    refused(Path("/proc"), "a mount point")


def test_a_current_folder_that_is_gone_hinders_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    check_target(tmp_path / "new", folder=True)


@pytest.mark.parametrize("folder", ["saved", "models", "link"])
def test_a_source_folder_and_those_that_hold_it_are_no_targets(folder: str, tmp_path: Path) -> None:
    source = fill(tmp_path / "models" / "saved", *SAVED_MODEL)
    (tmp_path / "link").symlink_to(source)
    target = source if folder == "saved" else tmp_path / folder
    refused(target, "the same command reads", source=source)
    refused(target, "the same command reads", source=str(source))


def test_a_folder_that_holds_the_source_s_file_is_no_target(tmp_path: Path) -> None:
    source = fill(tmp_path / "models", "m.onnx") / "m.onnx"
    refused(tmp_path / "models", "the same command reads", source=source)


def test_a_link_to_a_source_elsewhere_counts_as_the_source(tmp_path: Path) -> None:
    store = fill(tmp_path / "store", "m.onnx")
    (tmp_path / "m.onnx").symlink_to(store / "m.onnx")
    refused(store, "the same command reads", source=tmp_path / "m.onnx")


def test_a_file_may_be_replaced_by_what_becomes_of_it(tmp_path: Path) -> None:
    source = fill(tmp_path, "m.onnx") / "m.onnx"
    check_target(source, folder=False, source=source)


@pytest.mark.parametrize("name", ["x.npz", "link.npz"])
def test_what_else_a_command_reads_is_no_target(name: str, tmp_path: Path) -> None:
    samples = fill(tmp_path, "x.npz") / "x.npz"
    (tmp_path / "link.npz").symlink_to(samples)
    refused(tmp_path / name, "the same command reads", folder=False, reads=[samples])
    refused(tmp_path / name, "the same command reads", folder=False, reads=[None, [samples]])


def test_a_folder_that_holds_what_else_a_command_reads_is_no_target(tmp_path: Path) -> None:
    refused(fill(tmp_path / "data", "x.npz"), "the same command reads", reads=[tmp_path / "data" / "x.npz"])


def test_two_results_of_one_command_have_two_targets(tmp_path: Path) -> None:
    refused(tmp_path / "new.html", "the same command", folder=False, reads=[tmp_path / "." / "new.html"])


# --- folders -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("saved_model.pb",),
        SAVED_MODEL,
        (*SAVED_MODEL, "fingerprint.pb", "keras_metadata.pb", "assets/words.txt", "assets.extra/note.txt"),
    ],
    ids=["empty", "without variables", "with variables", "with everything"],
)
def test_an_empty_folder_and_a_saved_model_are_replaced(names: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    check_target(fill(tmp_path / "target", *names), folder=True)


FOREIGN = {
    "a file": ("notes.txt",),
    "a hidden file": (*SAVED_MODEL, ".git/config"),
    "a file beside a SavedModel": (*SAVED_MODEL, "notes.txt"),
    "a folder beside a SavedModel": (*SAVED_MODEL, "data/x.csv"),
    "a file beside the variables": (*SAVED_MODEL, "variables/notes.txt"),
    "assets without a model": ("assets/photo.jpg",),
    "variables without a model": ("variables/variables.index",),
    "a folder named as a file": ("saved_model.pb/photo.jpg",),
    "a file named as a folder": ("saved_model.pb", "assets"),
}


@pytest.mark.parametrize("names", FOREIGN.values(), ids=FOREIGN)
def test_a_folder_with_anything_else_is_replaced_with_force_only(names: tuple[str, ...], tmp_path: Path) -> None:
    target = fill(tmp_path / "target", *names)
    with pytest.raises(OutputNotWritable, match="no earlier result") as caught:
        check_target(target, folder=True)
    assert "--force" in str(caught.value.remedy)
    check_target(target, folder=True, force=True)


def test_a_link_among_the_files_of_a_saved_model_is_foreign(tmp_path: Path) -> None:
    target = fill(tmp_path / "target", *SAVED_MODEL)
    (target / "assets").symlink_to(tmp_path)
    with pytest.raises(OutputNotWritable, match="no earlier result"):
        check_target(target, folder=True)


def test_a_file_is_replaced_by_a_folder_with_force_only(tmp_path: Path) -> None:
    target = fill(tmp_path, "thesis") / "thesis"
    with pytest.raises(OutputNotWritable, match="it is a file") as caught:
        check_target(target, folder=True)
    assert "--force" in str(caught.value.remedy)
    check_target(target, folder=True, force=True)


# --- files ---------------------------------------------------------------------------------------


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


SPECIAL: dict[str, tuple[Callable[[Path], None], str]] = {
    "dangling link": (lambda path: path.symlink_to("missing"), "a symbolic link to nothing"),
    "link to itself": (lambda path: path.symlink_to(path), "a symbolic link to nothing"),
    "pipe": (_pipe, "a pipe"),
    "socket": (_socket, "a socket"),
    "device": (lambda path: path.symlink_to("/dev/full"), "a device"),
    "link to a pipe": (lambda path: (_pipe(path.with_name("p")), path.symlink_to("p"))[0], "a pipe"),
}


@pytest.mark.parametrize(("make", "what"), SPECIAL.values(), ids=SPECIAL)
@pytest.mark.parametrize("folder", [False, True])
def test_what_is_neither_a_file_nor_a_folder_is_refused(
    make: Callable[[Path], None], what: str, folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    make(tmp_path / "target" if what != "a socket" else Path("target"))
    refused(tmp_path / "target", what, folder=folder)


def test_a_link_to_a_file_stands_for_the_file(tmp_path: Path) -> None:
    file = fill(tmp_path / "store", "m.onnx") / "m.onnx"
    (tmp_path / "link.onnx").symlink_to(file)
    check_target(tmp_path / "link.onnx", folder=False)
    assert resolve(tmp_path / "link.onnx") == file


def test_a_path_that_is_no_link_stays_as_it_was_typed() -> None:
    assert resolve(Path("sub/../m.onnx")) == Path("sub/../m.onnx")


@pytest.mark.parametrize("name", ["n" * 255, "modèle.onnx", "a b\n.onnx", "-o"])
def test_any_name_that_the_system_takes_is_taken(name: str, tmp_path: Path) -> None:
    check_target(tmp_path / name, folder=False)


def test_a_name_too_long_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / ("n" * 256), "too long", folder=False)


def test_a_path_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / os.fsdecode(b"m\xff.onnx"), "UTF-8", folder=False)


# --- folders around a target ---------------------------------------------------------------------


def test_a_folder_that_does_not_exist_is_refused_before_any_work(tmp_path: Path) -> None:
    refused(tmp_path / "missing" / "model.onnx", "no such folder", folder=False)


def test_a_folder_is_no_target_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "it is a folder", folder=False)


def test_a_folder_without_permission_is_refused(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    refused(target, "not writable", folder=False)
