"""What decides in doubt: ties among scores, the graph in float64, the graph without fusions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fakes import graph

from modelport.proof.other_evaluations import OtherEvaluations


def evaluations(tmp_path: Path, body: str, **weights: Any) -> OtherEvaluations:
    path = tmp_path / "model.onnx"
    onnx.save(graph(body, **weights), path)
    return OtherEvaluations(path)


SCORES = {"x": np.asarray([[1, 3, 3, 0], [4, 3, 2, 1]], np.float32)}


@pytest.mark.parametrize(
    "body",
    [
        "(float[N,4] x) => (int64[N] y) { y = ArgMax<axis: int = 1, keepdims: int = 0>(x) }",
        "(float[N,4] x) => (int64[N] y) { i = ArgMax<axis: int = 1>(x) f = Flatten(i) "
        "a = Constant<value_ints: ints = [1]>() y = Squeeze(f, a) }",
        "(float[N,4] x) => (int64[N] y) { i = ArgMax<axis: int = 1, keepdims: int = 0>(x) y = Gather(names, i) }",
    ],
)
def test_an_index_of_an_equal_score_is_as_good(tmp_path: Path, body: str) -> None:
    names = np.asarray([0, 1, 2, 3])
    found = evaluations(tmp_path, body, **({"names": names} if "names" in body else {}))
    tied = found.tied(SCORES, "y", np.asarray([1, 0]), np.asarray([2, 1]))
    assert tied is not None
    assert tied.tolist() == [True, False]


def test_an_output_that_chooses_nothing_has_no_ties(tmp_path: Path) -> None:
    found = evaluations(tmp_path, "(int64[N] x) => (int64[N] y) { y = Add(x, x) }")
    assert found.tied({"x": np.arange(3)}, "y", np.arange(3), np.arange(3)) is None


def test_a_graph_in_float64_sums_as_numpy_does(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((1, 10_000)).astype(np.float32)
    found = evaluations(tmp_path, "(float[N,M] x) => (float[N,M] y) { y = CumSum(x, one) }", one=np.int64(1))
    np.testing.assert_allclose(found.in_double({"x": x})["y"], np.cumsum(x.astype(np.float64), axis=1), rtol=1e-12)


def test_every_other_evaluation_runs_the_same_graph(tmp_path: Path) -> None:
    x = np.linspace(-3, 3, 12, dtype=np.float32).reshape(3, 4)
    found = evaluations(tmp_path, "(float[N,4] x) => (float[N,4] y) { y = Tanh(x) }")
    for title, run in found.runners:
        np.testing.assert_allclose(run({"x": x})["y"], np.tanh(x), rtol=1e-6, err_msg=title)
