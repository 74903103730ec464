"""Writing what a model answered: arrays to .npz, pictures to image files, text to a file; all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.data import images
from modelport.delivery import targets
from modelport.delivery.workspace import Workspace
from modelport.errors import BadInput, InvalidOption

_UNIT_LIMIT = 2.0
"""Floats up to this are taken for [0, 1] with some overshoot, as super-resolution has; larger ones for 0..255."""


def check_target(output: str | Path | None, reads: Sequence[Any] = ()) -> Path | None:
    """Return the target of outputs, refused early.

    Args:
        output: the target, if any.
        reads: what the command reads, and must not be replaced by it.

    Raises:
        InvalidOption: for a suffix that is neither .npz nor an image's.
        OutputNotWritable: as `modelport.delivery.targets.check_target`.
    """
    if output is None:
        return None
    target = Path(output)
    if target.suffix.lower() not in images.SUFFIXES | {".npz"}:
        raise InvalidOption(
            f"cannot write outputs as {target.suffix or 'a file without a suffix'!r}",
            where=str(target),
            remedy=f"give .npz, or for pictures {', '.join(sorted(images.SUFFIXES))}",
        )
    targets.check_target(target, folder=False, reads=reads)
    return target


def save(outputs: Sequence[Mapping[str, Any]], target: Path, notes: list[str]) -> list[Path]:
    """Write the outputs of all samples.

    Args:
        outputs: of each sample, by name, without the batch axis.
        target: .npz holds one array for each output, samples along its first axis (``name.0``, ``name.1`` … where their
            shapes differ); an image holds the first output that is a picture.
        notes: what a reader should know is added to them.

    Raises:
        BadInput: when an image is asked for and no output is a picture.
        OutputNotWritable: with nothing left behind.
    """
    with Workspace(target, target.name) as workspace, targets.writing(target):
        if target.suffix.lower() == ".npz":
            np.savez(workspace.path, allow_pickle=False, **_stacked(outputs))
            made = [workspace.path]
        else:
            made = _save_pictures(outputs, workspace.path, notes)
        return workspace.deliver(made)


def write_text(target: Path, text: str) -> None:
    """Write a text file; raises OutputNotWritable with nothing left behind."""
    with Workspace(target, target.name) as workspace, targets.writing(target):
        workspace.path.write_text(text, encoding="utf-8", errors="backslashreplace")
        workspace.deliver([workspace.path])


def picture(value: Any) -> NDArray[Any] | None:
    """Return an output as [H, W] or [H, W, 3] when it has the form of a picture ([C,H,W], [H,W,C] or [H,W]); else None."""
    array = np.asarray(value)
    if isinstance(value, dict | list) or array.dtype.kind in "OUSc" or array.ndim not in (2, 3):
        return None
    if array.ndim == 3:
        if array.shape[0] in (1, 3):
            array = array.transpose(1, 2, 0)
        if array.shape[2] not in (1, 3):
            return None
        array = array[..., 0] if array.shape[2] == 1 else array
    return array if min(array.shape[:2]) > 1 else None


def _stacked(outputs: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[Any]]:
    arrays = {}
    for name in outputs[0]:
        values = [_array(each[name]) for each in outputs]
        if len({value.shape for value in values}) == 1:
            arrays[name] = np.stack(values)
        else:
            arrays |= {f"{name}.{number}": value for number, value in enumerate(values)}
    return arrays


def _array(value: Any) -> NDArray[Any]:
    """Return a value as .npz can hold it without pickling: maps by their values, text as fixed-width strings."""
    array = np.asarray(list(value.values()) if isinstance(value, dict) else value)
    return array.astype(str) if array.dtype.kind == "O" else array


def _save_pictures(outputs: Sequence[Mapping[str, Any]], target: Path, notes: list[str]) -> list[Path]:
    from PIL import Image

    name = next((name for name, value in outputs[0].items() if picture(value) is not None), None)
    if name is None:
        shapes = ", ".join(f"{name} {list(np.shape(value))}" for name, value in outputs[0].items())
        raise BadInput(
            f"no output is a picture: {shapes} for each sample",
            where=str(target),
            remedy="write the outputs with -o out.npz",
        )
    made = []
    for number, each in enumerate(outputs):
        path = target if len(outputs) == 1 else target.with_name(f"{target.stem}-{number}{target.suffix}")
        pixels = picture(each[name])
        if pixels is None:
            raise BadInput(
                f"the output {name!r} is no picture in sample {number}", where=str(target), remedy="use .npz"
            )
        Image.fromarray(_pixels(pixels, name, notes)).save(path)
        made.append(path)
    return made


def _pixels(values: NDArray[Any], name: str, notes: list[str]) -> NDArray[np.uint8]:
    """Bring a picture to 0..255; what lies outside is clipped, and said."""
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise BadInput(f"the picture {name!r} holds NaN or infinities", remedy="look at the outputs with -o out.npz")
    unit = values.dtype.kind in "fV" and numbers.max() <= _UNIT_LIMIT
    top = 1.0 if unit else 255.0
    outside = np.count_nonzero((numbers < 0) | (numbers > top))
    scale = "[0, 1]" if unit else "0..255"
    note = f"{name!r} is taken for pixels in {scale}" + (f"; {outside} values outside were clipped" if outside else "")
    if note not in notes:
        notes.append(note)
    return np.rint(np.clip(numbers / top, 0, 1) * 255).astype(np.uint8)
