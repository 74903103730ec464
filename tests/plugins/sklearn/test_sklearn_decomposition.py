"""Decompositions and clusters: what is refused and why, seeded draws, and more rows than one block holds."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import helper
from sklearn.cluster import FeatureAgglomeration
from sklearn.decomposition import NMF, SparseCoder, SparsePCA
from sklearn.neural_network import BernoulliRBM
from sklearn_case import IRIS, prove

import modelport
from modelport.errors import CannotConvert
from modelport_converters.onnx_builder.graph import Graph, Value
from modelport_converters.sklearn_to_onnx.formulas.neural_network.mersenne_twister import integers

ATOMS = np.random.default_rng(0).standard_normal((90, 20))
ATOMS /= np.linalg.norm(ATOMS, axis=1, keepdims=True)
SIGNALS = np.random.default_rng(1).standard_normal((100, 20))


def in_onnx(estimator, rows):
    conversion = modelport.convert(
        estimator, from_="sklearn", to="onnx", samples={"X": rows}, rtol=1e-7, atol=1e-9, proof_seconds=0
    )
    session = onnxruntime.InferenceSession(conversion.model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"X": rows})[0]


def third_largest(x, axis):
    return np.sort(x, axis=axis)[:, -3]


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (NMF(2, shuffle=True, max_iter=1000), "shuffle=True draws another order"),
        (FeatureAgglomeration(1, pooling_func=third_largest), "pooling_func=third_largest"),
        (SparseCoder(ATOMS[:, :4], transform_algorithm="omp", positive_code=True), "positive_code=True with 'omp'"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_onnx_cannot_express_is_refused_with_a_remedy(estimator, reason):
    with pytest.raises(CannotConvert, match=reason) as caught:
        prove(estimator.fit(IRIS[:100]), IRIS[100:], "float64")
    assert caught.value.remedy


def test_an_unseeded_boltzmann_machine_converts_without_the_scores_that_it_draws():
    bits = (SIGNALS > 0.0).astype(float)
    machine = BernoulliRBM(4, n_iter=2).fit(bits)
    assert np.allclose(in_onnx(machine, bits), machine.transform(bits), rtol=1e-7)
    with pytest.raises(CannotConvert, match="at every call"):
        prove(machine, bits, "float64")


@pytest.mark.parametrize(
    ("seed", "below", "count"), [(0, 40, 5), (7, 3, 2000), (12345, 1, 3), (2**32 - 1, 784, 1500), (1, 9, 0)]
)
def test_draws_are_those_of_numpy(seed, below, count):
    graph = Graph(13)
    drawn = integers(graph, seed, below, Value(graph, "count", "int64"))
    given, found = helper.make_tensor_value_info("count", 7, [1]), helper.make_tensor_value_info(drawn.name, 7, None)
    made = helper.make_graph(graph.nodes, "draws", [given], [found], graph.initializers)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (result,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"count": np.array([count])})
    assert np.array_equal(result, np.random.RandomState(seed).randint(0, below, count))


@pytest.mark.parametrize("algorithm", ["omp", "lars", "lasso_lars"])
def test_rows_of_several_blocks_keep_their_order(algorithm):
    coder = SparseCoder(ATOMS, transform_algorithm=algorithm, transform_n_nonzero_coefs=6, transform_alpha=0.5)
    expected = coder.fit(SIGNALS).transform(SIGNALS)
    assert np.allclose(in_onnx(coder, SIGNALS), expected, rtol=1e-7, atol=1e-9)


def test_one_row_of_sparse_components_stays_a_row():
    model = SparsePCA(3, max_iter=20, random_state=0).fit(IRIS[:60])
    found = in_onnx(model, IRIS[:1])
    assert found.shape == (1, 3)
    assert np.allclose(found[0], model.transform(IRIS[:1]), rtol=1e-7)
