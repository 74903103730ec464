"""Matching a translated model's inputs and outputs to those of the ONNX model. Imports no framework."""

from __future__ import annotations

from collections.abc import Sequence

from modelport_converters.onnx_to_tensorflow.naming import tensor_names


def positions(own: Sequence[str | None], wanted: Sequence[str]) -> Sequence[int]:
    """Return the index of each ONNX name among a model's own names; by position where they are not those of a translation."""
    names = tensor_names(wanted)
    return [own.index(name) for name in names] if sorted(names) == sorted(map(str, own)) else range(len(wanted))


def is_channels_last(own: Sequence[int | None] | None, wanted: Sequence[int | str] | None, dtype: str) -> bool:
    """Tell whether a model's input is the NHWC form of an ONNX input that is NCHW.

    Args:
        own: the sizes that the model declares, None where unknown; None for an unknown rank.
        wanted: the sizes in ONNX's order, symbolic dimensions as text.
        dtype: such as "float32".
    """
    if own is None or wanted is None or len(wanted) < 4 or "float" not in dtype:
        return False
    return list(own) == [size if isinstance(size, int) else None for size in (wanted[0], *wanted[2:], wanted[1])]
