"""Results are made beside the target and delivered all at once; whatever fails, what was there is there again."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelport.delivery import workspace as module
from modelport.delivery.workspace import Workspace
from modelport.errors import OutputNotWritable

NAMES = ("model.onnx", "model.onnx.data")


def make(workspace: Workspace, *names: str) -> list[Path]:
    paths = [workspace.path.with_name(name) for name in names]
    for path in paths:
        path.write_text(f"new {path.name}")
    return paths


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def save(folder: Path, text: str) -> None:
    """Write what looks like a SavedModel."""
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(text)
    (folder / "variables" / "variables.index").write_text(text)


# --- delivery ------------------------------------------------------------------------------------


def test_nothing_is_at_the_target_before_delivery_and_nothing_else_after(target: Path) -> None:
    with Workspace(target, "x") as workspace:
        files = make(workspace, *NAMES)
        workspace.scratch("notes").write_text("scratch")
        assert not target.exists()
        assert workspace.deliver(files) == [target, target.with_name("model.onnx.data")]
        assert workspace.replaced == []
    assert contents(target.parent) == {"model.onnx": "new model.onnx", "model.onnx.data": "new model.onnx.data"}
    assert len(list(target.parent.iterdir())) == 2


def test_what_is_not_delivered_is_dropped(target: Path) -> None:
    target.write_text("old")

    def interrupted() -> None:
        with Workspace(target, "x") as workspace:
            make(workspace, "model.onnx")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert contents(target.parent) == {"model.onnx": "old"}
    assert len(list(target.parent.iterdir())) == 1


def test_an_existing_file_is_replaced_and_named(target: Path) -> None:
    target.write_text("old")
    with Workspace(target, "x") as workspace:
        workspace.deliver(make(workspace, *NAMES))
        assert workspace.replaced == [target]
    assert contents(target.parent) == {"model.onnx": "new model.onnx", "model.onnx.data": "new model.onnx.data"}


def test_an_existing_saved_model_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "saved"
    save(target, "old")
    (target / "fingerprint.pb").write_text("old")
    with Workspace(target, "x") as workspace:
        save(workspace.path, "new")
        workspace.deliver([workspace.path])
        assert workspace.replaced == [target]
    assert contents(tmp_path) == {"saved/saved_model.pb": "new", "saved/variables/variables.index": "new"}


def test_a_folder_that_got_a_foreign_file_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "saved"
    save(target, "old")
    with Workspace(target, "x") as workspace:
        save(workspace.path, "new")
        (target / "notes.txt").write_text("mine")
        with pytest.raises(OutputNotWritable, match=r"notes\.txt"):
            workspace.deliver([workspace.path])
    assert contents(target) == {"saved_model.pb": "old", "variables/variables.index": "old", "notes.txt": "mine"}


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_weights_do_not_replace_what_is_no_file(kind: str, target: Path) -> None:
    beside = target.with_name("model.onnx.data")
    {"folder": beside.mkdir, "link": lambda: beside.symlink_to(target), "pipe": lambda: os.mkfifo(beside)}[kind]()
    target.write_text("old")
    with pytest.raises(OutputNotWritable, match=kind), Workspace(target, "x") as workspace:
        workspace.deliver(make(workspace, *NAMES))
    assert target.read_text() == "old"
    assert len(list(target.parent.iterdir())) == 2


def test_a_conversion_in_memory_leaves_nothing_behind() -> None:
    with Workspace(None, "model.onnx") as workspace:
        (path,) = workspace.deliver(make(workspace, "model.onnx"))
        assert path.read_text() == "new model.onnx"
    assert not path.parent.exists()


@pytest.mark.parametrize("name", ["made", "scratch", "replaced", "dropped", "lock", "n" * 250, ".hidden"])
def test_a_target_may_have_any_name(name: str, tmp_path: Path) -> None:
    target = tmp_path / name
    target.write_text("old")
    with Workspace(target, "x") as workspace:
        workspace.scratch(name).write_text("scratch")
        workspace.deliver(make(workspace, name))
    assert contents(tmp_path) == {name: f"new {name}"}


def test_a_symbolic_link_is_written_through(target: Path) -> None:
    store = target.parent.parent / "store"
    store.mkdir()
    (store / "v1.onnx").write_text("old")
    target.symlink_to(store / "v1.onnx")
    with Workspace(target, "x") as workspace:
        assert workspace.deliver(make(workspace, "v1.onnx")) == [store / "v1.onnx"]
    assert target.is_symlink()
    assert target.read_text() == "new v1.onnx"
    assert (len(list(store.iterdir())), len(list(target.parent.iterdir()))) == (1, 1)


# --- failures at every step ----------------------------------------------------------------------

FAILURES = [
    *(OSError(number, os.strerror(number)) for number in (errno.ENOSPC, errno.EBUSY, errno.EXDEV, errno.EACCES)),
    KeyboardInterrupt(),
]
failing = pytest.mark.parametrize(
    "failure", FAILURES, ids=lambda error: errno.errorcode.get(getattr(error, "errno", 0), "Ctrl-C")
)
BEFORE = [(), NAMES[:1], NAMES[1:], NAMES]
"""What was there: each file is one rename more, besides two that deliver and one that says that all is done."""
STEPS = [(before, number) for before in BEFORE for number in range(1, len(before) + 4)]


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make some renames fail, counted from 1, before or after they are done."""

    def arm(failure: BaseException, numbers: set[int], *, after: bool = False) -> None:
        replace, moves = Path.replace, iter(range(1, 100))

        def replacing(self: Path, to: Path) -> Any:
            failing = next(moves) in numbers
            if failing and not after:
                raise failure
            moved = replace(self, to)
            if failing:
                raise failure
            return moved

        monkeypatch.setattr(Path, "replace", replacing)

    return arm


def deliver(target: Path, *, folder: bool) -> None:
    with Workspace(target, "x") as workspace:
        if folder:
            save(workspace.path, "new")
            workspace.deliver([workspace.path])
        else:
            workspace.deliver(make(workspace, *NAMES))


def expected(failure: BaseException) -> type[BaseException]:
    return OutputNotWritable if isinstance(failure, OSError) else KeyboardInterrupt


@failing
@pytest.mark.parametrize(("before", "fatal"), STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["before the rename", "after the rename"])
def test_a_delivery_that_fails_half_way_puts_everything_back(
    failure: BaseException, before: tuple[str, ...], fatal: int, after: bool, target: Path, fail: Callable[..., None]
) -> None:
    for name in before:
        target.with_name(name).write_text(f"old {name}")
    old, new = contents(target.parent), {name: f"new {name}" for name in NAMES}
    fail(failure, {fatal}, after=after)

    with pytest.raises(expected(failure)):
        deliver(target, folder=False)

    assert contents(target.parent) == (new if after and fatal == len(before) + 3 else old)
    assert not list(target.parent.glob(".*"))


@failing
@pytest.mark.parametrize("fatal", [1, 2, 3])
def test_a_folder_whose_replacement_fails_half_way_is_put_back(
    failure: BaseException, fatal: int, tmp_path: Path, fail: Callable[..., None]
) -> None:
    save(tmp_path / "saved", "old")
    before = contents(tmp_path)
    fail(failure, {fatal})

    with pytest.raises(expected(failure)):
        deliver(tmp_path / "saved", folder=True)

    assert contents(tmp_path) == before
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV, errno.EACCES])
def test_what_cannot_be_put_back_is_kept_and_put_back_by_the_next_run(
    number: int, tmp_path: Path, fail: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "saved"
    save(target, "old")
    before = contents(target)
    fail(OSError(number, os.strerror(number)), {2, 3, 4})
    with pytest.raises(OutputNotWritable) as caught:
        deliver(target, folder=True)
    monkeypatch.undo()

    assert not target.exists()
    (kept,) = tmp_path.glob(".*/*/replaced/saved")
    assert contents(kept) == before
    assert str(kept.parent) in str(caught.value.remedy)
    with Workspace(target, "x"):
        assert contents(target) == before
    assert list(tmp_path.iterdir()) == [target]


def test_what_somebody_else_put_there_meanwhile_is_not_removed(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path, to: Path) -> None:
        target.write_text("somebody else's")
        raise OSError(errno.EACCES, "denied")

    monkeypatch.setattr(Path, "replace", denied)
    with pytest.raises(OutputNotWritable):
        deliver(target, folder=False)
    assert contents(target.parent) == {"model.onnx": "somebody else's"}


# --- signals -------------------------------------------------------------------------------------


@pytest.fixture
def terminable() -> Iterator[type[BaseException]]:
    """SIGTERM raises, as under the command line."""

    class TerminatedError(BaseException):
        pass

    def raising(number: int, frame: Any) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, raising)
    yield TerminatedError
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("fatal", [1, 2, 3, 4, 5])
def test_a_signal_between_two_renames_counts_when_all_are_done(
    number: signal.Signals, fatal: int, target: Path, monkeypatch: pytest.MonkeyPatch, terminable: type[BaseException]
) -> None:
    for name in NAMES:
        target.with_name(name).write_text("old")
    replace, moves = Path.replace, iter(range(1, 100))

    def signalled(self: Path, to: Path) -> Any:
        if next(moves) == fatal:
            signal.raise_signal(number)
            signal.raise_signal(number)
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", signalled)
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else terminable):
        deliver(target, folder=False)

    assert contents(target.parent) == {name: f"new {name}" for name in NAMES}
    assert module.delivered[-2:] == [target, target.with_name(NAMES[1])]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_delivery_works_outside_the_main_thread(target: Path) -> None:
    thread = threading.Thread(target=deliver, args=(target,), kwargs={"folder": False})
    thread.start()
    thread.join()
    assert len(contents(target.parent)) == 2


@pytest.mark.parametrize("name", ["_acquire", "_clear"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_interrupt_while_the_workspace_is_made_leaves_nothing_behind(
    name: str, after: bool, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = getattr(module, name), iter(range(100))

    def interrupted(*arguments: Any) -> None:
        first = next(calls) == 0
        if not first or after:
            whole(*arguments)
        if first:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        Workspace(target, "x")
    assert not list(target.parent.iterdir())
    deliver(target, folder=False)
    assert sorted(path.name for path in target.parent.iterdir()) == list(NAMES)


# --- other runs ----------------------------------------------------------------------------------


def test_a_second_run_to_the_same_target_is_told(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    with Workspace(target, "x") as workspace:
        made = make(workspace, "model.onnx")
        with pytest.raises(OutputNotWritable, match="another run") as caught:
            Workspace(target, "x")
        assert caught.value.exit_status == 2
        workspace.deliver(made)
    assert [path.name for path in target.parent.iterdir()] == ["model.onnx"]


def test_a_second_run_waits_for_a_first_that_ends_soon(target: Path) -> None:
    texts: list[str] = []

    def second() -> None:
        with Workspace(target, "x") as workspace:
            texts.append(target.read_text())
            workspace.path.write_text("second")
            workspace.deliver([workspace.path])

    thread = threading.Thread(target=second)
    with Workspace(target, "x") as workspace:
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        workspace.deliver(make(workspace, "model.onnx"))
    thread.join()
    assert texts == ["new model.onnx"]
    assert contents(target.parent) == {"model.onnx": "second"}
    assert len(list(target.parent.iterdir())) == 1


def test_many_runs_to_one_target_take_turns(target: Path) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            for _ in range(10):
                with Workspace(target, "x") as workspace:
                    workspace.path.write_text(str(number))
                    workspace.deliver([workspace.path])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [path.name for path in target.parent.iterdir()] == ["model.onnx"]


def test_runs_to_different_targets_do_not_wait(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    with Workspace(target, "x") as one, Workspace(target.with_name("other.onnx"), "x") as other:
        one.deliver(make(one, "model.onnx"))
        other.deliver(make(other, "other.onnx"))
    assert len(list(target.parent.iterdir())) == 2


def test_what_a_killed_run_left_is_cleared_by_the_next_to_the_same_target(target: Path) -> None:
    beside = target.with_name("other.onnx")
    for path in (target, beside):
        child = os.fork()
        if child == 0:  # ends without a word, as a killed process does
            workspace = Workspace(path, "x")
            make(workspace, "model.onnx")
            os._exit(0)
        os.waitpid(child, 0)
    assert len(list(target.parent.glob(".*.partial"))) == 2

    deliver(target, folder=False)

    assert len(list(target.parent.glob(".*.partial"))) == 1
    assert sorted(path.name for path in target.parent.iterdir())[1:] == list(NAMES)


@pytest.mark.parametrize("fatal", [1, 2, 3, 4, 5])
def test_what_a_run_killed_between_two_renames_had_moved_aside_is_put_back(fatal: int, target: Path) -> None:
    for name in NAMES:
        target.with_name(name).write_text(f"old {name}")
    old = contents(target.parent)
    child = os.fork()
    if child == 0:
        replace, moves = Path.replace, iter(range(1, 100))

        def killed(self: Path, to: Path) -> Any:
            if next(moves) == fatal:
                os._exit(0)
            return replace(self, to)

        Path.replace = killed  # type: ignore[method-assign, assignment]
        deliver(target, folder=False)
    os.waitpid(child, 0)

    with Workspace(target, "x"):
        assert {name: target.with_name(name).read_text() for name in NAMES} == old
    assert contents(target.parent) == old
