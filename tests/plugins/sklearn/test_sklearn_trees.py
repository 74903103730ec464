"""Trees: loaded without trust unless they are crafted, and converted to the last bit."""

import numpy as np
import onnx
import onnxruntime
import pytest
import skl2onnx
import skops.io
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes
from skl2onnx.operator_converters.decision_tree import convert_sklearn_decision_tree_regressor
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.multioutput import RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import modelport
from modelport.errors import SourceUnreadable
from modelport.signature import TensorSpec
from modelport_converters.onnx_builder import tree_ensemble
from modelport_converters.sklearn_to_onnx import convert
from modelport_plugins.sklearn import files

ROWS, LABELS = load_iris(return_X_y=True)


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(5, random_state=0),
        RandomForestClassifier(5, random_state=0, max_leaf_nodes=8),
        make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=3, random_state=0)),
    ],
    ids=["depth first", "best first", "boosted, in a pipeline"],
)
def test_saved_trees_need_no_trust(model, tmp_path):
    path = tmp_path / "model.skops"
    skops.io.dump(model.fit(ROWS, LABELS), path)
    np.testing.assert_array_equal(files.load(path, trust=False).predict(ROWS), model.predict(ROWS))


def test_tree_wider_than_its_forest_is_refused(tmp_path):
    model = RandomForestClassifier(2, random_state=0).fit(ROWS, LABELS)
    model.n_features_in_ = 1
    path = tmp_path / "crafted.skops"
    skops.io.dump(model, path)
    with pytest.raises(SourceUnreadable, match="nodes or features that it does not have"):
        files.load(path, trust=False)


@pytest.mark.parametrize(
    ("field", "value"),
    [("left_child", 10_000), ("right_child", 0), ("feature", 99), ("feature", -7), ("left_child", -5)],
)
@pytest.mark.parametrize("trust", [False, True])
def test_tree_that_leaves_its_arrays_is_refused(field, value, trust, tmp_path):
    model = DecisionTreeClassifier(random_state=0).fit(ROWS, LABELS)
    state = model.tree_.__getstate__()
    nodes = state["nodes"].copy()
    nodes[field][0] = value
    model.tree_.__setstate__({**state, "nodes": nodes})
    path = tmp_path / "crafted.skops"
    skops.io.dump(model, path)
    with pytest.raises(SourceUnreadable, match="nodes or features that it does not have"):
        files.load(path, trust=trust)


# --- conversion ---------------------------------------------------------------------------------------------------------

METHOD_OF = {"label": "predict", "probabilities": "predict_proba", "scores": "decision_function", "value": "predict"}


def converted(model, *names, dtype="float64"):
    """Return the ONNX model of some methods of a fitted estimator, and a session of it."""
    outputs = {
        METHOD_OF[name]: TensorSpec(
            name, "int64" if name == "label" else dtype, ("N", "k") if name == "probabilities" else ("N",)
        )
        for name in names
    }
    proto = convert(model, [TensorSpec("X", dtype, ("N", model.n_features_in_))], outputs, 20)
    onnx.checker.check_model(proto, full_check=True)
    return proto, onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])


def fresh(rows=10_000, seed=1):
    return np.random.default_rng(seed).normal(ROWS.mean(axis=0), 1.5 * ROWS.std(axis=0), (rows, ROWS.shape[1]))


def ml_version(proto):
    return next(entry.version for entry in proto.opset_import if entry.domain == "ai.onnx.ml")


def operators(proto):
    return [node.op_type for node in proto.graph.node if node.op_type.startswith("TreeEnsemble")]


@pytest.mark.parametrize("labels", [LABELS, (LABELS == 1).astype(int)], ids=["three classes", "two classes"])
@pytest.mark.parametrize("depth", [2, None])
def test_shares_of_the_classes_are_equal_to_the_last_bit(labels, depth):
    model = RandomForestClassifier(100, max_depth=depth, random_state=0).fit(ROWS, labels)
    _, session = converted(model, "label", "probabilities")
    rows = fresh()
    label, shares = session.run(None, {"X": rows})
    np.testing.assert_array_equal(label, model.predict(rows))
    np.testing.assert_array_equal(shares, model.predict_proba(rows))
    alone = np.concatenate([session.run(["probabilities"], {"X": rows[at : at + 1]})[0] for at in range(50)])
    np.testing.assert_array_equal(alone, shares[:50])


def test_rows_at_the_offset_of_an_isolation_forest_do_not_flip():
    rows = ROWS[:101]
    model = IsolationForest(contamination=0.1, random_state=0).fit(rows)
    assert (np.abs(model.decision_function(rows)) < 1e-14).any()
    _, session = converted(model, "label", "scores")
    label, scores = session.run(None, {"X": rows})
    np.testing.assert_array_equal(label, model.predict(rows))
    np.testing.assert_allclose(scores, model.decision_function(rows), rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_at_the_thresholds_of_histograms_do_not_flip(dtype):
    target = ROWS[:, 0] + np.sin(5 * ROWS[:, 2])
    model = HistGradientBoostingRegressor(max_iter=20, random_state=0).fit(ROWS + 1e-9, target)
    _, session = converted(model, "value", dtype=dtype)
    splits = np.concatenate([one.nodes[one.nodes["is_leaf"] == 0] for rounds in model._predictors for one in rounds])
    rows = np.repeat(ROWS[:1], len(splits), axis=0)
    rows[np.arange(len(rows)), splits["feature_idx"]] = splits["num_threshold"]
    for moved in (rows, np.nextafter(rows, -1), np.nextafter(rows, 10)):
        given = moved.astype(dtype)
        np.testing.assert_allclose(session.run(None, {"X": given})[0], model.predict(given), rtol=1e-6)


def test_a_large_forest_is_cut_into_several_operators(monkeypatch):
    model = RandomForestRegressor(30, random_state=0).fit(ROWS, ROWS[:, 0] * LABELS)
    whole, _ = converted(model, "value")
    monkeypatch.setattr(tree_ensemble, "_BLOCK_NODES", 500)
    cut, session = converted(model, "value")
    assert len(operators(whole)) == 1
    assert len(operators(cut)) > 5
    rows = fresh(1000)
    np.testing.assert_array_equal(session.run(None, {"X": rows})[0], model.predict(rows))


def test_trees_without_a_test_stand_among_others():
    target = np.where(np.arange(len(ROWS)) < 2, 50.0, 0.0)
    model = RandomForestRegressor(20, random_state=3).fit(ROWS, target)
    counts = {one.tree_.node_count == 1 for one in model.estimators_}
    assert counts == {False, True}
    _, session = converted(model, "value")
    np.testing.assert_array_equal(session.run(None, {"X": ROWS})[0], model.predict(ROWS))


class Legacy(DecisionTreeRegressor):
    """Has a converter of a third party, who writes the operators before TreeEnsemble."""


def convert_legacy(scope, operator, container):
    convert_sklearn_decision_tree_regressor(scope, operator, container)


@pytest.fixture
def legacy():
    options = {"decision_path": [True, False], "decision_leaf": [True, False]}
    skl2onnx.update_registered_converter(
        Legacy, "Legacy", calculate_linear_regressor_output_shapes, convert_legacy, options=options
    )
    yield Legacy(max_depth=3, random_state=0)
    sklearn_operator_name_map.pop(Legacy)


def test_trees_of_a_third_party_stand_beside_ours_in_the_version_that_they_need(legacy):
    target = ROWS[:, 0] * (LABELS + 1)
    features = np.column_stack([ROWS, np.arange(len(ROWS)) % 40])
    boosted = HistGradientBoostingRegressor(
        max_iter=5, categorical_features=[4], min_samples_leaf=3, max_leaf_nodes=8, random_state=0
    )
    members = [("legacy", legacy), ("forest", RandomForestRegressor(5, random_state=0)), ("boosted", boosted)]
    model = VotingRegressor(members).fit(features, target)
    proto, session = converted(model, "value", dtype="float32")
    assert set(operators(proto)) == {"TreeEnsembleRegressor"}
    assert ml_version(proto) == 3
    unseen = features[:10] * [1, 1, 1, 1, np.nan]
    unseen[:5, 4] = 100.0
    given = np.vstack([features, unseen])
    given = given.astype("float32")
    np.testing.assert_allclose(session.run(None, {"X": given})[0], model.predict(given), rtol=1e-6)


def test_trees_by_themselves_are_declared_in_the_newer_version():
    proto, _ = converted(RandomForestClassifier(3, random_state=0).fit(ROWS, LABELS), "label")
    assert operators(proto) == ["TreeEnsemble"]
    assert ml_version(proto) == 5


def test_trees_inside_a_model_of_skl2onnx_are_in_the_version_that_it_declares():
    model = RegressorChain(DecisionTreeRegressor(random_state=0)).fit(ROWS, np.column_stack([LABELS, ROWS[:, 0]]))
    proto = skl2onnx.to_onnx(model, ROWS[:1].astype("float32"), target_opset={"": 18, "ai.onnx.ml": 3})
    assert set(operators(proto)) == {"TreeEnsembleRegressor"}
    assert ml_version(proto) <= 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    rows = ROWS.astype("float32")
    np.testing.assert_allclose(session.run(None, {"X": rows})[0], model.predict(rows), rtol=1e-6)


@pytest.mark.xdist_group("tensorflow")
@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor], ids=["classifier", "regressor"])
def test_a_forest_goes_on_to_tensorflow(kind, tmp_path):
    pytest.importorskip("tensorflow")
    model = kind(20, random_state=0).fit(ROWS, LABELS)
    report = modelport.convert(model, to="tensorflow", output=tmp_path / "forest", proof_seconds=0).report
    assert report.verdict == "proven"
