"""``convert --to tensorflow`` from scikit-learn: what the saved and reloaded model computes is what the estimator computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.xdist_group("tensorflow")

joblib = pytest.importorskip("joblib")
pytest.importorskip("tensorflow")


def data() -> tuple[Any, Any]:
    """Return iris in float32, with names for labels."""
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    return x.astype(np.float32), np.array(["setosa", "versicolor", "virginica"])[y]


def estimators() -> dict[str, Any]:
    """Return unfitted classifiers by name."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC

    columns = ColumnTransformer([("numbers", StandardScaler(), [0, 1, 2]), ("codes", OneHotEncoder(), [4])])
    return {
        "forest": RandomForestClassifier(10, random_state=0),
        "boosting": GradientBoostingClassifier(n_estimators=5, random_state=0),
        "support vectors": SVC(),
        "network": MLPClassifier(8, max_iter=50, random_state=0),
        "neighbors": KNeighborsClassifier(),
        "columns": make_pipeline(columns, GradientBoostingClassifier(n_estimators=3, random_state=0)),
    }


NAMES = ("forest", "boosting", "support vectors", "network", "neighbors", "columns")


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", NAMES)
def test_a_classifier_with_names_for_labels_gives_them_after_it_is_reloaded(
    name: str, convert: Any, tmp_path: Path
) -> None:
    import tensorflow as tf

    x, y = data()
    x = np.concatenate([x, np.floor(x[:, :1])], 1) if name == "columns" else x
    model = estimators()[name].fit(x, y)
    joblib.dump(model, tmp_path / "model.joblib")
    np.save(tmp_path / "x.npy", x)

    outcome = convert(
        "--trust", tmp_path / "model.joblib", "--to", "tensorflow", "-o", tmp_path / "saved", "--samples",
        tmp_path / "x.npy", "--json",
    )  # fmt: skip

    assert outcome.status == 0, outcome.err
    report = json.loads(outcome.out)
    assert report["route"] == ["sklearn", "onnx", "tensorflow"]
    assert report["verdict"] == "proven"
    assert report["proofs"][-1]["reference"].startswith("scikit-learn")
    function = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    (given,) = function.structured_input_signature[1]
    results = [value.numpy() for value in function(**{given: tf.constant(x)}).values()]
    (labels,) = (value for value in results if value.dtype == object)
    np.testing.assert_array_equal(labels.astype(bytes).astype(str), model.predict(x))
