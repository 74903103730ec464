"""Hostile files of estimators: pickles of several kinds, and skops archives edited to name code or to unpack too far."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from hostile import REFUSED, assert_refused
from hostile_skops import edited, nodes, text
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

X, Y = load_iris(return_X_y=True)
COMMANDS = ("inspect", "convert", "plan", "verify", "verify the other", "bench", "compare", "run")


# --- what runs code --------------------------------------------------------------------------------------------------


class Running:
    """Unpickles by calling a function."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


def by_mkdir(canary):
    return Running(os.mkdir, str(canary))


def by_exec(canary):
    return Running(exec, f"import os; os.mkdir({str(canary)!r})")


def by_eval(canary):
    return Running(eval, f"__import__('os').mkdir({str(canary)!r})")


def by_system(canary):
    return Running(os.system, f"touch {canary}")


def by_process(canary):
    return Running(subprocess.call, ["touch", str(canary)])


def by_path(canary):
    return Running(Path.touch, canary)


def in_an_estimator(canary):
    model = GaussianNB().fit(X, Y)
    model.var_ = np.array([[by_mkdir(canary)]], object)
    return model


PAYLOADS = (by_mkdir, by_exec, by_eval, by_system, by_process, by_path, in_an_estimator)
WRITERS = {
    "joblib": lambda payload, path: joblib.dump(payload, path),
    "compressed.joblib": lambda payload, path: joblib.dump(payload, path, compress=3),
    "pkl": lambda payload, path: path.write_bytes(pickle.dumps(payload)),
    "text.pickle": lambda payload, path: path.write_bytes(pickle.dumps(payload, protocol=0)),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_pickle_is_refused_before_it_runs(payload, writer, nest, tmp_path, capfd):
    source = tmp_path / f"model.{writer}"
    WRITERS[writer](payload(nest.canary), source)
    said = assert_refused(nest, nest.commands(source)["convert"], capfd, (7,))
    assert "skops" in said
    joblib.load(source)
    assert nest.canary.exists()  # so it would have run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_a_pickle(command, nest, tmp_path, capfd):
    source = tmp_path / "model.pkl"
    source.write_bytes(pickle.dumps(by_mkdir(nest.canary)))
    assert_refused(nest, nest.commands(source)[command], capfd, (7,))


def several(kind, *items):
    return {"__class__": kind, "__module__": "builtins", "__loader__": f"{kind.title()}Node", "content": list(items)}


def empty():
    return {**several("dict"), "content": {}, "key_types": several("list")}


def function(module, name):
    return {"__class__": name, "__module__": module, "__loader__": "FunctionNode"}


def calling(module, name, *arguments):
    """Describe functools.partial of a function."""
    content = {
        "func": function(module, name), "args": several("tuple", *map(text, arguments)),
        "kwds": empty(), "namespace": {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": "null"},
    }  # fmt: skip
    return {"__class__": "partial", "__module__": "functools", "__loader__": "PartialNode", "content": content}


def making(canary):
    return calling("posix", "mkdir", str(canary))


def methodcaller(canary):
    attributes = several("tuple", text("touch"))
    return {
        "__class__": "methodcaller",
        "__module__": "operator",
        "__loader__": "OperatorFuncNode",
        "attrs": attributes,
    }


def constructed(canary):
    content = several("tuple", text(["touch", str(canary)]))
    return {
        "__class__": "Popen",
        "__module__": "subprocess",
        "__loader__": "ConstructorFromReduceNode",
        "content": content,
    }


def bound(canary):
    path = {"__class__": "PosixPath", "__module__": "pathlib", "__loader__": "ConstructorFromReduceNode",
            "content": several("tuple", text(str(canary)))}  # fmt: skip
    return {
        "__class__": "PosixPath",
        "__module__": "pathlib",
        "__loader__": "MethodNode",
        "content": {"func": "touch", "obj": path},
    }


NAMED = {
    "os.system": lambda canary: function("os", "system"),
    "posix.system": lambda canary: function("posix", "system"),
    "builtins.eval": lambda canary: function("builtins", "eval"),
    "builtins.exec as a type": lambda canary: {"__class__": "exec", "__module__": "builtins", "__loader__": "TypeNode"},
    "partial of mkdir": making,
    "partial of eval": lambda canary: calling("builtins", "eval", f"__import__('os').mkdir({str(canary)!r})"),
    "numpy.save": lambda canary: calling("numpy", "save", str(canary)),
    "numpy.fromfile": lambda canary: calling("numpy", "fromfile", str(canary)),
    "joblib.load": lambda canary: calling("joblib.numpy_pickle", "load", str(canary)),
    "a method caller": methodcaller,
    "a process made when loading": constructed,
    "a bound method": bound,
    "a module that runs when imported": lambda canary: function("antigravity", "webbrowser"),
    "a tree as another kind": lambda canary: {
        "__class__": "Tree",
        "__module__": "sklearn.tree._tree",
        "__loader__": "TypeNode",
    },
}


@pytest.mark.parametrize("named", NAMED)
def test_an_archive_that_names_code_is_refused(named, nest, tmp_path, capfd):
    def edit(schema, members):
        schema["content"]["content"]["func"] = NAMED[named](nest.canary)

    source = edited(FunctionTransformer(np.sqrt).fit(X), tmp_path / "model.skops", edit)
    assert_refused(nest, nest.commands(source)["convert"], capfd, (7,))


@pytest.mark.parametrize("named", ["partial of mkdir", "a process made when loading"])
def test_the_named_code_would_have_run(named, nest, tmp_path):
    def edit(schema, members):
        schema["content"]["content"]["func"] = NAMED[named](nest.canary)

    source = edited(FunctionTransformer(np.sqrt).fit(X), tmp_path / "model.skops", edit)
    model = skops.io.load(source, trusted=skops.io.get_untrusted_types(file=source))
    if named == "partial of mkdir":
        model.func()
    else:
        model.func.wait()
    assert nest.canary.exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_such_an_archive(command, nest, tmp_path, capfd):
    def edit(schema, members):
        schema["content"]["content"]["func"] = making(nest.canary)

    source = edited(FunctionTransformer(np.sqrt).fit(X), tmp_path / "model.skops", edit)
    assert_refused(nest, nest.commands(source)[command], capfd, (7,))


def test_an_array_of_pickled_objects_is_not_read(nest, tmp_path, capfd):
    def edit(schema, members):
        stream = io.BytesIO()
        np.save(stream, np.array([by_mkdir(nest.canary)], object), allow_pickle=True)
        members[next(nodes(schema, "ndarray"))["file"]] = stream.getvalue()

    source = edited(GaussianNB().fit(X, Y), tmp_path / "model.skops", edit)
    assert_refused(nest, nest.commands(source)["convert"], capfd, REFUSED)
    with zipfile.ZipFile(source) as archive:
        pickled = next(name for name in archive.namelist() if b"mkdir" in archive.read(name))
        np.load(io.BytesIO(archive.read(pickled)), allow_pickle=True)
    assert nest.canary.exists()


# --- what unpacks or reaches too far ---------------------------------------------------------------------------------


def test_members_with_paths_that_leave_the_archive_are_not_unpacked(nest, tmp_path, capfd):
    def edit(schema, members):
        members["../canary"] = members[str(nest.canary)] = b"out"

    source = edited(GaussianNB().fit(X, Y), tmp_path / "model.skops", edit)
    words = nest.commands(source)["inspect"]
    assert_refused(nest, words, capfd, (0, *REFUSED))


def test_an_array_member_outside_the_archive_is_not_read(nest, tmp_path, capfd):
    def edit(schema, members):
        next(nodes(schema, "ndarray"))["file"] = str(nest.secret)

    source = edited(GaussianNB().fit(X, Y), tmp_path / "model.skops", edit)
    assert_refused(nest, nest.commands(source)["convert"], capfd, REFUSED)


def test_an_archive_that_unpacks_beyond_the_memory_is_refused(nest, tmp_path, capfd):
    def edit(schema, members):
        members["bomb.npy"] = bytes(200_000_000)

    source = edited(GaussianNB().fit(X, Y), tmp_path / "model.skops", edit)
    assert source.stat().st_size < 1_000_000
    words = [*nest.commands(source)["convert"], "--memory", "100MB"]
    assert "--memory" in assert_refused(nest, words, capfd, (2,))


def test_an_array_of_a_huge_shape_is_not_allocated(nest, tmp_path, capfd):
    def edit(schema, members):
        name = next(nodes(schema, "ndarray"))["file"]
        members[name] = members[name].replace(b"'shape': (", b"'shape': (99999999999, ", 1)

    source = edited(GaussianNB().fit(X, Y), tmp_path / "model.skops", edit)
    assert_refused(nest, nest.commands(source)["convert"], capfd, REFUSED)


def test_a_sparse_matrix_that_unpacks_beyond_the_memory_is_refused(nest, tmp_path, capfd):
    def edit(schema, members):
        stream = io.BytesIO()
        sparse.save_npz(stream, sparse.csr_matrix(np.zeros((3, 4))))
        with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bomb.npy", bytes(200_000_000))
        members[next(nodes(schema, "csr_matrix"))["file"]] = stream.getvalue()

    source = edited(SVC().fit(sparse.csr_matrix(X), Y), tmp_path / "model.skops", edit)
    words = [*nest.commands(source)["convert"], "--memory", "100MB"]
    assert "--memory" in assert_refused(nest, words, capfd, (2,))


def test_a_schema_nested_without_end_is_unreadable(nest, tmp_path, capfd):
    source = tmp_path / "model.skops"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("schema.json", '{"content": ' * 50_000 + "1" + "}" * 50_000)
    assert_refused(nest, nest.commands(source)["convert"], capfd, REFUSED)
