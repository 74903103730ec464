"""Class scores are found, made probabilities, and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelport.errors import InvalidOption
from modelport.workbench.classes import find_scores, read_labels

LOGITS = np.asarray([[1.0, 3.0, 2.0], [0.0, -1.0, 5.0]], np.float32)
SOFT = np.exp(LOGITS.astype(np.float64)) / np.exp(LOGITS.astype(np.float64)).sum(1, keepdims=True)


def samples(**outputs: Any) -> list[dict[str, Any]]:
    count = len(next(iter(outputs.values())))
    return [{name: values[row] for name, values in outputs.items()} for row in range(count)]


def test_logits_get_a_softmax_and_probabilities_none() -> None:
    logits, probabilities = find_scores(samples(y=LOGITS)), find_scores(samples(y=SOFT))

    assert logits is not None
    assert probabilities is not None
    np.testing.assert_allclose(logits.values, SOFT, rtol=1e-7)
    np.testing.assert_array_equal(probabilities.values, SOFT)
    assert (logits.softmax, probabilities.softmax) == (True, False)
    assert logits.probabilities
    assert probabilities.probabilities


@pytest.mark.parametrize(("softmax", "rows", "expected"), [("no", LOGITS, LOGITS), ("yes", np.log(SOFT), SOFT)])
def test_the_user_decides_over_softmax(softmax: Any, rows: np.ndarray, expected: np.ndarray) -> None:
    found = find_scores(samples(y=rows), softmax=softmax)

    assert found is not None
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)
    assert found.probabilities == (softmax == "yes")


def test_the_best_come_first_equal_ones_by_index_and_nan_last() -> None:
    found = find_scores(samples(y=np.asarray([[0.2, np.nan, 0.5, 0.5]], np.float32)), softmax="no")

    assert found is not None
    assert [guess.index for guess in found.top(0, 9)] == [2, 3, 0, 1]
    assert [guess.label for guess in found.top(0, 2)] == ["2", "3"]


@pytest.mark.parametrize(
    ("outputs", "name"),
    [
        ({"features": np.ones((2, 5), np.float32), "p": SOFT}, "p"),
        ({"features": np.ones((2, 5), np.float32), "logits": LOGITS}, "logits"),
        ({"label": np.asarray([1, 2]), "squeezed": LOGITS.reshape(2, 3, 1, 1)}, "squeezed"),
    ],
)
def test_the_likeliest_output_is_taken(outputs: dict[str, Any], name: str) -> None:
    found = find_scores(samples(**outputs))

    assert found is not None
    assert found.output == name


def test_an_output_may_be_named() -> None:
    found = find_scores(samples(p=SOFT, y=LOGITS), output="y")

    assert found is not None
    assert found.output == "y"


def test_maps_of_a_zipmap_bring_their_own_names() -> None:
    found = find_scores([{"maps": {"no": 0.25, "yes": 0.75}}])

    assert found is not None
    assert [(guess.label, guess.probability) for guess in found.top(0, 2)] == [("yes", 0.75), ("no", 0.25)]


@pytest.mark.parametrize(
    "outputs",
    [
        {"y": np.zeros((2, 1), np.float32)},
        {"y": np.zeros((2, 3), np.int64)},
        {"y": np.zeros((2, 3, 4, 4), np.float32)},
        {"y": np.asarray([["a", "b"]], object)},
    ],
)
def test_other_outputs_are_no_class_scores(outputs: dict[str, Any]) -> None:
    assert find_scores(samples(**outputs)) is None


def test_logits_are_not_guessed_where_nobody_asks_for_classes() -> None:
    assert find_scores(samples(y=LOGITS), logits=False) is None
    assert find_scores(samples(y=SOFT), logits=False) is not None


@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c", "d"]])
def test_labels_must_be_as_many_as_classes(labels: list[str]) -> None:
    with pytest.raises(InvalidOption, match=rf"{len(labels)} labels, the model has 3 classes"):
        find_scores(samples(y=LOGITS), labels=labels)


def test_an_unknown_output_gets_the_nearest_name() -> None:
    with pytest.raises(InvalidOption, match="no output 'logit'") as caught:
        find_scores(samples(logits=LOGITS), output="logit")
    assert "did you mean 'logits'" in str(caught.value.remedy)


# --- labels --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("names.txt", "tench, Tinca tinca\ngoldfish\n\n"),
        ("names.csv", '"tench, Tinca tinca"\ngoldfish\n'),
        ("names.csv", '\ufeffname\n"tench, Tinca tinca"\ngoldfish\n'),
        ("names.csv", 'index,name\n1,goldfish\n0,"tench, Tinca tinca"\n'),
        ("names.csv", 'goldfish,1\n"tench, Tinca tinca",0\n'),
        ("names.json", '["tench, Tinca tinca", "goldfish"]'),
        ("names.json", '{"1": ["n2", "goldfish"], "0": ["n1", "tench, Tinca tinca"]}'),
    ],
)
def test_label_files_of_every_form_are_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert read_labels(tmp_path / name) == ["tench, Tinca tinca", "goldfish"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.csv", None, "No such file"),
        ("a.csv", "", "holds no names"),
        ("a.csv", "0,a\n2,b\n", "no name for class 1"),
        ("a.csv", "tench, Tinca tinca\ngoldfish\n", "different numbers of columns"),
        ("a.json", "{", "cannot read the labels"),
        ("a.json", "3", "neither a list nor an object"),
    ],
)
def test_label_files_that_cannot_be_read_are_refused(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)

    with pytest.raises(InvalidOption, match=message) as caught:
        read_labels(tmp_path / name)
    assert caught.value.where == str(tmp_path / name)
