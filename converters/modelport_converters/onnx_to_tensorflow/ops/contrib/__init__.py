"""Operators of the domain com.microsoft that ONNX Runtime's optimizers write."""

from __future__ import annotations

DOMAIN = "com.microsoft"
