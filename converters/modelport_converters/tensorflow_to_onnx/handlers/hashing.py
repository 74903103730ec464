"""Hashes of strings: ONNX has no operator that reads a string's bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelport_converters.tensorflow_to_onnx.handlers.forms import form

if TYPE_CHECKING:
    from modelport_converters.tensorflow_to_onnx.handlers.forms import Form


@form("StringToHashBucket", "StringToHashBucketFast", "StringToHashBucketStrong", "SparseCross", "SparseCrossHashed")
def string_hash(write: Form, *inputs: str) -> str:
    """Refused; numbers are hashed as strings too."""
    raise ValueError("the hash of a string has no ONNX form: look values up in a vocabulary instead")
