"""Names of inputs, outputs and symbolic dimensions."""

import pytest

from modelport_converters.tensorflow_to_onnx.interface_names import path_name, symbolic, unique


@pytest.mark.parametrize(
    ("path", "name"),
    [((), "output"), ((0,), "output_0"), (("a",), "a"), (("a", 1), "a_1"), ((0, "a"), "a"), ((1, 0), "output_1_0")],
)
def test_leaves_are_named_after_their_paths(path, name):
    assert path_name(path, "output") == name


def test_repeated_names_are_numbered():
    assert unique(["a", "a", "b", "a_1"], taken=["b"]) == ["a", "a_1", "b_1", "a_1_1"]


def test_unknown_sizes_become_valid_symbols():
    assert symbolic("in/put:0", (None, 3, None)) == ("N", 3, "in_put_0_2")
    assert symbolic("0", (2, None)) == (2, "dim_0_1")
