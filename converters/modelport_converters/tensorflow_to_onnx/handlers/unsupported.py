"""Operators that are refused, with the reason."""

from __future__ import annotations

from typing import Any

from modelport_converters.tensorflow_to_onnx.handler import Form, handler


@handler("Angle", "Complex", "Conj", "FFT", "FFT2D", "FFT3D", "IFFT", "IFFT2D", "IFFT3D", "IRFFT", "IRFFT2D", "RFFT2D")
def complex_numbers(write: Form, *_: Any) -> str:
    """What takes or gives complex numbers."""
    raise ValueError(f"{write.kind} takes or gives complex numbers, which ONNX has not")


@handler("Conv")
def convolution_of_any_rank(write: Form, *_: Any) -> str:
    """ONNX calls another operator so."""
    raise ValueError("Conv has no form: use tf.nn.conv2d or tf.nn.conv3d")


@handler("StringToHashBucket", "StringToHashBucketFast", "StringToHashBucketStrong", "SparseCross", "SparseCrossHashed")
def string_hash(write: Form, *_: Any) -> str:
    """No operator of ONNX reads a string's bytes; numbers are hashed as strings too."""
    raise ValueError("the hash of a string has no ONNX form: look values up in a vocabulary instead")


@handler("UnicodeDecode", "UnicodeDecodeWithOffsets", "UnicodeEncode", "UnicodeTranscode")
def characters(write: Form, *_: Any) -> str:
    """ONNX Runtime's Tokenizer could, but no operator of ONNX itself."""
    raise ValueError("no ONNX operator takes text apart into characters: split it at a separator instead")
