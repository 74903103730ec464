"""ONNX Runtime may not fuse a Pad of zeros into the MaxPool behind it."""

import pytest
from drawn import floats
from onnx_passes import assert_unchanged

from modelport_converters.tensorflow_to_onnx.passes.pad_fusion_guard import guard_pads

NEGATIVE = -abs(floats(1, 2, 5, 5)) - 1


def ops(before, after="MaxPool <kernel_shape = [3, 3]>", pad="Pad (a, pads, value)", value="0.0"):
    text = f"""g (float[1,2,5,5] x) => (float[] y)
        <int64[8] pads = {{0, 0, 1, 1, 0, 0, 1, 1}}, float value = {{{value}}}> {{
        a = {before} (x)
        p = {pad}
        y = {after} (p)
    }}"""
    return assert_unchanged(text, lambda model: guard_pads(model.graph), NEGATIVE)


def test_zeros_around_negative_values_count_in_a_maximum():
    assert ops("Identity")["Max"] == 1


@pytest.mark.parametrize("pad", ["Pad (a, pads)", "Pad <mode = \"reflect\"> (a, pads)"])  # fmt: skip
def test_the_default_value_is_guarded_and_a_reflection_needs_no_guard(pad):
    assert ops("Identity", pad=pad)["Max"] == (1 if "mode" not in pad else 0)


@pytest.mark.parametrize("before", ["Relu", "Sigmoid"])
def test_behind_values_that_are_not_negative_nothing_is_inserted(before):
    assert ops(before)["Max"] == 0


def test_padding_with_minus_infinity_is_fused():
    assert ops("Identity", value="-inf")["Max"] == 0


def test_before_another_pooling_nothing_is_inserted():
    assert ops("Identity", "AveragePool <kernel_shape = [3, 3]>")["Max"] == 0
