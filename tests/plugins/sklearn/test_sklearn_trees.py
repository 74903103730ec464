"""A saved forest is loaded without trust, and a crafted one is refused before it can predict."""

import numpy as np
import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from modelport.errors import SourceUnreadable
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
