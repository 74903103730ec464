"""Models are written with their weights where they are told to, and extended by their provenance."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from fakes import graph
from onnx.reference import ReferenceEvaluator

from modelport import artifact
from modelport.artifact import append_provenance, read_provenance, sha256, size_of, write_onnx
from modelport.delivery.workspace import Workspace
from modelport.errors import OutputNotWritable

WEIGHT = np.random.default_rng(0).integers(-9, 9, (16, 16)).astype(np.float32)
MATMUL = "(float[N,16] x) => (float[N,16] y) { y = MatMul(x, w) }"


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


# --- writing -------------------------------------------------------------------------------------


def test_a_full_disk_is_said_to_be_full(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputNotWritable, match="no space left") as caught, Workspace(target, "x") as workspace:
        write_onnx(graph(MATMUL, w=WEIGHT), workspace.path)
    assert caught.value.exit_status == 2
    assert "free some space" in str(caught.value.remedy)
    assert contents(target.parent) == {}


both_forms = pytest.mark.parametrize("form", [lambda model: model, ir.from_proto], ids=["ModelProto", "ir.Model"])


def computes(path: Path, x: np.ndarray) -> np.ndarray:
    return ReferenceEvaluator(str(path)).run(None, {"x": x})[0]


@both_forms
@pytest.mark.parametrize(("external", "count"), [("auto", 1), ("always", 2), ("never", 1)])
def test_weights_go_where_they_are_told_to(form: Callable[[Any], Any], external: Any, count: int, target: Path) -> None:
    paths = write_onnx(form(graph(MATMUL, w=WEIGHT)), target, external)
    assert [path.name for path in paths] == ["model.onnx", "model.onnx.data"][:count]
    onnx.checker.check_model(str(target), full_check=True)
    np.testing.assert_array_equal(computes(target, WEIGHT), WEIGHT @ WEIGHT)


@both_forms
def test_large_weights_get_a_file_of_their_own(
    form: Callable[[Any], Any], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact, "EXTERNAL_BYTES", 32)
    assert len(write_onnx(form(graph(MATMUL, w=WEIGHT)), target)) == 2


def test_weights_too_small_for_a_file_of_their_own_leave_no_empty_one(target: Path) -> None:
    assert write_onnx(graph(MATMUL, w=np.ones((16, 1), np.float32)), target, "always") == [target]
    assert list(target.parent.iterdir()) == [target]


def test_external_weights_stay_true_after_delivery(target: Path) -> None:
    with Workspace(target, "x") as workspace:
        workspace.deliver(write_onnx(graph(MATMUL, w=WEIGHT), workspace.path, "always"))
    np.testing.assert_array_equal(computes(target, WEIGHT), WEIGHT @ WEIGHT)


@both_forms
def test_the_provenance_of_an_earlier_conversion_is_dropped_and_other_metadata_kept(
    form: Callable[[Any], Any], target: Path
) -> None:
    model = graph(MATMUL, w=WEIGHT)
    onnx.helper.set_model_props(model, {"modelport.verdict": "proven", "author": "somebody"})
    write_onnx(form(model), target)
    assert {entry.key: entry.value for entry in onnx.load(target).metadata_props} == {"author": "somebody"}


# --- provenance ----------------------------------------------------------------------------------


@pytest.mark.parametrize("external", ["never", "always"])
def test_provenance_is_readable_and_changes_nothing_else(external: Any, target: Path) -> None:
    write_onnx(graph(MATMUL, w=WEIGHT), target, external)
    before, old_bytes = onnx.load(target), target.read_bytes()
    append_provenance(target, {"verdict": "proven", "opset": "20"})
    append_provenance(target, {"note": "größer"})
    after = onnx.load(target)
    assert read_provenance(after) == {"verdict": "proven", "opset": "20", "note": "größer"}
    assert target.read_bytes().startswith(old_bytes)
    onnx.checker.check_model(str(target), full_check=True)
    del after.metadata_props[:]
    assert after == before


def test_provenance_is_told_from_other_metadata() -> None:
    model = graph(MATMUL, w=WEIGHT)
    onnx.helper.set_model_props(model, {"author": "somebody", "modelport.verdict": "proven"})
    assert read_provenance(model) == {"verdict": "proven"}


def test_the_digest_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"abc" * 1_000_000)
    assert sha256(path) == hashlib.sha256(b"abc" * 1_000_000).hexdigest()


def test_the_digest_of_a_folder_depends_on_names_and_contents(tmp_path: Path) -> None:
    digests = set()
    for name, text in (("a", "1"), ("b", "1"), ("a", "2")):
        folder = tmp_path / f"{name}{text}"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / name).write_text(text)
        digests.add(sha256(folder))
    assert len(digests) == 3
    copy = tmp_path / "copy" / "sub"
    copy.mkdir(parents=True)
    (copy / "a").write_text("1")
    assert sha256(copy.parent) == sha256(tmp_path / "a1")


def test_sizes_of_files_and_folders_add_up(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(bytes(10))
    (tmp_path / "b").write_bytes(bytes(5))
    assert size_of([tmp_path / "folder", tmp_path / "b"]) == 15
