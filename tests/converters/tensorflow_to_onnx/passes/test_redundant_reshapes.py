"""Reshapes that change nothing are dropped, and those that follow order-preserving operators skip them."""

import pytest
from drawn import floats
from onnx_passes import assert_unchanged

from modelport_converters.tensorflow_to_onnx.passes.redundant_reshapes import drop_reshapes

CONSTANTS = """<int64[2] flat = {-1, 12}, int64[3] whole = {-1, 3, 4}, int64[3] kept = {0, 3, 4}, int64[3] other = {-1, 4, 3},
    int64[1] one = {1}>"""


def ops(body, size="N,3,4"):
    text = f"g (float[{size}] x) => (float[] y) {CONSTANTS} {{ {body} }}".replace(") ", ")\n")
    return assert_unchanged(text, drop_reshapes, floats(2, 3, 4))


def test_a_reshape_to_the_shape_of_its_input_is_dropped():
    assert ops("a = Reshape (x, whole) y = Relu (a)") == {"Relu": 1}


def test_there_and_back_is_dropped():
    assert ops("a = Reshape (x, flat) b = Reshape (a, whole) y = Relu (b)") == {"Relu": 1}


@pytest.mark.parametrize("before", ["Reshape (x, flat)", "Flatten (x)", "Unsqueeze (x, one)"])
def test_what_keeps_the_order_of_the_elements_is_skipped(before):
    assert ops(f"a = {before} y = Reshape (a, other)") == {"Reshape": 1}


def test_a_reshape_whose_result_is_an_output_of_the_graph_stays():
    assert ops("y = Reshape (x, whole)") == {"Reshape": 1}


def test_a_zero_copies_a_size_of_the_input_which_is_not_skipped():
    assert ops("a = Unsqueeze (x, one) b = Squeeze (a, one) c = Reshape (b, kept) y = Relu (c)")["Squeeze"] == 1


def test_one_of_two_dynamic_sizes_is_not_known_to_stay():
    assert ops("a = Reshape (x, whole) y = Relu (a)", size="N,M,4") == {"Relu": 1, "Reshape": 1}


def test_a_transpose_changes_the_order_and_is_not_skipped():
    assert ops("a = Transpose <perm = [0, 2, 1]> (x) y = Reshape (a, whole)") == {"Transpose": 1, "Reshape": 1}
