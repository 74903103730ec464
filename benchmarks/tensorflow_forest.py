"""A random forest of 500 trees as SavedModel beside ONNX Runtime, on 10,000 rows. ``python benchmarks/tensorflow_forest.py``.

Each forest is converted from scikit-learn (unproven: the tests prove), saved, loaded again, and timed in turn with ONNX Runtime.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import onnxruntime

import modelport
from measuring import finish, interleave, ratio, seconds

_TREES, _DEPTH, _ROWS, _FEATURES = 500, 18, 10_000, 20
_TRAINED_ON = 2000
_ROUNDS = 7


def main() -> None:
    """Convert and time a classifier and a regressor."""
    rows = []
    for kind in ("classifier", "regressor"):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(kind, Path(folder)))
        print(rows[-1], flush=True)
    finish("tensorflow_forest", rows)


def measure(kind: str, folder: Path) -> dict[str, Any]:
    """Return the row of one forest."""
    import tensorflow as tf

    forest, x = fitted(kind)
    onnx_file, target = folder / "forest.onnx", folder / "saved"
    modelport.convert(forest, output=onnx_file, verify=False)
    report = modelport.convert(onnx_file, to="tensorflow", output=target, verify=False).report
    stages = {stage.name: stage.seconds for stage in report.stages}
    function = tf.saved_model.load(str(target)).signatures["serving_default"]
    session = onnxruntime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    tensor, feed = tf.constant(x), {session.get_inputs()[0].name: x}
    (name,) = function.structured_input_signature[1]

    def ours() -> float:
        return seconds(lambda: [value.numpy() for value in function(**{name: tensor}).values()])

    calls = {"ours": ours, "onnxruntime": lambda: seconds(lambda: session.run(None, feed))}
    interleave(calls, 2)
    times = interleave(calls, _ROUNDS)
    return {
        "forest": kind, "trees": _TREES, "nodes": sum(tree.tree_.node_count for tree in forest.estimators_), "rows": _ROWS,
        "ms": 1e3 * statistics.median(times["ours"]), "x onnxruntime": ratio(times, "ours", "onnxruntime"),
        "translate and save s": stages["translate"] + stages["write"],
    }  # fmt: skip


def fitted(kind: str) -> tuple[Any, np.ndarray]:
    """Return a forest and the rows to predict."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    rng = np.random.default_rng(0)
    x = rng.standard_normal((_TRAINED_ON, _FEATURES)).astype(np.float32)
    score = x[:, 0] * x[:, 1] + np.sin(3 * x[:, 2]) + 0.5 * rng.standard_normal(_TRAINED_ON)
    settings = {"n_estimators": _TREES, "max_depth": _DEPTH, "random_state": 0, "n_jobs": -1}
    if kind == "classifier":
        model = RandomForestClassifier(**settings).fit(x, np.digitize(score, [-0.5, 0.5]))
    else:
        model = RandomForestRegressor(**settings).fit(x, score)
    return model, rng.standard_normal((_ROWS, _FEATURES)).astype(np.float32)


if __name__ == "__main__":
    main()
