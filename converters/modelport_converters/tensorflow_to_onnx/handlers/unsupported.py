"""Operators that ONNX cannot express, refused with the reason."""

from __future__ import annotations

from modelport_converters.onnx_builder import Value
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler

_COMPLEX = (
    "Angle",
    "Complex",
    "Conj",
    "FFT",
    "FFT2D",
    "FFT3D",
    "IFFT",
    "IFFT2D",
    "IFFT3D",
    "IRFFT",
    "IRFFT2D",
    "RFFT2D",
)
_HASHES = (
    "StringToHashBucket",
    "StringToHashBucketFast",
    "StringToHashBucketStrong",
    "SparseCross",
    "SparseCrossHashed",
)
_CHARACTERS = ("UnicodeDecode", "UnicodeDecodeWithOffsets", "UnicodeEncode", "UnicodeTranscode")

_REASONS = {
    **dict.fromkeys(_COMPLEX, "{} takes or gives complex numbers, which ONNX has not"),
    "Conv": "Conv has no form: use tf.nn.conv2d or tf.nn.conv3d",  # ONNX calls another operator so
    **dict.fromkeys(_HASHES, "the hash of a string has no ONNX form: look values up in a vocabulary instead"),
    **dict.fromkeys(_CHARACTERS, "no ONNX operator takes text apart into characters: split it at a separator instead"),
}


@handler(*_REASONS)
def refuse(op: Operation, *_: Value) -> None:
    """Raise ValueError with the reason."""
    raise ValueError(_REASONS[op.type].format(op.type))
