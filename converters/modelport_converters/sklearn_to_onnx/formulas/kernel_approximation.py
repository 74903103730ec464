"""Formulas of sklearn.kernel_approximation: feature maps whose products approximate a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import kernel_approximation

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.formulas.metrics import pairwise_kernels as kernels
from modelport_converters.sklearn_to_onnx.registry import transform


@transform(kernel_approximation.Nystroem)
def nystroem(model: Any, x: Value) -> Value:
    """The kernel with a part of the fitted rows, normalised."""
    params = dict(model.kernel_params or {})
    if isinstance(model.kernel, str):
        own = {name: getattr(model, name) for name in ("gamma", "degree", "coef0")}
        params.update({name: value for name, value in own.items() if value is not None})
    return kernels.between(model, model.kernel, x, model.components_, params) @ model.normalization_.T


@transform(kernel_approximation.RBFSampler)
def random_waves(model: Any, x: Value) -> Value:
    """Cosines of random projections."""
    projected: Value = x @ model.random_weights_ + model.random_offset_
    return fn.cos(projected) * float((2.0 / model.n_components) ** 0.5)


@transform(kernel_approximation.SkewedChi2Sampler)
def skewed_waves(model: Any, x: Value) -> Value:
    """Cosines of random projections of logarithms."""
    features = x if x.dtype.kind == "f" else x.cast("float64")
    projected = fn.log(features + float(model.skewedness)) @ model.random_weights_ + model.random_offset_
    return fn.cos(projected) * float(np.sqrt(2.0) / np.sqrt(model.n_components))


_INTERVALS = {1: 0.8, 2: 0.5, 3: 0.4}
"""Between samples, by their number: sklearn.kernel_approximation.AdditiveChi2Sampler."""


@transform(kernel_approximation.AdditiveChi2Sampler)
def sampled_waves(model: Any, x: Value) -> Value:
    """Samples of the chi-squared kernel's Fourier transform: cosines and sines of logarithms; 0 stays 0."""
    features = x if x.dtype.kind == "f" else x.cast("float64")
    interval = float(model.sample_interval or _INTERVALS[model.sample_steps])
    zero = fn.equal(features, 0.0)
    positive = fn.where(zero, 1.0, features)
    logs = fn.log(positive) * interval
    parts = [fn.where(zero, 0.0, fn.sqrt(positive * interval))]
    for step in range(1, model.sample_steps):
        size = fn.sqrt(positive * (2.0 * interval) / float(np.cosh(np.pi * step * interval)))
        parts += [fn.where(zero, 0.0, size * wave(logs * float(step))) for wave in (fn.cos, fn.sin)]
    return fn.concatenate(parts, 1)


@transform(kernel_approximation.PolynomialCountSketch)
def polynomial_sketch(model: Any, x: Value) -> Value:
    """Count sketches, convolved: the product of their Fourier transforms, each a matrix product.

    A real sequence has a symmetric spectrum, so half of it is enough.
    """
    count = model.n_components
    frequencies = np.arange(count // 2 + 1)
    angles = 2.0 * np.pi / count * (np.outer(np.arange(count), frequencies) % count)
    features, scales = x, np.full(model.n_features_in_, np.sqrt(model.gamma))
    if model.coef0 != 0:
        features = fn.concatenate([x, fn.repeated(np.ones(1), x)], 1)
        scales = np.append(scales, np.sqrt(model.coef0))
    spectra = []
    for places, signs in zip(model.indexHash_, model.bitHash_, strict=True):
        sketch = np.zeros((len(places), count))
        sketch[np.arange(len(places)), places] = signs * scales
        spectra.append((features @ (sketch @ np.cos(angles)), features @ (sketch @ -np.sin(angles))))
    real, imaginary = spectra[0]
    for also_real, also_imaginary in spectra[1:]:
        both = real * also_imaginary + imaginary * also_real
        real, imaginary = real * also_real - imaginary * also_imaginary, both
    mirrored = np.where((frequencies == 0) | (2 * frequencies == count), 1.0, 2.0) / count
    return real @ (np.cos(angles) * mirrored).T - imaginary @ (np.sin(angles) * mirrored).T
