"""Fourier transforms, windows and mel filters in TensorFlow: what ONNX's own suite does not cover."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tf_models import assert_same, by_onnxruntime, by_reference, parsed, translated


def noise(*shape: int, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def number(value: int) -> Any:
    return np.array(value, np.int64)


@pytest.mark.parametrize("axis", [0, 1, 2, -2, -3, -4])
@pytest.mark.parametrize("onesided", [0, 1])
def test_the_axis_and_the_length_of_a_transform_may_be_inputs(axis: int, onesided: int) -> None:
    model = parsed(
        "g (float[N,M,K,1] x, int64 n, int64 a) => (float[p,q,r,2] y) "
        f"{{ y = DFT<onesided={onesided}>(x, n, a) }}"
    )  # fmt: skip
    for length in (3, 8):
        inputs = {"x": noise(4, 5, 6, 1), "n": number(length), "a": number(axis)}
        assert_same(translated(model, inputs), by_reference(model, inputs))


@pytest.mark.parametrize("attributes", ["inverse=1", "inverse=1, onesided=1", "inverse=0"])
@pytest.mark.parametrize("length", [4, 5, 9, 12])
def test_complex_signals_are_cut_or_padded_to_the_length(attributes: str, length: int) -> None:
    model = parsed(f"g (float[N,M,2] x, int64 n) => (float[p,q,r] y) {{ y = DFT<{attributes}>(x, n) }}")
    inputs = {"x": noise(3, 7, 2), "n": number(length)}
    assert_same(translated(model, inputs, saved=length == 9), by_reference(model, inputs))


def test_without_a_length_the_samples_of_a_halved_spectrum_are_even_in_number() -> None:
    model = parsed("g (float[N,M,2] x) => (float[p,q,1] y) { y = DFT<inverse=1, onesided=1>(x) }")
    x = noise(2, 5, 2)
    found = translated(model, {"x": x})
    np.testing.assert_allclose(found["y"][..., 0], np.fft.irfft(x[..., 0] + 1j * x[..., 1], 8), 1e-4, 1e-6)


def test_a_transform_and_its_inverse_give_the_signal_back_in_float64() -> None:
    model = parsed("g (double[N,9,1] x) => (double[a,b,1] y) { f = DFT<onesided=1>(x) n = Constant<value_int=9>() "
                   "y = DFT<onesided=1, inverse=1>(f, n) }")  # fmt: skip
    x = noise(2, 9, 1, dtype=np.float64)
    np.testing.assert_allclose(translated(model, {"x": x}, saved=True)["y"], x, 1e-12, 1e-12)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_halves_are_transformed_in_float32(name: str) -> None:
    import ml_dtypes

    dtype = np.dtype(getattr(ml_dtypes, name, name))
    model = parsed(f"g ({name}[N,8,1] x) => ({name}[a,b,2] y) {{ y = DFT(x) }}")
    x = noise(2, 8, 1).astype(dtype)
    found = translated(model, {"x": x})["y"]
    exact = np.fft.fft(x[..., 0].astype(np.float64))
    assert found.dtype == dtype
    np.testing.assert_allclose(found.astype(np.float64), np.stack([exact.real, exact.imag], -1), 2e-2, 2e-2)


@pytest.mark.parametrize(("onesided", "parts"), [(0, 1), (1, 1), (0, 2)])
def test_frames_of_a_signal_of_any_length(onesided: int, parts: int) -> None:
    model = parsed(
        f"g (float[N,T,{parts}] x, int64 step, float[W] w) => (float[a,b,c,2] y) {{ y = STFT<onesided={onesided}>(x, step, w) }}"
    )
    for samples, step, window in ((40, 7, 16), (33, 4, 5)):
        inputs = {"x": noise(2, samples, parts), "step": number(step), "w": np.hanning(window).astype(np.float32)}
        assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


def test_frames_without_a_window_have_the_length_of_an_input() -> None:
    model = parsed("g (float[N,T,1] x, int64 step, int64 n) => (float[a,b,c,2] y) { y = STFT(x, step, , n) }")
    inputs = {"x": noise(2, 50, 1), "step": number(5), "n": number(12)}
    assert_same(translated(model, inputs, saved=True), by_onnxruntime(model, inputs))


def test_one_frame_is_the_whole_signal_when_no_length_is_given() -> None:
    model = parsed("g (float[N,T,1] x, int64 step) => (float[a,b,c,2] y) { y = STFT<onesided=0>(x, step) }", opset=17)
    inputs = {"x": noise(2, 10, 1), "step": number(3)}
    assert_same(translated(model, inputs), by_reference(model, inputs))


@pytest.mark.parametrize("periodic", [0, 1])
@pytest.mark.parametrize("name", ["HannWindow", "HammingWindow", "BlackmanWindow"])
@pytest.mark.parametrize("kind", [1, 11])
def test_a_window_of_any_size(name: str, periodic: int, kind: int) -> None:
    model = parsed(
        f"g (int64 n) => ({'float' if kind == 1 else 'double'}[N] y) "
        f"{{ y = {name}<periodic={periodic}, output_datatype={kind}>(n) }}"
    )
    for size in (2, 7, 400):
        assert_same(translated(model, {"n": number(size)}), by_onnxruntime(model, {"n": number(size)}))


@pytest.mark.parametrize("edges", [(0.0, 7000.0), (125.0, 7600.0)])
def test_mel_filters_of_inputs_only(edges: tuple[float, float]) -> None:
    model = parsed(
        "g (int64 bins, int64 n, int64 rate, float low, float high) => (float[a,b] y) "
        "{ y = MelWeightMatrix(bins, n, rate, low, high) }"
    )
    for bins, length in ((80, 512), (128, 400), (8, 63)):
        numbers = {"bins": number(bins), "n": number(length), "rate": number(16000)}
        inputs = {**numbers, "low": np.float32(edges[0]), "high": np.float32(edges[1])}
        inputs = {key: np.asarray(value) for key, value in inputs.items()}
        assert_same(translated(model, inputs, saved=bins == 80), by_onnxruntime(model, inputs))


def test_a_spectrogram_keeps_what_is_known_of_its_shape() -> None:
    import onnx_ir as ir

    from modelport_converters.onnx_to_tensorflow import build

    model = parsed(
        "g (float[N,400,1] x) => (float[a,b,c,d] y) { s = Constant<value_int=100>() n = Constant<value_int=64>() "
        'w = HannWindow(n) y = STFT(x, s, w) }'
    )  # fmt: skip
    assert build.build(ir.from_proto(model)).serving.outputs[0].shape.as_list() == [None, 4, 33, 2]
