"""run(): a model of any framework on photographs, tables or arrays, with results that a person can read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from modelport.data import images, preprocessing, sample_files
from modelport.errors import BadInput, InvalidOption
from modelport.loading.open_model import OpenModel, open_model, user_options
from modelport.spec import HUB
from modelport.workbench import data, results
from modelport.workbench.classes import Guess, Scores, Softmax, find_scores, read_labels

_SHOWN_VALUES = 8


class Summary(msgspec.Struct, frozen=True):
    """One output of one sample.

    Attributes:
        shape: without the batch axis.
        minimum, mean, maximum: of the finite values; None for text, maps and empty arrays.
        values: all of them, where they are few; empty otherwise.
    """

    output: str
    dtype: str
    shape: list[int]
    minimum: float | None = None
    mean: float | None = None
    maximum: float | None = None
    values: list[Any] = []


class SampleResult(msgspec.Struct, frozen=True):
    """One sample: its best classes, where the model is a classifier, and a summary of every output."""

    sample: str
    top: list[Guess]
    outputs: list[Summary]


class RunReport(msgspec.Struct, frozen=True):
    """What a model made of some samples.

    Attributes:
        preprocess: what was done to images, spelled out; None for other samples.
        output: the output whose class scores are listed; None when there are none.
        softmax: whether softmax was applied to them.
        probabilities: whether they are probabilities.
        seconds: reading, running and all else, without loading the model.
        files: what was written.
    """

    model: str
    framework: str
    samples: str
    preprocess: str | None
    output: str | None
    softmax: bool
    probabilities: bool
    results: list[SampleResult]
    seconds: float
    files: list[str] = []
    notes: list[str] = []


def run(
    model: Any,
    samples: Any,
    *,
    preprocess: str | None = None,
    labels: str | Path | Sequence[str] | None = None,
    top: int | None = None,
    softmax: Softmax = "auto",
    output_name: str | None = None,
    output: str | Path | None = None,
    store: bool = False,
    from_: str | None = None,
    inputs: Sequence[str] = (),
    trust: bool = False,
    trust_types: Sequence[str] = (),
    factory: str | None = None,
) -> RunReport:
    """Run a model on samples.

    Args:
        model: a path, or a model in memory, of any framework.
        samples: a path (an image, a folder of images, .npz, .npy, .csv), several `Path` of images, or arrays.
        preprocess: for images, as in `modelport.data.preprocessing`; what the model carries when left out.
        labels: names of the classes, or a file of them.
        top: how many classes to list; 5 when left out, and only for outputs that are surely class scores: distributions, any
            vector of an image, or what `labels`, `softmax` or `output_name` are given for. 0 lists none.
        softmax: "auto" applies it to class scores that are no probabilities.
        output_name: the output of the class scores.
        output: a file for the outputs: .npz, or an image (.png, .jpg …; several are numbered).
        store: write the preprocessing into the model's metadata once it has run.
        from_, inputs, trust, trust_types, factory: as for `modelport.convert`.

    Raises:
        BadInput: InvalidSamples, InvalidOption or OutputNotWritable.
        ModelportError: when the model cannot be loaded.
    """
    target = results.check_target(output, [model, samples, labels])
    names = read_labels(labels)
    given = sample_files.read(samples)
    options = user_options(inputs, factory=factory, trust=trust, trust_types=trust_types, samples=given)
    opened = open_model(model, from_=from_, options=options)
    start = time.perf_counter()
    notes: list[str] = []
    steps = _steps(preprocess, opened, store, notes, images_given=bool(given.images))
    given = replace(given, preprocessing=steps)
    frame = images.frame_of(opened.signature, steps, natural=True) if given.images else None
    labelled = list(data.answers(opened, given))
    outputs = [values for _, values in labelled]
    asked = bool(given.images or names or top or softmax != "auto" or output_name)
    scores = None
    if top != 0:
        scores = find_scores(
            outputs, output=output_name, softmax=softmax, labels=names, logits=asked, where=opened.title
        )
        _note_scores(scores, names, notes)
    rows = [
        SampleResult(name, scores.top(row, top or 5) if scores else [], [_summary(*item) for item in values.items()])
        for row, (name, values) in enumerate(labelled)
    ]
    files = results.save(outputs, target, notes) if target else []
    if store and frame is not None:
        preprocessing.store(_storable(opened), frame.steps)
    return RunReport(
        model=str(opened.path or opened.title),
        framework=opened.plugin.key,
        samples=given.where,
        preprocess=str(frame.steps) if frame else None,
        output=scores.output if scores else None,
        softmax=bool(scores and scores.softmax),
        probabilities=bool(scores and scores.probabilities),
        results=rows,
        seconds=time.perf_counter() - start,
        files=[str(file) for file in files],
        notes=notes,
    )


def store(model: str | Path, preprocess: str) -> str:
    """Write a preprocessing into an ONNX file, without running it; returns it spelled out.

    Raises:
        InvalidOption: when it cannot be read, contradicts the model's input, or the model is no ONNX file.
        OutputNotWritable: with the file as it was.
    """
    opened = open_model(model)
    steps = preprocessing.parse(preprocess)
    path = _storable(opened)
    fitted = images.frame_of(opened.signature, steps, natural=True).steps
    preprocessing.store(path, fitted)
    return str(fitted)


def _steps(
    text: str | None, opened: OpenModel, store: bool, notes: list[str], *, images_given: bool
) -> preprocessing.Preprocessing | None:
    if text is not None and not images_given:
        raise InvalidOption(
            "preprocessing is for images",
            where=f"--preprocess '{text}'",
            remedy="leave it out: arrays are taken as they are",
        )
    if store:
        _storable(opened)
        if text is None:
            raise InvalidOption(
                "there is no preprocessing to store", where="--store", remedy="give it with --preprocess"
            )
    steps = data.choose(text, [opened]) if images_given else None
    if images_given and text is None:
        notes.append(
            "the preprocessing is the one that the model carries"
            if steps
            else "no preprocessing was given: the images are stretched to the input's size, their pixels scaled to [0, 1]"
        )
    return steps


def _storable(opened: OpenModel) -> Path:
    if opened.plugin.key == HUB and opened.path is not None:
        return opened.path
    raise InvalidOption(
        "only an ONNX file can carry its preprocessing", where=opened.title, remedy="convert the model to ONNX first"
    )


def _note_scores(scores: Scores | None, names: Sequence[str] | None, notes: list[str]) -> None:
    if scores is None:
        if names is not None:
            raise BadInput(
                "labels are for classifiers: no output is a vector of class scores",
                where="--labels",
                remedy="leave the labels out, or name the output of the class scores",
            )
        return
    if scores.softmax:
        notes.append(f"softmax was applied: the rows of {scores.output!r} do not sum to 1")


def _summary(name: str, value: Any) -> Summary:
    if isinstance(value, dict | list):
        shown = [value] if len(value) <= _SHOWN_VALUES else []
        return Summary(name, type(value).__name__, [len(value)], values=shown if isinstance(value, dict) else [])
    array = np.asarray(value)
    few = array.size <= _SHOWN_VALUES
    if array.dtype.kind in "OUS":
        return Summary(
            name, "string", list(array.shape), values=[str(item) for item in array.reshape(-1)] if few else []
        )
    numbers = array if array.dtype.kind == "c" else array.astype(np.float64)
    finite = numbers[np.isfinite(numbers)].real
    low, mean, high = (float(finite.min()), float(finite.mean()), float(finite.max())) if finite.size else (None,) * 3
    values = [] if not few or array.dtype.kind == "c" else _plain(array)
    return Summary(name, array.dtype.name, list(array.shape), low, mean, high, values)


def _plain(array: Any) -> list[Any]:
    return [item.item() if array.dtype.kind in "biu" else float(item) for item in array.reshape(-1)]
