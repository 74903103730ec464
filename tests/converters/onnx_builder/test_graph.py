"""Values with NumPy's operators, in ONNX Runtime, and the seam for other graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from built import computed

from modelport_converters.onnx_builder import Graph, Value
from modelport_converters.onnx_builder import functions as fn

RANDOM = np.random.default_rng(0)
NUMBERS = {
    "float32": RANDOM.standard_normal((5, 4)).astype(np.float32),
    "float64": RANDOM.standard_normal((5, 4)),
    "int64": RANDOM.integers(-9, 9, (5, 4)),
    "bool": RANDOM.random((5, 4)) < 0.5,
}


OPERATORS: dict[str, Callable[[Any], Any]] = {
    "a Python number": lambda x: x + 2,
    "a Python float": lambda x: x * 0.5,
    "NumPy's own float64": lambda x: x * np.float64(0.5),
    "from the right": lambda x: 1.0 - x,
    "a float64 array": lambda x: x + np.arange(4.0),
    "a float32 array": lambda x: x + np.arange(4, dtype=np.float32),
    "an int64 array": lambda x: x * np.arange(4),
    "a quotient": lambda x: x / np.array([2, 4, 5, 8]),
    "a product of matrices": lambda x: x @ np.arange(8.0).reshape(4, 2),
    "an array times x": lambda x: np.arange(10.0).reshape(2, 5) @ x,
    "a comparison": lambda x: x <= 0.25,
    "conditions": lambda x: (x > 0) & ~(x > 1) | (x < -1),
    "a quotient rounded down": lambda x: x // np.array([-2, 3, 4, -5]),
    "a remainder with the divisor's sign": lambda x: x % np.array([-2, 3, 4, -5]),
}


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_promote_as_numpy_does(operator, dtype):
    rows = NUMBERS[dtype]
    expected = OPERATORS[operator](rows)
    found = computed(OPERATORS[operator], rows)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6 if expected.dtype == np.float32 else 1e-14)


INDICES = {
    "a slice": np.s_[1:3],
    "columns": np.s_[:, [2, 0]],
    "a column": np.s_[:, 1],
    "the last": np.s_[:, -1],
    "a step": np.s_[::2, 1:],
    "backwards": np.s_[::-1, 3:0:-2],
    "conditions": np.s_[:, np.array([True, False, True, False])],
    "a new axis": np.s_[:, None],
}


@pytest.mark.parametrize("index", INDICES)
def test_selections_are_numpys(index):
    rows = NUMBERS["float64"]
    np.testing.assert_array_equal(computed(lambda x: x[INDICES[index]], rows), rows[INDICES[index]], strict=True)


def test_the_same_constant_is_written_once():
    graph = Graph(20)
    x = Value(graph, "x", "float64")
    for _ in range(3):
        x = x * np.arange(4.0)
    assert len(graph.initializers) == 1


def test_a_python_float_keeps_bfloat16():
    graph = Graph(20)
    x = graph.input("x", ml_dtypes.bfloat16)
    assert (x * 0.5 + 1).dtype == ml_dtypes.bfloat16
    assert fn.exp(x).dtype == ml_dtypes.bfloat16
    assert (x + np.float32(1)).dtype == np.float32


class Recorder(Graph):
    """A graph whose nodes and constants go elsewhere."""

    def __init__(self) -> None:
        super().__init__(20)
        self.written: list[tuple[str, ...]] = []

    def name(self, kind: str) -> str:
        return f"mine/{super().name(kind)}"

    def add_node(self, kind, inputs, outputs, domain, attributes) -> None:
        self.written.append((kind, *inputs, *outputs))

    def add_constant(self, name, values) -> None:
        self.written.append((name, values.item()))


def test_a_subclass_writes_names_nodes_and_constants_elsewhere():
    graph = Recorder()
    result = graph.input("x", "float32") * 2.0 + 2.0
    assert graph.written == [
        ("mine/constant_1", 2.0),
        ("Mul", "x", "mine/constant_1", "mine/mul_2"),
        ("Add", "mine/mul_2", "mine/constant_1", "mine/add_3"),
    ]
    assert result.name == "mine/add_3"
    assert not graph.nodes
    assert not graph.initializers
