"""A random forest of 500 trees to ONNX beside bare skl2onnx, and its predictions beside scikit-learn's.

``python benchmarks/sklearn_forest.py``. The forests have depth 16 and 100 features. Each conversion runs in a process of its
own; its peak memory counts above what the process holds once it has loaded the forest and all libraries (Linux). Ours is a
whole conversion in memory without the proof, the checker stage included; skl2onnx's is `to_onnx` alone.
"""

from __future__ import annotations

import pickle
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import modelport
from measuring import finish, interleave, peak_bytes, ratio, seconds

_TREES, _DEPTH, _FEATURES, _TRAINED_ON, _ROWS = 500, 16, 100, 5000, 10_000
_ROUNDS = 5
_WANTED = "3 s, 1 GB, 0.5x"
"""At most, for the conversion; the stricter of them counts."""

_LOAD = """
import pickle, sys, time
from pathlib import Path
import modelport, skl2onnx
from skl2onnx.common.data_types import FloatTensorType

def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

def convert(forest):
    CONVERT

with open(sys.argv[1], "rb") as file:
    forest = pickle.load(file)
convert(type(forest)(2, max_depth=2).fit([[0.0], [1.0]], [0, 1]))  # what is imported on first use
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
before, start = memory("VmRSS"), time.perf_counter()
convert(forest)
print(time.perf_counter() - start, memory("VmHWM") - before)
"""
_PROGRAMS = {
    "ours": _LOAD.replace("CONVERT", 'modelport.convert(forest, to="onnx", verify=False)'),
    "skl2onnx": _LOAD.replace(
        "CONVERT", 'skl2onnx.to_onnx(forest, initial_types=[("X", FloatTensorType([None, forest.n_features_in_]))])'
    ),
}


def main() -> None:
    """Convert and time a classifier and a regressor."""
    rows = []
    for kind in ("classifier", "regressor"):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measured(kind, Path(folder)))
        print(rows[-1], flush=True)
    finish("sklearn_forest", rows)


def measured(kind: str, folder: Path) -> dict[str, Any]:
    """Return the row of one forest."""
    forest = fitted(kind)
    stored = folder / "forest.pkl"
    stored.write_bytes(pickle.dumps(forest))
    took, peaks = {}, {}
    for name in ("ours", "skl2onnx"):
        _, _, printed = peak_bytes(_PROGRAMS[name], str(stored))
        *_, elapsed, peak = printed.split()
        took[name], peaks[name] = float(elapsed), int(peak) / 1e9
    return {
        "forest": kind, "trees": _TREES, "nodes": sum(one.tree_.node_count for one in forest.estimators_),
        "convert s": took["ours"], "skl2onnx s": took["skl2onnx"], "x": took["ours"] / took["skl2onnx"],
        "peak GB": peaks["ours"], "skl2onnx GB": peaks["skl2onnx"], "x memory": peaks["ours"] / peaks["skl2onnx"],
        **_predicting(forest, folder / "forest.onnx"), "wanted": _WANTED,
    }  # fmt: skip


def _predicting(forest: Any, path: Path) -> dict[str, float]:
    """Return the time of predictions in ONNX Runtime over that of scikit-learn, for one row and for many."""
    modelport.convert(forest, output=path, verify=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rows = np.random.default_rng(1).standard_normal((_ROWS, _FEATURES)).astype(np.float32)
    answer = getattr(forest, "predict_proba", forest.predict)
    ratios = {}
    for count in (1, _ROWS):
        x = rows[:count]
        calls = {
            "onnxruntime": lambda x=x: seconds(lambda: session.run(None, {"X": x})),
            "sklearn": lambda x=x: seconds(lambda: answer(x)),
        }
        interleave(calls, 1)
        times = interleave(calls, _ROUNDS)
        ratios[f"predict {count} ms"] = 1e3 * statistics.median(times["onnxruntime"])
        ratios[f"x sklearn, {count}"] = ratio(times, "onnxruntime", "sklearn")
    return ratios


def fitted(kind: str) -> Any:
    """Return a forest fitted on rows whose target no tree learns by heart."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    generator = np.random.default_rng(0)
    x = generator.standard_normal((_TRAINED_ON, _FEATURES)).astype(np.float32)
    score = x[:, 0] * x[:, 1] + np.sin(3 * x[:, 2]) + x[:, 3] + 0.5 * generator.standard_normal(_TRAINED_ON)
    settings = {"n_estimators": _TREES, "max_depth": _DEPTH, "random_state": 0, "max_features": "sqrt", "n_jobs": -1}
    if kind == "classifier":
        model = RandomForestClassifier(**settings).fit(x, np.digitize(score, [-0.5, 0.5]))
    else:
        model = RandomForestRegressor(**settings).fit(x, score)
    return model.set_params(n_jobs=1)


if __name__ == "__main__":
    main()
