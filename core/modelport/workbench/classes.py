"""Class scores: finding them among the outputs, turning logits into probabilities, naming the best."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelport.errors import InvalidOption, nearest

Softmax = Literal["auto", "yes", "no"]

_SUM_TOLERANCE = 1e-2
"""How far a row of probabilities may be from a sum of 1: float16 and int8 models round each of many classes."""

_HINTS = ("prob", "logit", "score", "class", "softmax")
_HEADERS = frozenset({"name", "names", "label", "labels", "class", "classes"})


class Guess(msgspec.Struct, frozen=True):
    """One class of a sample.

    Attributes:
        probability: the model's own score where the report says that it is neither a probability nor was softmax applied.
    """

    index: int
    label: str
    probability: float


@dataclass(frozen=True)
class Scores:
    """The class scores of many samples.

    Attributes:
        output: where they come from.
        values: float64 [samples, classes].
        softmax: whether it was applied.
        probabilities: whether the values are probabilities, the model's own or by softmax.
        names: of the classes, by index.
    """

    output: str
    values: NDArray[np.float64]
    softmax: bool
    probabilities: bool
    names: Sequence[str]

    def top(self, sample: int, count: int) -> list[Guess]:
        """Return the best classes of a sample, the best first; of equal ones the lower index first, NaN last."""
        row = self.values[sample]
        order = np.argsort(np.where(np.isnan(row), np.inf, -row), kind="stable")[:count]
        return [Guess(int(index), self.names[index], float(row[index])) for index in order]


def vector(value: Any) -> NDArray[np.float64] | None:
    """Return one sample's output as a vector of class scores; None when it is none."""
    if isinstance(value, dict):
        return np.asarray(list(value.values()), np.float64) if len(value) > 1 else None
    array = np.asarray(value)
    flat = array.squeeze()
    if isinstance(value, list) or flat.ndim != 1 or (array.dtype.kind not in "fV"):
        return None
    return flat.astype(np.float64)


def find_scores(
    outputs: Sequence[Mapping[str, Any]],
    *,
    output: str | None = None,
    softmax: Softmax = "auto",
    labels: Sequence[str] | None = None,
    logits: bool = True,
    where: str = "",
) -> Scores | None:
    """Find the class scores among the outputs of some samples.

    Args:
        outputs: of each sample, by name, without the batch axis.
        output: the output to take; else one whose rows sum to 1, else one named like scores, else the first that fits.
        softmax: "auto" applies it where the rows are no probabilities already.
        labels: names of the classes.
        logits: whether an output that is no distribution may be taken for class scores.
        where: the model, for messages.

    Returns:
        None when no output is a vector of at least two floats for each sample, or none that it may take.

    Raises:
        InvalidOption: for an unknown `output`, or when the number of labels is not that of the classes.
    """
    first = outputs[0]
    if output is not None and output not in first:
        close = nearest(output, first)
        hint = f"did you mean {close!r}? " if close else ""
        raise InvalidOption(f"there is no output {output!r}", where=where, remedy=f"{hint}known: {', '.join(first)}")
    found = {name: rows for name in ([output] if output else first) if (rows := _rows(outputs, name)) is not None}
    if not found:
        return None
    name = max(found, key=lambda each: (sums_to_one(found[each]), any(hint in each.lower() for hint in _HINTS)))
    rows = found[name]
    already = sums_to_one(rows)
    if not (already or logits):
        return None
    apply = softmax == "yes" or (softmax == "auto" and not already)
    names = _names(labels, first[name], rows.shape[1], where)
    return Scores(name, _softmax(rows) if apply else rows, apply, apply or already, names)


def sums_to_one(rows: NDArray[np.float64]) -> bool:
    """Whether every row is a distribution: nothing negative, a sum of 1."""
    return bool((rows >= -_SUM_TOLERANCE).all() and np.allclose(rows.sum(axis=1), 1, rtol=0, atol=_SUM_TOLERANCE))


def read_labels(labels: str | Path | Sequence[str] | None) -> list[str] | None:
    """Read names of classes.

    Args:
        labels: names in order, or a file: .txt with a name a line; .csv with a name a line, or with indices and names in
            two columns; .json with a list, or an object from index to name (or to a list that ends with the name, as in
            Keras's imagenet_class_index.json).

    Raises:
        InvalidOption: when the file is missing or cannot be read.
    """
    if labels is None or not isinstance(labels, str | Path):
        return None if labels is None else [str(label) for label in labels]
    path = Path(labels)
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            return _by_index({str(k): v for k, v in _pairs(json.loads(text))})
        if path.suffix.lower() == ".csv":
            return _read_csv(text)
        return [line.strip() for line in text.splitlines() if line.strip()]
    except (OSError, ValueError, csv.Error) as error:
        raise InvalidOption(
            f"cannot read the labels: {error}", where=str(path), remedy="give a .csv or .txt file with a name a line"
        ) from error


def _rows(outputs: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64] | None:
    vectors = [vector(each[name]) for each in outputs]
    found = [each for each in vectors if each is not None]
    same = len(found) == len(vectors) and len({len(each) for each in found}) == 1 and len(found[0]) > 1
    return np.stack(found) if same else None


def _softmax(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _names(labels: Sequence[str] | None, value: Any, count: int, where: str) -> list[str]:
    if labels is None:
        return [str(key) for key in value] if isinstance(value, dict) else [str(index) for index in range(count)]
    if len(labels) != count:
        raise InvalidOption(
            f"there are {len(labels)} labels, the model has {count} classes",
            where=where,
            remedy="give exactly one label for each class, in the order of the model's outputs",
        )
    return list(labels)


def _read_csv(text: str) -> list[str]:
    rows = [[field.strip() for field in row] for row in csv.reader(text.splitlines()) if any(row)]
    if rows and {field.lower() for field in rows[0]} & _HEADERS:
        rows = rows[1:]
    if not rows:
        raise ValueError("it holds no names")
    if len({len(row) for row in rows}) > 1:
        raise ValueError("its lines have different numbers of columns; a name with a comma needs quotes")
    columns = list(zip(*rows, strict=True))
    indices = next((column for column in columns if all(field.isdecimal() for field in column)), None)
    names = next((column for column in columns if column is not indices), columns[0])
    return _by_index(dict(zip(indices, names, strict=True))) if indices and len(columns) > 1 else list(names)


def _pairs(content: Any) -> list[tuple[Any, Any]]:
    if isinstance(content, dict):
        return list(content.items())
    if isinstance(content, list):
        return list(enumerate(content))
    raise ValueError("it is neither a list nor an object")


def _by_index(names: Mapping[str, Any]) -> list[str]:
    by_index = {int(index): str(name[-1] if isinstance(name, list) and name else name) for index, name in names.items()}
    missing = sorted(set(range(len(names))) - set(by_index))
    if missing:
        raise ValueError(f"there is no name for class {missing[0]}")
    return [by_index[index] for index in range(len(names))]
