"""Signal processing: Fourier transforms, windows and mel filters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_graph.spectral import COSINES, MEL_CORNER, MEL_FACTOR
from modelport_converters.onnx_to_tensorflow.ops.elementwise.casting import dtype_of, to_type
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op
from modelport_converters.onnx_to_tensorflow.shapes import integers, size
from modelport_converters.onnx_to_tensorflow.widening import HALVES, widened

_PRECISE = {**HALVES, "float32": "float64"}
"""ONNX's suite expects the zeros of a spectrum to within 1e-7, which float32 does not reach; float64 takes 1.3 times as long."""


@op("DFT")
def dft(
    x: tf.Tensor, dft_length: tf.Tensor | None = None, axis: tf.Tensor | None = None,
    *, inverse: int = 0, onesided: int = 0,
) -> tf.Tensor:  # fmt: skip
    """Discrete Fourier transform along an axis; the last dimension holds real and imaginary parts."""
    if x.shape.rank is None:
        raise Unsupported("the rank of its input is not known")
    places = [-2] if axis is None else integers(axis)
    rank = x.shape.rank
    if places is not None:
        order = [at for at in range(rank - 1) if at != places[0] % rank] + [places[0] % rank]
    else:  # that axis behind the others, which keep their order
        order = tf.argsort(tf.cast(tf.range(rank - 1) == _scalar(axis) % rank, tf.int32), stable=True)
    via = HALVES if inverse else _PRECISE
    return widened(lambda signal: _transformed(signal, dft_length, order, bool(inverse), bool(onesided)), via)(x)


def _transformed(
    x: tf.Tensor, length: tf.Tensor | None, order: Sequence[int] | tf.Tensor, inverse: bool, onesided: bool
) -> tf.Tensor:
    whole = [*order, x.shape.rank - 1] if isinstance(order, list) else tf.concat([order, [x.shape.rank - 1]], 0)
    if isinstance(whole, list) and whole == sorted(whole):
        return spectrum(x, _length(x, length, inverse and onesided), inverse, onesided)
    moved = tf.transpose(x, whole)
    y = spectrum(moved, _length(moved, length, inverse and onesided), inverse, onesided)
    return tf.transpose(y, np.argsort(whole) if isinstance(whole, list) else tf.math.invert_permutation(whole))


def _length(x: tf.Tensor, length: tf.Tensor | None, halved: bool) -> int | tf.Tensor:
    """Return the number of samples, as a number or a scalar tensor."""
    if length is not None:
        known = integers(length)
        return _scalar(length) if known is None else known[0]
    own = size(x, -2, tf.int32)
    return 2 * (own - 1) if halved else own


def spectrum(x: tf.Tensor, length: int | tf.Tensor, inverse: bool, onesided: bool) -> tf.Tensor:
    """Return the transform along the last dimension but one.

    Args:
        x: float32 or float64, [..., samples, 1 or 2]; cut or padded with zeros to `length` samples.
        length: a number or a scalar tensor.
        inverse: from frequencies to samples.
        onesided: only the frequencies that are not the conjugate of another: of the result, or of x for the inverse.
    """
    real = x.shape[-1] == 1
    if onesided and inverse:
        return tf.signal.irfft(_complex(x), [length])[..., None]
    if onesided and real:
        return _parts(tf.signal.rfft(x[..., 0], [length]))
    z = _fitted(_complex(x), length)
    y = tf.signal.ifft(z) if inverse else tf.signal.fft(z)
    return _parts(y[..., : length // 2 + 1] if onesided else y)


def _complex(x: tf.Tensor) -> tf.Tensor:
    """Return complex numbers; those without an imaginary part are real."""
    if x.shape[-1] == 2:
        return tf.complex(x[..., 0], x[..., 1])
    return tf.complex(x[..., 0], tf.reduce_sum(x[..., 1:], -1))


def _parts(z: tf.Tensor) -> tf.Tensor:
    return tf.bitcast(z, z.dtype.real_dtype)


def _fitted(z: tf.Tensor, length: int | tf.Tensor) -> tf.Tensor:
    own = size(z, -1, tf.int32)
    if isinstance(own, int) and own == length:
        return z
    cut = z[..., :length]
    missing = length - size(cut, -1, tf.int32)
    padded = tf.pad(cut, [*[[0, 0]] * (z.shape.rank - 1), [0, missing]])
    padded.set_shape([*z.shape[:-1], length if isinstance(length, int) else None])
    return padded


@op("STFT")
def stft(
    signal: tf.Tensor, frame_step: tf.Tensor, window: tf.Tensor | None = None, frame_length: tf.Tensor | None = None,
    *, onesided: int = 1,
) -> tf.Tensor:  # fmt: skip
    """Short-time Fourier transform: that of every frame of a signal, each multiplied by the window."""
    signal = tf.ensure_shape(signal, [None, None, None])
    if frame_length is None and window is not None:
        length = size(window, 0, tf.int32)
    else:
        length = _length(signal, frame_length, halved=False)
    steps = integers(frame_step)
    step = _scalar(frame_step) if steps is None else steps[0]
    return widened(lambda x, w: _frames_spectra(x, w, length, step, bool(onesided)), HALVES)(signal, window)


def _frames_spectra(
    x: tf.Tensor, window: tf.Tensor | None, length: int | tf.Tensor, step: int | tf.Tensor, onesided: bool
) -> tf.Tensor:
    frames = tf.signal.frame(x, length, step, axis=1)
    if window is not None:
        frames = frames * window[:, None]
    return spectrum(frames, length, inverse=False, onesided=onesided)


def _window(name: str, factors: Sequence[float]) -> None:
    @op(name)
    def window(size: tf.Tensor, *, output_datatype: int = 1, periodic: int = 1) -> tf.Tensor:
        """A window of `size` points: a sum of cosines over one period, whose end is left out when periodic."""
        points = tf.cast(tf.range(_scalar(size)), tf.float64)
        period = tf.cast(_scalar(size) if periodic else _scalar(size) - 1, tf.float64)
        terms = [factor * tf.cos(2 * math.pi * at * points / period) for at, factor in enumerate(factors)]
        return to_type(tf.add_n(terms), dtype_of(output_datatype))


for _name, _factors in COSINES.items():
    _window(_name, _factors)


@op("MelWeightMatrix")
def mel_weight_matrix(
    num_mel_bins: tf.Tensor, dft_length: tf.Tensor, sample_rate: tf.Tensor, lower_edge_hertz: tf.Tensor,
    upper_edge_hertz: tf.Tensor,
    *, output_datatype: int = 1,
) -> tf.Tensor:  # fmt: skip
    """Mel filter bank: triangular filters with a peak of 1, evenly spaced in mel: [dft_length // 2 + 1, num_mel_bins]."""
    count, length = _scalar(num_mel_bins), _scalar(dft_length)
    low, high = (_mel(tf.cast(tf.reshape(edge, []), tf.float64)) for edge in (lower_edge_hertz, upper_edge_hertz))
    places = tf.cast(tf.range(count + 2), tf.float64)
    hertz = _hertz(low + places * (high - low) / tf.cast(count + 2, tf.float64))
    rate = tf.cast(_scalar(sample_rate), tf.float64)
    bins = tf.math.floor(tf.cast(length + 1, tf.float64) * hertz / rate)
    left, centre, right = bins[:-2], bins[1:-1], bins[2:]
    at = tf.cast(tf.range(length // 2 + 1), tf.float64)[:, None]
    one = tf.constant(1, tf.float64)
    rising = tf.where(centre > left, (at - left) / tf.maximum(centre - left, one), tf.cast(at == centre, tf.float64))
    falling = (right - at) / tf.maximum(right - centre, one)
    weights = tf.maximum(tf.where(at <= centre, rising, falling), 0)
    return to_type(weights, dtype_of(output_datatype))


def _mel(hertz: tf.Tensor) -> tf.Tensor:
    return MEL_FACTOR / math.log(10) * tf.math.log1p(hertz / MEL_CORNER)


def _hertz(mel: tf.Tensor) -> tf.Tensor:
    return MEL_CORNER * tf.math.expm1(mel * math.log(10) / MEL_FACTOR)


def _scalar(value: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.reshape(value, []), tf.int32)
