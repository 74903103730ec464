"""Operators of the domain ai.onnx.ml: feature encoders, linear models and tree ensembles."""

from __future__ import annotations

ML = "ai.onnx.ml"
