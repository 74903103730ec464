"""The labels that a graph can answer, and a search for inputs that the source answers with the rarest of them.

The search climbs on the source's own scores: from the rows that come nearest to a label, in random steps and away from the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, numpy_helper

from modelport.proof.cases.case import Arrays, Case, Note
from modelport.proof.cases.graph_index import GraphIndex
from modelport.proof.cases.hidden_scores import Scores

Answers = list[tuple[Case, Mapping[str, Any]]]

_ATTRIBUTES = ("classlabels_strings", "classlabels_int64s", "classlabels_ints", "values_strings", "values_int64s")
_MOST_LABELS = 1000
_ROUNDS = 6
_ROWS = 256
_PARENTS = 8
_STEPS = (0.3, 1.0, 3.0)
_STRETCHES = (1.5, 3.0, 6.0)


def labels_of(index: GraphIndex, outputs: list[str]) -> dict[str, tuple[Any, ...]]:
    """Return the table of labels that an output is looked up in, for outputs that are labels by the graph."""
    found = {}
    for output in outputs:
        _, node = index.origin(output)
        labels = _labels(index, node) if node is not None else ()
        if 1 < len(labels) <= _MOST_LABELS:
            found[output] = labels
    return found


def _labels(index: GraphIndex, node: NodeProto) -> tuple[Any, ...]:
    if index.is_lookup(node):
        table = numpy_helper.to_array(index.constants[node.input[0]]).reshape(-1)
        return tuple(_plain(entry) for entry in table.tolist()) if table.dtype.kind in "iuOSU" else ()
    for attribute in node.attribute:
        if attribute.name in _ATTRIBUTES:
            return tuple(_plain(entry) for entry in [*attribute.strings, *attribute.ints])
    return ()


def _plain(entry: Any) -> Any:
    return entry.decode("utf-8", "replace") if isinstance(entry, bytes) else entry


class LabelSearch:
    """Looks for rows that the source answers with labels which no case has met.

    Args:
        labels: every label of each output that has labels.
        make: returns the case of a table from its float columns: arrays [rows, columns] by input.
        widths: the columns of each floating-point input, all of them two-dimensional.
        hidden: returns the scores [rows, labels] that the graph chooses a label by.
    """

    def __init__(
        self,
        labels: Mapping[str, tuple[Any, ...]],
        make: Callable[[Mapping[str, NDArray[Any]]], Case],
        widths: Mapping[str, int],
        hidden: Scores,
    ) -> None:
        self.labels, self.make, self.widths, self.hidden = labels, make, widths, hidden
        self.random = np.random.default_rng(17)

    def __call__(self, run: Callable[[Arrays], Mapping[str, Any]], answers: Answers) -> list[Case | Note]:
        """Return a case of the rows found, where some were, and a note of the labels that were not met."""
        rows, scores = self._pool(answers)
        missing = self._missing(answers, scores)
        if not any(missing.values()):
            return []
        found: list[NDArray[Any]] = []
        for _ in range(_ROUNDS if len(rows) else 0):
            if not any(missing.values()):
                break
            tried = self._next(rows, scores, missing)
            answer = self._asked(run, tried)
            if answer is None:
                break
            found += self._met(answer, tried, missing)
            better = self._scored(answer, tried)
            rows = np.concatenate([rows, tried])
            scores = {output: np.concatenate([scores[output], better[output]]) for output in scores if output in better}
        cases = [self.make(self._columns(np.stack(found)))] if found else []
        return [*cases, *self._unmet(missing)]

    def _unmet(self, missing: Mapping[str, set[int]]) -> list[Note]:
        notes = []
        for output, places in missing.items():
            if places:
                named = ", ".join(str(self.labels[output][place]) for place in sorted(places)[:5])
                notes.append(Note(f"no input was found that {output} answers with {named}"))
        return notes

    def _missing(self, answers: Answers, scores: Mapping[str, NDArray[Any]]) -> dict[str, set[int]]:
        """Return the places in each table that no row was answered with: by its best score, else by its label."""
        missing = {}
        for output, table in self.labels.items():
            if output in scores:
                met = set(_best(scores[output]).tolist())
            else:
                arrays = [values[output] for _, values in answers if isinstance(values.get(output), np.ndarray)]
                seen = {label for array in arrays for label in array.reshape(-1).tolist()}
                met = {place for place, label in enumerate(table) if label in seen} or set(range(len(table)))
            missing[output] = set(range(len(table))) - met
        return missing

    def _pool(self, answers: Answers) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
        """Return the rows of all cases, and the scores that they were given, by output of labels."""
        rows: list[NDArray[Any]] = []
        scores: dict[str, list[NDArray[Any]]] = {}
        for case, values in answers:
            table = np.concatenate([case.inputs[name].astype(np.float64) for name in self.widths], axis=1)
            if not case.finite or not len(table):
                continue
            rows.append(table)
            for output, found in self._scored(values, table).items():
                scores.setdefault(output, []).append(found)
        joined = {output: np.concatenate(found) for output, found in scores.items()}
        pool = np.concatenate(rows) if rows else np.empty((0, 0))
        return pool, {output: found for output, found in joined.items() if len(found) == len(pool)}

    def _scored(self, values: Mapping[str, Any], rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the scores of rows by output of labels: the source's own, else those that the graph chooses by."""
        found = _scores(values, self.labels)
        for output in self.labels.keys() - found.keys():
            try:
                hidden = self.hidden(output, self.make(self._columns(rows)).inputs)
            except Exception:  # the graph chooses otherwise, or cannot be run here
                continue
            if hidden.shape == (len(rows), len(self.labels[output])):
                found[output] = hidden.astype(np.float64)
        return found

    def _next(
        self, rows: NDArray[Any], scores: Mapping[str, NDArray[Any]], missing: Mapping[str, set[int]]
    ) -> NDArray[Any]:
        """Return rows around those that come nearest to the missing labels."""
        parents = []
        for output, places in missing.items():
            for place in sorted(places)[:_PARENTS]:
                if output in scores:
                    score = _margin(scores[output], place)
                    parents.append(np.argsort(-score, kind="stable")[:_PARENTS])
                else:
                    parents.append(self.random.integers(0, len(rows), _PARENTS))
        chosen = rows[np.resize(np.concatenate(parents), _ROWS)]
        spread = np.nanstd(rows, axis=0) + 1e-3
        step = self.random.choice(_STEPS, (_ROWS, 1)) * spread * self.random.standard_normal(chosen.shape)
        moved = chosen + np.where(self.random.random(chosen.shape) < 0.5, step, 0.0)
        centre = np.nanmean(rows, axis=0)
        stretched = centre + self.random.choice(_STRETCHES, (_ROWS, 1)) * (chosen - centre)
        return np.where(self.random.random((_ROWS, 1)) < 0.3, stretched, moved)

    def _asked(self, run: Callable[[Arrays], Mapping[str, Any]], rows: NDArray[Any]) -> Mapping[str, Any] | None:
        try:
            return run(self.make(self._columns(rows)).inputs)
        except Exception:  # the source does not admit such rows
            return None

    def _met(self, answer: Mapping[str, Any], rows: NDArray[Any], missing: dict[str, set[int]]) -> list[NDArray[Any]]:
        found = []
        scores = self._scored(answer, rows)
        for output, places in missing.items():
            table = self.labels[output]
            labels = np.ravel(np.asarray(answer[output])).tolist()[: len(rows)]
            by_label = [table.index(label) if label in table else -1 for label in labels]
            for row, place in enumerate(_best(scores[output]).tolist() if output in scores else by_label):
                if place in places:
                    places.discard(place)
                    found.append(rows[row])
        return found

    def _columns(self, rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
        ends = np.cumsum(list(self.widths.values()))[:-1]
        return dict(zip(self.widths, np.split(rows, ends, axis=1), strict=True))


def _best(scores: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.nan_to_num(scores, nan=-np.inf).argmax(axis=1))


def _margin(scores: NDArray[Any], place: int) -> NDArray[Any]:
    """Return how far a score is above, or below, the best of the others."""
    known = np.nan_to_num(scores, nan=-1e300, posinf=1e300, neginf=-1e300)
    others = np.delete(known, place, axis=1).max(axis=1)
    return np.asarray(known[:, place] - others)


def _scores(values: Mapping[str, Any], labels: Mapping[str, tuple[Any, ...]]) -> dict[str, NDArray[Any]]:
    """Return the scores [rows, labels] beside each output of labels, where an output has as many columns."""
    found = {}
    for output, known in labels.items():
        for value in values.values():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.shape[1:] == (len(known),):
                found[output] = value.astype(np.float64)
    return found
