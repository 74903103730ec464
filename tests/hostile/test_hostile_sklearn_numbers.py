"""Skops archives whose numbers lead native code astray: indices, sizes and states of trees, neighbors, machines and splines."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
from hostile import assert_refused
from hostile_skops import edited, nodes, text
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import BallTree, KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

X, Y = load_iris(return_X_y=True)


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

        return edited(neighbors()(), path, edit)

    return write


def beyond_its_block(model):
    model.random_state = np.random.RandomState(0)
    state = model.random_state.get_state(legacy=False)
    state["state"]["pos"] = 2**30
    model.random_state.set_state(state)


def set_state(place, value):
    """Change one part of the state of the tree of a model of neighbors."""

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


def neighbors(algorithm="kd_tree", **options):
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
    "neighbors restored from too little": with_short_state("KDTree"),
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
    "neighbors whose order leaves the points": changed(
        neighbors(), set_state(1, lambda order: put(order, slice(None), 2**40))
    ),
    "neighbors whose order is shortened": changed(neighbors(), set_state(1, lambda order: order[:3].copy())),
    "neighbors whose points are shortened": changed(neighbors(), set_state(0, lambda points: points[:3].copy())),
    "neighbors with wild spans": changed(neighbors(), set_state(2, spans(-(2**40), 2**40))),
    "neighbors of more nodes than there are": changed(neighbors(), set_state(6, lambda count: 2**30)),
    "neighbors of more levels than there are": changed(neighbors(), set_state(5, lambda levels: 40)),
    "balls whose bounds are shortened": changed(
        neighbors("ball_tree"), set_state(3, lambda bounds: bounds[:, :1].copy())
    ),
    "balls of another metric's width": changed(
        neighbors("ball_tree", metric="seuclidean", metric_params={"V": np.ones(4)}),
        set_state(11, lambda _: BallTree(X[:, :1], metric="seuclidean", V=np.ones(1)).__getstate__()[11]),
    ),
    "votes for classes that are none": changed(
        neighbors("brute"), lambda model: setattr(model, "_y", model._y + 10**9)
    ),
    "fewer votes than points": changed(neighbors("brute"), lambda model: setattr(model, "_y", model._y[:3])),
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
        neighbors("brute"), lambda model: setattr(model, "_fit_X", model._fit_X[:, :1].copy())
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
    "a tree whose child is far away", "neighbors whose order leaves the points", "neighbors with wild spans",
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
