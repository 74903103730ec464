"""Rare labels, branches, leaves, words and table ends are reached by a default proof, or named where they are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from fakes import Convert, Net, graph

from modelport.proof.cases.case import Case, Slot
from modelport.proof.cases.generated import plan
from modelport.proof.cases.graph_index import GraphIndex
from modelport.proof.cases.labels import labels_of
from modelport.proof.value_ranges import ranges_of_model
from modelport.signature import Signature, parse_inputs

CORNER = np.asarray([[1, 0, 0, -30], [0, 1, 0, -30], [0, 0, 0, 1]], np.float32).T.copy()
CLASSIFIER = """(float[N,4] x) => (int64[N] label, float[N,3] scores) {
    m = MatMul(x, w) scores = Add(m, b) i = ArgMax<axis: int = 1, keepdims: int = 0>(scores) label = Gather(names, i)
}"""


def rare(names: list[int]) -> onnx.ModelProto:
    """A linear classifier whose last class needs a value that usual rows do not have."""
    bias = np.asarray([0, 0, -60], np.float32)
    weights = np.asarray([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]], np.float32)
    return graph(CLASSIFIER, w=weights, b=bias, names=np.asarray(names))


def test_the_labels_of_a_graph_are_those_of_its_table() -> None:
    model = rare([7, 8, 9])
    assert labels_of(GraphIndex(model.graph), ["label", "scores"]) == {"label": (7, 8, 9)}


def test_a_wrong_name_of_the_rarest_class_is_caught(convert: Convert) -> None:
    from modelport.errors import NotEquivalent

    with pytest.raises(NotEquivalent, match="label"):
        convert(Net(rare([7, 8, 7]), rare([7, 8, 9])))


BRANCHES = """(float[N,4] x) => (float[N,4] y) {
    s = ReduceMax<keepdims: int = 0>(x) c = Greater(s, k)
    y = If (c) <then_branch = then () => (float[N,4] a) { a = Mul(x, @) },
                else_branch = other () => (float[N,4] b) { b = Mul(x, two) }>
}"""
SCALARS = {"k": np.float32(1e3), "two": np.float32(2), "three": np.float32(3)}


def test_both_branches_of_a_condition_are_taken(convert: Convert) -> None:
    from modelport.errors import NotEquivalent

    right, wrong = (graph(BRANCHES.replace("@", name), **SCALARS) for name in ("two", "three"))
    assert convert(Net(right)).report.verdict == "proven"
    with pytest.raises(NotEquivalent):
        convert(Net(wrong, right))


def cases(model: onnx.ModelProto, *texts: str) -> Any:
    specs, examples = parse_inputs(texts)
    planned = plan(Signature(specs, (), examples), ranges_of_model(model))
    least = [next(iter(slot.alternatives)) for slot in planned.minimum() if isinstance(slot, Slot)]
    return [*least, *(case for case in planned.further({}) if isinstance(case, Case))]


def test_the_ends_of_a_table_and_what_counts_from_its_end_are_looked_up() -> None:
    model = graph("(int64[N] x) => (float[N,2] y) { y = Gather(t, x) }", t=np.zeros((1000, 2), np.float32))
    seen = {int(value) for case in cases(model, "x:int64[N]") for value in case.inputs["x"]}
    assert {0, 998, 999, -1} <= seen


def test_every_word_of_a_vocabulary_is_looked_up() -> None:
    words = [f"word {number}" for number in range(300)]
    model = graph("(string[N] x) => (int64[N] y) { y = Identity(z) }", ml=3)
    del model.graph.node[:]
    model.graph.node.append(
        onnx.helper.make_node(
            "LabelEncoder", ["x"], ["y"], domain="ai.onnx.ml", keys_strings=words, values_int64s=list(range(300))
        )
    )
    seen = {str(value) for case in cases(model, "x:string[N]") for value in case.inputs["x"]}
    assert set(words) <= seen


def test_sizes_go_from_an_empty_batch_to_a_prime_above_64_and_the_length_of_a_table() -> None:
    body = """(float[N,T,2] x) => (float[N,T,2] y) {
        s = Shape<start: int = 1, end: int = 2>(x) z = Constant<value_ints: ints = [0]>() p = Slice(t, z, s, z) y = Add(x, p)
    }"""
    found = cases(graph(body, t=np.zeros((100, 2), np.float32)), "x:float32[N,T,2]")
    assert {0, 1, 2, 3, 4} <= {case.sizes["N"] for case in found}
    assert {1, 2, 32, 33, 100, 131} <= {case.sizes["T"] for case in found}
