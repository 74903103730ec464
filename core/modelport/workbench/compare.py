"""compare(): two or more models of any frameworks, sample by sample, on real data."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from modelport.data import images, sample_files
from modelport.data.sample_files import Samples
from modelport.errors import BadInput, InvalidSignature
from modelport.loading.open_model import OpenModel, open_model, user_options
from modelport.proof.compare import compare as compare_output
from modelport.proof.compare import over_all
from modelport.proof.tolerance import Tolerance
from modelport.proof.verification import match, match_outputs
from modelport.report import CaseResult, Figures
from modelport.workbench import data
from modelport.workbench.classes import Guess, Scores, Softmax, find_scores, read_labels, vector

TOP = 3


@dataclass
class _Answers:
    """What all models answered, by sample.

    Attributes:
        names: of the samples.
        vectors: for each model and sample, the outputs that may be class scores, by the first model's names; others None.
        figures: for each model and sample, how far each output is from the first model's.
        renamed: for each model, its own name of each of the first model's outputs, where it differs.
    """

    names: list[str]
    vectors: list[list[dict[str, Any]]]
    figures: list[list[list[Figures]]]
    renamed: list[dict[str, str]]


class ComparedModel(msgspec.Struct, frozen=True):
    """One of the models.

    Attributes:
        output: of the class scores, by this model's own name; None when there are none.
        softmax: whether softmax was applied to them.
    """

    path: str
    title: str
    framework: str
    output: str | None = None
    softmax: bool = False


class SampleComparison(msgspec.Struct, frozen=True):
    """One sample through all models.

    Attributes:
        top: for each model, its best classes, the best first; empty where the models are no classifiers.
        same_top1: for each model, whether its best class is the first model's; empty likewise.
        max_difference: the largest difference to the first model, of the probabilities for classifiers, else of any
            floating-point output; infinite where only one side is NaN or infinite.
        flips: how many labels, integers or strings differ from the first model's, all outputs together.
    """

    sample: str
    top: list[list[Guess]]
    same_top1: list[bool]
    max_difference: float
    flips: int


class Agreement(msgspec.Struct, frozen=True):
    """One model against the first, over all samples.

    Attributes:
        top1: the share of samples with the same best class; None where the models are no classifiers.
        topk: the mean share of the first model's best k classes that are among this model's best k; None likewise.
        max_difference: the largest of the samples'.
        outputs: how far the outputs themselves are apart, judged at the tolerance of a proof.
    """

    model: str
    reference: str
    top1: float | None
    topk: float | None
    max_difference: float
    flips: int
    outputs: list[Figures]


class CompareReport(msgspec.Struct, frozen=True):
    """Several models on the same samples.

    Attributes:
        models: the first is the reference.
        preprocess: what was done to images, spelled out; None for other samples.
        top: how many classes were compared; 0 where the models are no classifiers.
        probabilities: whether the class scores are probabilities.
        agreements: every model but the first, against the first.
        rows: the worst first: another best class before the same one, then the larger difference.
    """

    models: list[ComparedModel]
    samples: str
    count: int
    preprocess: str | None
    top: int
    probabilities: bool
    agreements: list[Agreement]
    rows: list[SampleComparison]
    seconds: float
    notes: list[str] = []


def compare(
    *models: Any,
    samples: Any,
    top: int | None = None,
    preprocess: str | None = None,
    labels: str | Path | Sequence[str] | None = None,
    softmax: Softmax = "auto",
    output_name: str | None = None,
    from_: Sequence[str | None] = (),
    inputs: Sequence[str] = (),
    trust: bool = False,
    trust_types: Sequence[str] = (),
    factory: str | None = None,
) -> CompareReport:
    """Compare two or more models of any frameworks on real data; the first is the reference.

    Args:
        models: paths, or models in memory.
        samples: a path (folder of images, image, .npz, .npy, .csv), several `Path` of images, or arrays.
        top: how many of the best classes to compare; 3 when left out, and only for outputs that are surely class scores:
            distributions, any vector of an image, or what `labels`, `softmax` or `output_name` are given for. 0 compares the
            outputs alone.
        preprocess: for images, as in `modelport.data.preprocessing`, for all models; what the first of them carries when left
            out.
        labels: names of the classes, or a file of them.
        softmax: "auto" applies it to each model whose class scores are no probabilities.
        output_name: the output of the class scores, by the first model's name.
        from_: the frameworks of the models, in order, where they should not be detected.
        inputs, trust, trust_types, factory: as for `modelport.verify`.

    Raises:
        InvalidSignature: when the models' inputs or outputs do not correspond.
        BadInput: InvalidSamples or InvalidOption.
        ModelportError: when a model cannot be loaded.
    """
    if len(models) < 2:
        raise BadInput("comparing takes at least two models", remedy="name another model")
    names = read_labels(labels)
    given = sample_files.read(samples)
    options = user_options(inputs, factory=factory, trust=trust, trust_types=trust_types, samples=given)
    keys = [*from_, *[None] * len(models)]
    opened = [open_model(model, from_=key, options=options) for model, key in zip(models, keys, strict=False)]
    start = time.perf_counter()
    notes: list[str] = []
    if given.images:
        given = replace(given, preprocessing=data.choose(preprocess, opened))
        if given.preprocessing is None:
            notes.append(
                "no preprocessing was given: images are stretched to the input's size, pixels scaled to [0, 1]"
            )
    elif preprocess is not None:
        raise BadInput("preprocessing is for images", where="--preprocess", remedy="leave it out")
    answers = _collect(opened, given, notes)
    asked = bool(given.images or names or top or softmax != "auto" or output_name)
    scores = [] if top == 0 else _scores(opened, answers, names, softmax, output_name, asked)
    if names is not None and not scores:
        raise BadInput(
            "labels are for classifiers: no output is a vector of class scores", remedy="leave the labels out"
        )
    notes += [
        f"softmax was applied to the class scores of {m.title}"
        for m, s in zip(opened, scores, strict=False)
        if s.softmax
    ]
    k = min(top or TOP, scores[0].values.shape[1]) if scores else 0
    rows = [_row(answers, scores, k, sample) for sample in range(len(answers.names))]
    titles = _titles(opened)
    return CompareReport(
        models=[
            ComparedModel(str(model.path or title), title, model.plugin.key, *_described(answers, scores, at))
            for at, (model, title) in enumerate(zip(opened, titles, strict=True))
        ],
        samples=given.where,
        count=len(rows),
        preprocess=str(images.frame_of(opened[0].signature, given.preprocessing).steps) if given.images else None,
        top=k,
        probabilities=bool(scores) and all(each.probabilities for each in scores),
        agreements=[_agreement(answers, scores, rows, k, at, titles) for at in range(1, len(opened))],
        rows=sorted(rows, key=lambda row: (all(row.same_top1), row.flips == 0, -row.max_difference)),
        seconds=time.perf_counter() - start,
        notes=notes,
    )


def _collect(opened: Sequence[OpenModel], given: Samples, notes: list[str]) -> _Answers:
    """Run all models, sample by sample, keeping no more of the outputs than is compared."""
    first = opened[0]
    to_first = [match_outputs(first.signature, model.signature, notes) for model in opened]
    found = _Answers([], [[] for _ in opened], [[] for _ in opened], [{} for _ in opened])
    for together in zip_longest(*(_answers(model, first, given, notes) for model in opened), fillvalue=("nothing", {})):
        if len({name for name, _ in together}) > 1:
            raise InvalidSignature(
                f"the models do not answer sample by sample alike: {', '.join(name for name, _ in together)}",
                remedy="give samples that fill the models' batches, or compare models of one batch size",
            )
        expected = together[0][1]
        found.names.append(together[0][0])
        for at, (_, own) in enumerate(together):
            values = _like(expected, to_first[at](own))
            found.renamed[at] = dict(to_first[at]({name: name for name in own}))
            found.vectors[at].append(
                {name: value if vector(value) is not None else None for name, value in values.items()}
            )
            found.figures[at].append([_figures(name, value, values) for name, value in expected.items()])
    return found


def _answers(model: OpenModel, first: OpenModel, given: Samples, notes: list[str]) -> Iterator[data.Answer]:
    """Run one model: images are prepared for each model on its own, arrays are named after the first one's inputs."""
    if given.images or model is first:
        return data.answers(model, given)
    names = match("inputs", first.signature.inputs, model.signature.inputs, notes)
    return data.answers(model, given, names=names, like=first)


def _like(expected: Mapping[str, Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Name outputs after the first model's, by position where nobody has declared them under the same names."""
    if set(values) == set(expected):
        return values
    if len(values) != len(expected):
        raise InvalidSignature(
            f"the models give {len(expected)} and {len(values)} outputs: {', '.join(expected)}; {', '.join(values)}",
            remedy="compare models of one signature",
        )
    return dict(zip(expected, values.values(), strict=True))


def _figures(name: str, expected: Any, values: Mapping[str, Any]) -> Figures:
    return compare_output(name, expected, values[name], Tolerance())


def _scores(
    opened: Sequence[OpenModel],
    answers: _Answers,
    labels: Sequence[str] | None,
    softmax: Softmax,
    output: str | None,
    asked: bool,
) -> list[Scores]:
    """Find the class scores of every model, in the first one's output; none where the first is no classifier."""
    scores: list[Scores] = []
    for model, outputs in zip(opened, answers.vectors, strict=True):
        wanted = scores[0].output if scores else output
        found = find_scores(
            outputs, output=wanted, softmax=softmax, labels=labels, logits=asked or bool(scores), where=model.title
        )
        if found is None and not scores:
            return []
        if found is None or (scores and found.values.shape != scores[0].values.shape):
            counts = "none" if found is None else str(found.values.shape[1])
            raise InvalidSignature(
                f"the models have {scores[0].values.shape[1]} and {counts} classes",
                where=f"{opened[0].title} and {model.title}",
                remedy="compare models of the same classes, or --top 0 for the outputs alone",
            )
        scores.append(found)
    return scores


def _row(answers: _Answers, scores: Sequence[Scores], k: int, sample: int) -> SampleComparison:
    top = [each.top(sample, k) for each in scores]
    others = range(1, len(answers.figures))
    return SampleComparison(
        sample=answers.names[sample],
        top=top,
        same_top1=[guesses[0].index == top[0][0].index for guesses in top],
        max_difference=max(_difference(answers, scores, at, sample) for at in others),
        flips=sum(figures.flips for at in others for figures in answers.figures[at][sample]),
    )


def _difference(answers: _Answers, scores: Sequence[Scores], at: int, sample: int) -> float:
    """Return the largest difference of one model's sample to the first model's."""
    if not scores:
        return _largest(answers.figures[at][sample])
    a, b = scores[0].values[sample], scores[at].values[sample]
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return math.inf
    return float(np.abs(a - b)[np.isfinite(a)].max(initial=0.0))


def _largest(figures: Sequence[Figures]) -> float:
    """Return the largest difference of any output; infinite where an output could not be compared at all."""
    return max(
        (math.inf if each.reason and each.max_abs is None else each.max_abs or 0.0 for each in figures), default=0.0
    )


def _agreement(
    answers: _Answers,
    scores: Sequence[Scores],
    rows: Sequence[SampleComparison],
    k: int,
    at: int,
    titles: Sequence[str],
) -> Agreement:
    samples = range(len(answers.names))
    figures = answers.figures[at]
    cases = [CaseResult(name, {}, each) for name, each in zip(answers.names, figures, strict=True)]
    differences = [_difference(answers, scores, at, sample) for sample in samples]
    shared = [len(_best(rows[s], 0) & _best(rows[s], at)) / k for s in samples] if scores else []
    return Agreement(
        model=titles[at],
        reference=titles[0],
        top1=float(np.mean([row.same_top1[at] for row in rows])) if scores else None,
        topk=float(np.mean(shared)) if scores else None,
        max_difference=max(differences),
        flips=sum(each.flips for group in figures for each in group),
        outputs=over_all(cases),
    )


def _best(row: SampleComparison, at: int) -> set[int]:
    return {guess.index for guess in row.top[at]}


def _described(answers: _Answers, scores: Sequence[Scores], at: int) -> tuple[str | None, bool]:
    if not scores:
        return None, False
    output = scores[at].output
    return answers.renamed[at].get(output, output), scores[at].softmax


def _titles(opened: Sequence[OpenModel]) -> list[str]:
    """Name models by file and framework, by path where two would read the same."""
    titles = [model.title for model in opened]
    return [
        f"{model.path or title} [{at + 1}]" if titles.count(title) > 1 else title
        for at, (model, title) in enumerate(zip(opened, titles, strict=True))
    ]
