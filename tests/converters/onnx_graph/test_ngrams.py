"""The prefix tree of n-grams of TfIdfVectorizer."""

from __future__ import annotations

import pytest

from modelport_converters.onnx_graph.ngrams import levels
from modelport_converters.onnx_graph.registry import Unsupported

POOL = ["a", "b", "a", "b", "b", "c"]  # the 1-grams a and b, the 2-grams ab and bc
COUNTS = [0, 2]


def found(shortest: int, longest: int, gram: list[str]) -> int:
    """Return the number of an n-gram, found by its prefixes as the vectorizer does; -1 where it is none."""
    items, tree = levels(POOL, COUNTS, shortest, longest)
    parent, number = 0, -1
    for item, level in zip(gram, tree, strict=False):
        at = level.keys.searchsorted(parent * len(items) + items.index(item))
        if at == len(level.keys) or level.keys[at] != parent * len(items) + items.index(item):
            return -1
        parent, number = int(at), int(level.grams[at])
    return number if len(gram) <= len(tree) else -1


@pytest.mark.parametrize(
    ("shortest", "longest", "gram", "expected"),
    [
        (1, 2, ["a"], 0), (1, 2, ["b"], 1), (1, 2, ["a", "b"], 2), (1, 2, ["b", "c"], 3),
        (1, 2, ["b", "a"], -1), (1, 2, ["c"], -1), (2, 2, ["a"], -1), (2, 2, ["a", "b"], 2), (1, 1, ["a", "b"], -1),
    ],
)  # fmt: skip
def test_an_ngram_has_its_number_in_the_pool(shortest: int, longest: int, gram: list[str], expected: int) -> None:
    assert found(shortest, longest, gram) == expected


def test_keys_ascend_so_that_they_can_be_searched() -> None:
    for level in levels(POOL, COUNTS, 1, 2)[1]:
        assert level.keys.tolist() == sorted(level.keys.tolist())


def test_a_pool_that_is_cut_short_is_refused() -> None:
    with pytest.raises(Unsupported, match="3 items of its pool are no whole number of 2-grams"):
        levels(POOL[:5], COUNTS, 1, 2)
