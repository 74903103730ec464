"""Real data through a model, sample by sample, whatever its batch size and layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelport.data import images, preprocessing, sample_files
from modelport.data.preprocessing import Preprocessing
from modelport.data.sample_files import Samples
from modelport.errors import InputsRefused, InvalidSamples
from modelport.loading.open_model import OpenModel
from modelport.proof.cases.generated import Arrays

Answer = tuple[str, dict[str, Any]]
"""A sample's name, and its outputs without the batch axis."""

_ROWS = 32
_BATCH_BYTES = 16 * 2**20
_WHOLE = "all"


def choose(text: str | None, models: Sequence[OpenModel]) -> Preprocessing | None:
    """Return the user's preprocessing, else the first that a model carries; raises InvalidOption."""
    if text is not None:
        return preprocessing.parse(text)
    found = (preprocessing.stored(model.path or model.model, model.plugin.key) for model in models)
    return next((steps for steps in found if steps is not None), None)


def answers(
    model: OpenModel, samples: Samples, *, names: Mapping[str, str] | None = None, like: OpenModel | None = None
) -> Iterator[Answer]:
    """Run a model over samples and yield each sample's outputs.

    Args:
        model: the model.
        samples: images are prepared for this model's own layout and size; arrays are fitted to the signature of `like`.
        names: the model's input for each input of `like`.
        like: the model that the arrays are named after; `model` itself when left out.

    Raises:
        InvalidSamples: when the samples do not fit, or the model does not run on them.
    """
    if samples.images:
        batches: Iterable[tuple[list[str], Arrays]] = _image_batches(model, samples)
    else:
        fitted = sample_files.fit(samples, (like or model).signature)
        batches = _row_batches(model, {(names or {}).get(name, name): array for name, array in fitted.items()})
    for labels, arrays in batches:
        yield from _run(model, labels, arrays)


def _image_batches(model: OpenModel, samples: Samples) -> Iterator[tuple[list[str], Arrays]]:
    """Read images as they are needed; neighbours of one shape make up a batch."""
    frame = images.frame_of(model.signature, samples.preprocessing, natural=True)
    name = model.signature.inputs[0].name
    labels: list[str] = []
    arrays: list[Any] = []
    for label, path in zip(_image_names(samples.images), samples.images, strict=True):
        array = images.read_image(path, frame)
        if arrays and (array.shape != arrays[0].shape or len(arrays) >= _rows(model, array.nbytes)):
            yield labels, {name: np.stack(arrays)}
            labels, arrays = [], []
        labels.append(label)
        arrays.append(array)
    yield labels, {name: np.stack(arrays)}


def _image_names(paths: Sequence[Path]) -> list[str]:
    """Name images after their files, with the folder where two files have one name."""
    short = [path.name for path in paths]
    return short if len(set(short)) == len(short) else [str(path) for path in paths]


def _row_batches(model: OpenModel, arrays: Arrays) -> Iterator[tuple[list[str], Arrays]]:
    leads = {spec.shape[0] for spec in model.signature.inputs if spec.shape}
    counts = {len(array) for array in arrays.values() if array.ndim}
    if len(leads) != 1 or len(counts) != 1:  # no common batch axis: it is all one sample
        yield [_WHOLE], arrays
        return
    count = counts.pop()
    step = _rows(model, sum(array.nbytes for array in arrays.values()) // count)
    for start in range(0, count, step):
        part = {name: array[start : start + step] if array.ndim else array for name, array in arrays.items()}
        yield [str(row) for row in range(start, min(start + step, count))], part


def _rows(model: OpenModel, row_bytes: int) -> int:
    fixed = _fixed_batch(model)
    return fixed or max(1, min(_ROWS, _BATCH_BYTES // max(row_bytes, 1)))


def _fixed_batch(model: OpenModel) -> int | None:
    leads = {spec.shape[0] for spec in model.signature.inputs if spec.shape}
    lead = leads.pop() if len(leads) == 1 else None
    return lead if isinstance(lead, int) else None


def _run(model: OpenModel, labels: list[str], arrays: Arrays) -> Iterator[Answer]:
    """Run one batch, filled up with its last row where the model's batch is fixed, and cut the outputs into samples."""
    rows, fixed = len(labels), _fixed_batch(model)
    if labels == [_WHOLE]:
        yield _WHOLE, dict(_outputs(model, labels, arrays))
        return
    size = fixed or rows
    filled = {
        name: np.take(a, np.minimum(np.arange(size), rows - 1), axis=0) if a.ndim else a for name, a in arrays.items()
    }
    values = _outputs(model, labels, filled)
    if all(_has_rows(value, size) for value in values.values()):
        yield from ((label, {name: value[row] for name, value in values.items()}) for row, label in enumerate(labels))
    elif rows > 1 and fixed is None:  # the outputs are not one for each row: give the rows one at a time
        for row, label in enumerate(labels):
            yield from _run(model, [label], {name: a[row : row + 1] if a.ndim else a for name, a in arrays.items()})
    else:
        yield (labels[0] if rows == 1 else f"{labels[0]} to {labels[-1]}"), dict(values)


def _outputs(model: OpenModel, labels: Sequence[str], arrays: Arrays) -> Mapping[str, Any]:
    try:
        return model.run(arrays)
    except InputsRefused as error:
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
        raise InvalidSamples(
            f"{model.title} does not run on these samples: {error.what}",
            where=f"sample {labels[0]}, {shapes}",
            remedy=f"its inputs are {', '.join(map(str, model.signature.inputs))}: give samples of sizes that it admits "
            "(images: resize and crop in --preprocess)",
        ) from error


def _has_rows(value: Any, count: int) -> bool:
    return len(value) == count if isinstance(value, list) else np.ndim(value) > 0 and len(value) == count
