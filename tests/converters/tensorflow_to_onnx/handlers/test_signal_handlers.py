"""Spectra against TensorFlow's own answers."""

import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import assert_same

from modelport.errors import UnsupportedOps


def parts(spectrum):
    return [tf.math.real(spectrum), tf.math.imag(spectrum), tf.abs(spectrum)]


@pytest.mark.parametrize("open_axes", [[0], None], ids=["a fixed length", "an open length"])
@pytest.mark.parametrize(("samples", "length"), [(64, 64), (50, 64), (64, 40), (30, 30), (31, 31), (30, 31)])
def test_a_signal_is_cut_or_padded_and_transformed(samples, length, open_axes):
    array = floats(2, 3, samples)
    assert_same(
        lambda x: parts(tf.signal.rfft(x, [length])), array, open_axes=open_axes, opset=18, rtol=1e-5, atol=2e-5
    )


def test_a_spectrum_in_float64_keeps_its_precision():
    assert_same(lambda x: parts(tf.signal.rfft(x)), floats(3, 48, dtype="float64"), opset=18, rtol=1e-12, atol=1e-12)


def test_windows_of_a_signal_are_transformed():
    assert_same(lambda x: [tf.abs(tf.signal.stft(x, 16, 8, 32))], floats(2, 100), opset=18, rtol=1e-5, atol=1e-5)


def test_a_spectrum_is_not_taken_for_numbers():
    with pytest.raises(UnsupportedOps, match=r"of a spectrum only tf\.math\.real, imag and abs"):
        assert_same(lambda x: [tf.math.real(tf.signal.rfft(x) * 2)], floats(2, 16))


def test_other_complex_numbers_are_refused():
    with pytest.raises(UnsupportedOps, match="not the spectrum of real numbers"):
        assert_same(lambda x: [tf.math.real(tf.cast(x, tf.complex64))], floats(2, 16))


def test_strings_beside_a_spectrum_reach_opset_20():
    """The axis of a DFT is an attribute before, an input from there on."""
    names = np.array(["a", "b"], object)
    call = lambda x, name: [tf.abs(tf.signal.rfft(x)), tf.strings.join([name, name])]  # noqa: E731
    model = assert_same(call, floats(2, 16), names, rtol=1e-5, atol=1e-5)
    assert {entry.version for entry in model.opset_import if entry.domain == ""} == {20}
