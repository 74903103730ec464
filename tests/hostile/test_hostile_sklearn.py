"""Hostile files of estimators: pickles of several kinds, and skops archives edited to name code or to lead native code astray."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from hostile import REFUSED, Nest, assert_refused
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import BallTree, KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

X, Y = load_iris(return_X_y=True)
COMMANDS = ("inspect", "convert", "plan", "verify", "verify the other", "bench", "compare", "run")


@pytest.fixture
def nest(tmp_path):
    return Nest(tmp_path)


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


def edited(model, path, edit):
    """Write an archive whose schema is edited in place; `edit` is given the schema and the members by name."""
    stream = io.BytesIO()
    skops.io.dump(model, stream)
    with zipfile.ZipFile(stream) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members.pop("schema.json"))
    edit(schema, members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**members, "schema.json": json.dumps(schema)}.items():
            archive.writestr(name, content)
    return path


def nodes(schema, name):
    """Yield the descriptions of all objects of a class."""
    pending = [schema]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if item.get("__class__") == name:
                yield item
            pending += item.values()
        elif isinstance(item, list):
            pending += item


def text(value):
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value)}


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


# --- what leads native code astray -----------------------------------------------------------------------------------


def changed(make, change):
    """Return a function that writes a fitted model whose arrays are changed after it was fitted."""

    def write(path):
        model = make()
        change(model)
        skops.io.dump(model, path)
        return path

    return write


def tree_with(**fields):
    """Write a decision tree of which some nodes are changed."""

    def write(path):
        def edit(schema, members):
            for node in nodes(schema, "Tree"):
                name = node["content"]["content"]["nodes"]["file"]
                array = np.load(io.BytesIO(members[name])).copy()
                for field, value in fields.items():
                    array[field][0] = value
                stream = io.BytesIO()
                np.save(stream, array)
                members[name] = stream.getvalue()

        return edited(DecisionTreeClassifier(max_depth=3).fit(X, Y), path, edit)

    return write


def tree_outputs(path):
    def edit(schema, members):
        next(nodes(schema, "Tree"))["__reduce__"]["args"]["content"][2] = text(1_000_000)

    return edited(DecisionTreeClassifier(max_depth=3).fit(X, Y), path, edit)


def tree_without_rows(path):
    def edit(schema, members):
        stream = io.BytesIO()
        np.save(stream, np.array(4))
        members[next(nodes(schema, "Tree"))["content"]["content"]["nodes"]["file"]] = stream.getvalue()

    return edited(DecisionTreeClassifier(max_depth=3).fit(X, Y), path, edit)


def with_short_state(name):
    def write(path):
        def edit(schema, members):
            del next(nodes(schema, name))["content"]["content"][2:]

        return edited(neighbours()(), path, edit)

    return write


def beyond_its_block(model):
    model.random_state = np.random.RandomState(0)
    state = model.random_state.get_state(legacy=False)
    state["state"]["pos"] = 2**30
    model.random_state.set_state(state)


def set_state(place, value):
    """Change one part of the state of the tree of a model of neighbours."""

    def change(model):
        state = list(model._tree.__getstate__())
        state[place] = value(state[place])
        model._tree.__setstate__(tuple(state))

    return change


def put(array, index, value):
    array = array.copy()
    array[index] = value
    return array


def spans(start, end):
    def change(nodes):
        nodes = nodes.copy()
        nodes["idx_start"], nodes["idx_end"] = start, end
        return nodes

    return change


def first_predictor(model, **fields):
    nodes = model._predictors[0][0].nodes
    for field, value in fields.items():
        nodes[field][0] = value


def neighbours(algorithm="kd_tree", **options):
    return lambda: KNeighborsClassifier(algorithm=algorithm, **options).fit(X, Y)


def histograms():
    return HistGradientBoostingClassifier(max_iter=2, early_stopping=False).fit(X, Y)


def with_categories():
    return HistGradientBoostingClassifier(max_iter=2, early_stopping=False, categorical_features=[0]).fit(
        np.round(X), Y
    )


def with_text():
    table = pd.DataFrame({"kind": pd.Categorical(np.where(Y, "a", "b")), "size": X[:, 0]})
    return HistGradientBoostingClassifier(max_iter=2, early_stopping=False, categorical_features=["kind"]).fit(table, Y)


def words():
    return make_pipeline(CountVectorizer(), LogisticRegression()).fit(
        ["a good day", "a bad night", "good night"], [0, 1, 1]
    )


def far_from(matrix):
    matrix = matrix.copy()
    matrix.indices[:] = 2**30
    return matrix


def on_sparse_rows():
    return SVC().fit(sparse.csr_matrix(X), Y)


ASTRAY = {
    "a tree whose child is itself": tree_with(left_child=0),
    "a tree whose child is far away": tree_with(right_child=2**40),
    "a tree whose feature is far away": tree_with(feature=2**40),
    "a tree of more outputs than class counts": tree_outputs,
    "a tree whose nodes are no rows": tree_without_rows,
    "neighbours restored from too little": with_short_state("KDTree"),
    "a metric restored from too little": with_short_state("EuclideanDistance64"),
    "random numbers from beyond their block": changed(lambda: KMeans(3).fit(X), beyond_its_block),
    "a forest of other features": changed(
        lambda: RandomForestClassifier(2).fit(X, Y),
        lambda model: setattr(model, "estimators_", RandomForestClassifier(2).fit(np.hstack([X] * 50), Y).estimators_),
    ),
    "boosting with more trees than scores": changed(
        lambda: GradientBoostingClassifier(n_estimators=2).fit(X, Y),
        lambda model: setattr(model, "estimators_", np.hstack([model.estimators_] * 200)),
    ),
    "histograms whose child is itself": changed(histograms, lambda model: first_predictor(model, left=0)),
    "histograms whose child is far away": changed(histograms, lambda model: first_predictor(model, right=2**31)),
    "histograms whose feature is far away": changed(
        histograms, lambda model: first_predictor(model, feature_idx=2**40)
    ),
    "histograms without category sets": changed(
        histograms, lambda model: first_predictor(model, is_categorical=1, bitset_idx=2**31)
    ),
    "a category beyond its set": changed(
        with_categories, lambda model: model._bin_mapper.bin_thresholds_.__setitem__(0, np.array([1e6]))
    ),
    "histograms of fewer features than they follow": changed(
        with_categories, lambda model: setattr(model._bin_mapper, "is_categorical_", np.array([True]))
    ),
    "neighbours whose order leaves the points": changed(
        neighbours(), set_state(1, lambda order: put(order, slice(None), 2**40))
    ),
    "neighbours whose order is shortened": changed(neighbours(), set_state(1, lambda order: order[:3].copy())),
    "neighbours whose points are shortened": changed(neighbours(), set_state(0, lambda points: points[:3].copy())),
    "neighbours with wild spans": changed(neighbours(), set_state(2, spans(-(2**40), 2**40))),
    "neighbours of more nodes than there are": changed(neighbours(), set_state(6, lambda count: 2**30)),
    "neighbours of more levels than there are": changed(neighbours(), set_state(5, lambda levels: 40)),
    "balls whose bounds are shortened": changed(
        neighbours("ball_tree"), set_state(3, lambda bounds: bounds[:, :1].copy())
    ),
    "balls of another metric's width": changed(
        neighbours("ball_tree", metric="seuclidean", metric_params={"V": np.ones(4)}),
        set_state(11, lambda _: BallTree(X[:, :1], metric="seuclidean", V=np.ones(1)).__getstate__()[11]),
    ),
    "votes for classes that are none": changed(
        neighbours("brute"), lambda model: setattr(model, "_y", model._y + 10**9)
    ),
    "fewer votes than points": changed(neighbours("brute"), lambda model: setattr(model, "_y", model._y[:3])),
    "support vectors cut off": changed(
        lambda: SVC().fit(X, Y), lambda model: setattr(model, "support_vectors_", model.support_vectors_[:2])
    ),
    "support vectors of another width": changed(
        lambda: SVC().fit(X, Y), lambda model: setattr(model, "support_vectors_", model.support_vectors_[:, :1].copy())
    ),
    "coefficients cut off": changed(
        lambda: SVC().fit(X, Y), lambda model: setattr(model, "_dual_coef_", model._dual_coef_[:1])
    ),
    "more support vectors than there are": changed(
        lambda: SVC().fit(X, Y), lambda model: setattr(model, "_n_support", model._n_support * 10**6)
    ),
    "sparse support vectors with wild indices": changed(
        on_sparse_rows, lambda model: setattr(model, "support_vectors_", far_from(model.support_vectors_))
    ),
    "centres of another width": changed(
        lambda: KMeans(3).fit(X), lambda model: setattr(model, "cluster_centers_", model.cluster_centers_[:, :1].copy())
    ),
    "a word in no column": changed(words, lambda model: model[0].vocabulary_.update(good=2**30)),
    "categories in fewer columns": changed(
        lambda: make_pipeline(OneHotEncoder(), LogisticRegression()).fit(np.round(X), Y),
        lambda model: setattr(model[0], "_n_features_outs", [1, 1, 1, 1]),
    ),
    "a dropped category that is none": changed(
        lambda: OneHotEncoder(drop="first").fit(np.round(X)),
        lambda model: setattr(model, "_drop_idx_after_grouping", np.array([2**30] * 4, object)),
    ),
    "points of another width": changed(
        neighbours("brute"), lambda model: setattr(model, "_fit_X", model._fit_X[:, :1].copy())
    ),
    "histograms whose columns are taken away first": changed(
        with_text, lambda model: setattr(model._preprocessor, "transformers_", model._preprocessor.transformers_[:1])
    ),
    "a spline with knots alone": changed(
        lambda: SplineTransformer().fit(X), lambda model: setattr(model.bsplines_[0], "c", model.bsplines_[0].c[:1])
    ),
}


@pytest.mark.parametrize("name", ASTRAY)
def test_numbers_that_lead_native_code_astray_are_refused(name, nest, tmp_path, capfd):
    source = ASTRAY[name](tmp_path / "model.skops")
    words = ["convert", str(source), "-o", str(tmp_path / "output.onnx")]
    assert_refused(nest, words, capfd, (2,))


CRASHING = [
    "a tree whose child is far away", "neighbours whose order leaves the points", "neighbours with wild spans",
    "votes for classes that are none", "histograms whose feature is far away",
]  # fmt: skip


@pytest.mark.parametrize("name", CRASHING)
def test_unguarded_they_crash_python_or_give_nonsense(name, tmp_path):
    source = ASTRAY[name](tmp_path / "model.skops")
    code = (
        "import sys, numpy, skops.io; path = sys.argv[1];"
        "model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path));"
        "model.predict(numpy.full((500, 4), 5.0))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(source)], capture_output=True, check=False)
    assert done.returncode != 0
