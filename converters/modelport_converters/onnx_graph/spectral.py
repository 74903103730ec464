"""Coefficients of ONNX's window functions and of its mel scale."""

from __future__ import annotations

COSINES: dict[str, tuple[float, ...]] = {
    "BlackmanWindow": (0.42, -0.5, 0.08),
    "HammingWindow": (25 / 46, -21 / 46),
    "HannWindow": (0.5, -0.5),
}
"""The window is the sum of factor[k] * cos(2 * pi * k * n / N); from the function bodies in ONNX's schemas."""

MEL_FACTOR = 2595.0
MEL_CORNER = 700.0
"""mel(f) = MEL_FACTOR * log10(1 + f / MEL_CORNER), f in hertz; from the schema of MelWeightMatrix."""
