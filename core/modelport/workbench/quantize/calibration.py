"""The user's samples, as calibration data and as what the loss is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.data import sample_files
from modelport.data.preprocessing import Preprocessing
from modelport.errors import InvalidSamples
from modelport.proof.cases.generated import Arrays
from modelport.proof.observe import Observations
from modelport.signature import Signature

LABELS = "labels"
"""Name of the array or column that holds the true class of each sample."""

FEWEST, ADVISED = 10, 100
"""Calibration samples. The range of n samples does not hold the next one's largest or smallest value with probability
2 / (n + 1), whatever the distribution: 18 % at 10, 2 % at 100."""


@dataclass(frozen=True)
class UserSamples:
    """The user's samples, fitted to the model.

    Attributes:
        arrays: one for each input.
        labels: the true labels, where the samples hold some.
        rows: how many samples there are.
    """

    arrays: Arrays
    labels: NDArray[Any] | None
    rows: int


def read(given: Any, signature: Signature, stored: Preprocessing | None) -> UserSamples:
    """Read samples, set the labels apart, and fit the rest to the signature; raises InvalidSamples.

    Args:
        given: the samples, of any kind.
        signature: the model's.
        stored: what the model says is to be done to images.
    """
    samples = replace(sample_files.read(given), preprocessing=stored)
    labels = None
    if LABELS in samples.columns and LABELS not in {spec.name for spec in signature.inputs}:
        labels = np.asarray(samples.columns.pop(LABELS))
    whole = tuple(replace(spec, nan=False) for spec in signature.inputs)  # NaN has no place in a range
    arrays = sample_files.fit(samples, replace(signature, inputs=whole))
    rows = min((len(array) for array in arrays.values() if array.ndim), default=1)
    if labels is not None and labels.shape != (rows,):
        raise InvalidSamples(
            f"there are labels of shape {list(labels.shape)} for {rows} samples",
            where=samples.where,
            remedy=f"give one class for each sample under the name {LABELS!r}",
        )
    return UserSamples(arrays, labels, rows)


def require_enough(samples: UserSamples | None) -> str | None:
    """Return a warning for few calibration samples; raises InvalidSamples for none and for too few."""
    if samples is None:
        raise InvalidSamples(
            "static mode needs samples to calibrate with: ranges of random inputs are not those of your data",
            where="--samples",
            remedy=f"give at least {FEWEST}, better {ADVISED} or more, of the data that the model will meet; or --mode dynamic",
        )
    if samples.rows < FEWEST:
        raise InvalidSamples(
            f"{samples.rows} calibration samples are too few: the next one lies outside their range with a probability of "
            f"{200 / (samples.rows + 1):.0f} %",
            where="--samples",
            remedy=f"give at least {FEWEST}, better {ADVISED} or more",
        )
    if samples.rows < ADVISED:
        return (
            f"{samples.rows} calibration samples are few: a new one lies outside a tensor's range with a probability of up to "
            f"{200 / (samples.rows + 1):.0f} %; give {ADVISED} or more"
        )
    return None


def batches(seen: Observations, rows: int) -> list[Mapping[str, NDArray[Any]]]:
    """Return the user's rows, batch by batch as the float model ran them, without the cases of other sizes after them."""
    found: list[Mapping[str, NDArray[Any]]] = []
    for answer in seen.answers:
        size = max((len(array) for array in answer.case.inputs.values() if array.ndim), default=1)
        if rows < size:
            break
        rows -= size
        found.append(answer.case.inputs)
    return found
