"""The n-grams of TfIdfVectorizer as levels of a prefix tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from modelport_converters.onnx_graph.registry import Unsupported


@dataclass(frozen=True)
class Level:
    """The prefixes of one length, in ascending order of their keys.

    Attributes:
        keys: parent * (number of distinct items) + item, where parent is the position of the prefix shorter by one item in
            the level before, 0 in the first.
        grams: the number of the n-gram that the prefix is, in the order of the pool; -1 where it is none.
    """

    keys: NDArray[np.int64]
    grams: NDArray[np.int64]


def levels(
    pool: Sequence[str | int], counts: Sequence[int], shortest: int, longest: int
) -> tuple[list[str | int], list[Level]]:  # fmt: skip
    """Return the distinct items of the pool and the prefix tree of its n-grams, the first level first.

    Args:
        pool: all 1-grams, then all 2-grams, and so on.
        counts: where each length starts in the pool.
        shortest: n-grams of fewer items are left out.
        longest: n-grams of more items are left out.

    Raises:
        Unsupported: when the pool is not divisible into n-grams, or two of them are the same.
    """
    items = sorted(set(pool))
    number = {item: at for at, item in enumerate(items)}
    grams = _grams([number[item] for item in pool], counts)
    wanted = {gram: at for at, gram in enumerate(grams) if shortest <= len(gram) <= longest}
    if len(set(grams)) < len(grams):
        raise Unsupported("the same n-gram stands twice in its pool")
    made: list[Level] = []
    before: dict[tuple[int, ...], int] = {(): 0}
    for length in range(1, max(map(len, wanted), default=0) + 1):
        prefixes = sorted({gram[:length] for gram in wanted if len(gram) >= length})
        keys = [before[prefix[:-1]] * len(items) + prefix[-1] for prefix in prefixes]
        found = [wanted.get(prefix, -1) for prefix in prefixes]
        made.append(Level(np.array(keys, np.int64), np.array(found, np.int64)))
        before = {prefix: at for at, prefix in enumerate(prefixes)}
    return items, made


def _grams(pool: list[int], counts: Sequence[int]) -> list[tuple[int, ...]]:
    grams: list[tuple[int, ...]] = []
    for length, (start, end) in enumerate(pairwise([*counts, len(pool)]), 1):
        if (end - start) % length:
            raise Unsupported(f"{end - start} items of its pool are no whole number of {length}-grams")
        grams += [tuple(pool[at : at + length]) for at in range(start, end, length)]
    return grams
