"""The cases beyond a proof's minimum: values, sizes and integers that usual random inputs do not reach."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.proof.cases.branches import tried
from modelport.proof.cases.case import Arrays, Case, Note, Reach, Search
from modelport.proof.cases.drawing import draw, shape_at, sizes_in, stretch
from modelport.proof.cases.labels import LabelSearch
from modelport.proof.cases.tree_leaves import MOST, in_leaves
from modelport.proof.cases.value_patterns import PATTERNS, SPECIALS, WIDE, rows_at_named, rows_of, typed
from modelport.proof.value_ranges import ValueRange, ValueRanges
from modelport.signature import Signature, TensorSpec

_TREE_ROWS = 512
_TABLE_ROWS = 5
_TABLE_COLUMNS = 1024
_NAMED = "values of the graph"
_NAMED_ROWS = {True: 9, False: 3}
"""Rows at the values that a graph names: of a table, of anything else. With them a table has 79 rows, a prime above 64."""

_CHEAP_BYTES = 64 * 2**10
"""Rows of at most this size run in one batch, whatever the model; larger ones in batches of the example's size."""

_LARGE_PRIMES = {1: (131,), 2: (67, 71)}
"""Sizes of the dimensions behind the batch: of a sequence's, of an image's, of more."""
_MORE_PRIMES = (67, 71, 73, 79)
_LARGEST_BYTES = 16 * 2**20
_LONGEST = 4096


class Further:
    """What makes the further cases of one proof.

    Args:
        signature: the inputs; every dtype and rank known.
        ranges: what the graph admits.
        sizes: of the symbolic dimensions, at the example.
        base: usual inputs, where somebody has some; else they are drawn.
        reach: how far beyond usual values and sizes to go.
    """

    def __init__(
        self,
        signature: Signature,
        ranges: Mapping[str, ValueRange],
        sizes: Mapping[str, int],
        base: Arrays | None,
        *,
        reach: Reach = "everything",
    ) -> None:
        self.signature, self.base, self.reach = signature, base, reach
        self.ranges = ranges if isinstance(ranges, ValueRanges) else ValueRanges(ranges)
        self.sizes = dict(sizes)
        self.dtypes = {spec.dtype for spec in signature.inputs}
        leads = {(spec.shape or (None,))[0] for spec in signature.inputs}
        lead = next(iter(leads)) if len(leads) == 1 else None
        self.batch = lead if isinstance(lead, str) else None

    def cases(self) -> Iterator[Case | Note]:
        """Yield the cases, those first that show most for what they cost."""
        if any(value_range.thresholds for value_range in self.ranges.values()):
            yield self.drawn("at the thresholds of trees", self._tree_sizes(_TREE_ROWS), 7, "thresholds")
        if self.reach == "usual":
            for seed, distribution in enumerate(("normal", "uniform", "small", "sparse"), start=1):
                yield self.drawn(f"{distribution}, seed {seed}", self._ample(), seed, distribution)
            return
        yield from self._leaves()
        yield from self._values()
        yield from self._integers()
        if "string" in self.dtypes:
            yield self.drawn("strings outside the vocabulary", self._ample(), 21, "unknown")
            yield from self._vocabulary()
        yield from self._sizes()
        if self.reach == "everything":
            yield from self._undefined()
        yield from self._branches()

    def _undefined(self) -> Iterator[Case]:
        """Yield what some frameworks define no result for: values that are not finite, and a batch of no rows."""
        if self._floats() and self.ranges.nan_comparable:
            case = self._patterned("not finite", list(SPECIALS), extreme=True, finite=False)
            rows = not self.ranges.nan_defined
            yield replace(case, finite_rows=rows, parts=tuple(replace(part, finite_rows=rows) for part in case.parts))
        if self.batch and self.ranges.empty_batches:
            yield self.drawn(f"{self.batch}=0", {**self.sizes, self.batch: 0}, 0, "normal", extreme=True)

    @property
    def search(self) -> Search | None:
        """What looks for labels that no case has met; None where the inputs are no table of numbers."""
        widths = {spec.name: spec.shape[1] for spec in self._floats() if spec.shape and len(spec.shape) == 2}
        known = {name: width for name, width in widths.items() if isinstance(width, int)}
        tabular = self._is_table() and len(known) == len(self.signature.inputs)
        if self.reach == "usual" or not self.ranges.labels or not tabular:
            return None
        dtypes = {spec.name: spec.dtype for spec in self.signature.inputs}

        def make(columns: Mapping[str, NDArray[Any]]) -> Case:
            arrays = {name: typed(values, dtypes[name]) for name, values in columns.items()}
            return Case("rows that meet rare labels", sizes_in(self.signature, arrays), arrays)

        return LabelSearch(self.ranges.labels, make, known, self.ranges.scores)

    def drawn(
        self, label: str, sizes: Mapping[str, int], seed: int, distribution: str, *, extreme: bool = False
    ) -> Case:
        """Return a case drawn from a distribution."""
        rng = np.random.default_rng(seed)
        arrays = {}
        for spec in self.signature.inputs:
            drawn = draw(spec, shape_at(spec, sizes), self.ranges.get(spec.name, ValueRange()), distribution, rng)
            arrays[spec.name] = np.asarray(drawn)  # what is drawn for a scalar is no array
        return Case(label, dict(sizes), arrays, extreme=extreme)

    def sized(self, sizes: Mapping[str, int]) -> Case:
        """Return a case of usual values with some symbolic dimensions at other sizes."""
        actual = {**self.sizes, **sizes}
        rng = np.random.default_rng(0)
        label = ", ".join(f"{symbol}={size}" for symbol, size in sizes.items())
        return Case(label, actual, {spec.name: self._usual(spec, actual, rng) for spec in self.signature.inputs})

    def _usual(self, spec: TensorSpec, sizes: Mapping[str, int], rng: np.random.Generator) -> NDArray[Any]:
        if self.base is not None:
            return stretch(self.base[spec.name], spec, sizes)
        return np.asarray(draw(spec, shape_at(spec, sizes), self.ranges.get(spec.name, ValueRange()), "normal", rng))

    # --- values -----------------------------------------------------------------------------------

    def _values(self) -> Iterator[Case]:
        """Yield every pattern of values: in one batch where rows are cheap, else in batches of the example's size."""
        if not self._floats():
            for seed in (1, 2):
                yield self.drawn(f"normal, seed {seed}", self._ample(), seed, "normal")
            return
        table, rows = self._is_table(), self._batch_rows()
        each = _TABLE_ROWS if table else min(len(self._floats()), 2)
        names = [name for name in PATTERNS for _ in range(each)] + [_NAMED] * _NAMED_ROWS[table]
        if all(spec.dtype == "float64" for spec in self._floats()):
            names[-1] = WIDE
        size = len(names) if rows is None else rows
        for start in range(0, len(names), size):
            chosen = names[start : start + size]
            chosen += names[: size - len(chosen)] if self.batch is None else []
            shown = list(dict.fromkeys(chosen))
            label = ", ".join(shown if len(shown) < 6 else [*shown[:3], "…", shown[-1]])
            yield self._patterned(label, chosen, extreme=True)

    def _patterned(self, label: str, names: Sequence[str], *, extreme: bool, finite: bool = True) -> Case:
        """Return a case with one pattern for each row, and the cases of single patterns for a source that refuses it."""
        parts: tuple[Case, ...] = ()
        if len(set(names)) > 1:
            rows = self._batch_rows() if self.batch is None else 2
            parts = tuple(
                self._patterned(name, [name] * (rows or 1), extreme=extreme, finite=finite)
                for name in dict.fromkeys(names)
            )
        sizes = {**self.sizes, **({self.batch: len(names)} if self.batch else {})}
        rng = np.random.default_rng(3)
        arrays = {spec.name: self._usual(spec, sizes, rng) for spec in self.signature.inputs}
        for place, spec in enumerate(self._floats()):
            arrays[spec.name] = self._in_patterns(spec, arrays[spec.name], _turned(names, place), rng)
        return Case(label, sizes, arrays, extreme=extreme, finite=finite, parts=parts)

    def _in_patterns(
        self, spec: TensorSpec, usual: NDArray[Any], names: Sequence[str], rng: np.random.Generator
    ) -> NDArray[Any]:
        whole = len(usual) != len(names) if usual.ndim else True
        rows = usual.real.astype(np.float64)[None] if whole else usual.real.astype(np.float64)
        names = names[:1] if whole else names
        plain = [name if name != _NAMED else "normal" for name in names]
        made = rows_of(plain, rows, rng)
        named = [place for place, name in enumerate(names) if name == _NAMED]
        values = self.ranges.get(spec.name, ValueRange()).named
        if named and values:
            made[named] = rows_at_named(values, made[named], spec.dtype, rng)
        return typed(made[0] if whole else made, spec.dtype)

    def _batch_rows(self) -> int | None:
        """Return how many rows a batch of patterns has; None where all patterns fit into one."""
        if self.batch is None:
            leads = {(spec.shape or (None,))[0] for spec in self.signature.inputs}
            lead = next(iter(leads))
            return lead if len(leads) == 1 and isinstance(lead, int) and lead > 0 else 1
        one = {**self.sizes, self.batch: 1}
        cheap = all(_bytes(spec, one) <= _CHEAP_BYTES for spec in self.signature.inputs)
        return None if cheap and not self._has_tokens() else max(self.sizes[self.batch], 1)

    def _has_tokens(self) -> bool:
        """Whether some input is looked up in a table: a row of few numbers then stands for much work."""
        return any(
            "int" in spec.dtype
            and self.ranges.get(spec.name, ValueRange()).high is not None
            and len(spec.shape or ()) > 1
            for spec in self.signature.inputs
        )

    def _is_table(self) -> bool:
        """Whether the inputs are the columns of a table, of which many rows cost nothing."""
        widths = [self._table_width(spec) for spec in self.signature.inputs]
        known = [width for width in widths if width is not None]
        return self.batch is not None and len(known) == len(widths) and sum(known) <= _TABLE_COLUMNS

    def _table_width(self, spec: TensorSpec) -> int | None:
        """Return the number of columns of a table, or None for what is none: images, texts, rows of token ids."""
        shape = spec.shape or ()
        width = shape[1] if len(shape) == 2 else 1
        tokens = "int" in spec.dtype and self.ranges.get(spec.name, ValueRange()).high is not None
        return width if isinstance(width, int) and len(shape) <= 2 and not tokens else None

    def _ample(self) -> dict[str, int]:
        """Return the example's sizes, of a table with more rows: a few rarely meet every label."""
        rows = _TABLE_ROWS * len(PATTERNS) + _NAMED_ROWS[True]
        return {**self.sizes, **({self.batch: rows} if self.batch and self._is_table() else {})}

    # --- sizes ------------------------------------------------------------------------------------

    def _sizes(self) -> Iterator[Case]:
        """Yield other sizes of the symbolic dimensions: all at once, and one by one where the source refuses that."""
        inner = [symbol for symbol in self.signature.symbols if symbol != self.batch]
        primes = dict(zip(inner, itertools.cycle(_LARGE_PRIMES.get(len(inner), _MORE_PRIMES)), strict=False))
        twos = {symbol: 2 for symbol, size in self.sizes.items() if size != 2}
        for sizes in (twos, {symbol: size + 1 for symbol, size in self.sizes.items()}, primes):
            if sizes and self._fits(sizes):
                alone = tuple(self.sized({symbol: size}) for symbol, size in sizes.items()) if len(sizes) > 1 else ()
                yield replace(self.sized(sizes), parts=alone)
        for symbol in inner:
            for length in self.ranges.lengths:
                sizes = {**({self.batch: 1} if self.batch else {}), symbol: length}
                if self.sizes[symbol] < length <= _LONGEST and self._fits(sizes):
                    yield self.sized(sizes)

    def _fits(self, sizes: Mapping[str, int]) -> bool:
        return sum(_bytes(spec, {**self.sizes, **sizes}) for spec in self.signature.inputs) <= _LARGEST_BYTES

    def _tree_sizes(self, rows: int) -> dict[str, int]:
        leading = {(spec.shape or (None,))[0] for spec in self.signature.inputs}
        return {symbol: rows if symbol in leading else size for symbol, size in self.sizes.items()}

    # --- trees, integers, words -------------------------------------------------------------------

    def _leaves(self) -> Iterator[Case | Note]:
        """Yield rows that reach every leaf of every tree, as far as the budget of rows goes."""
        boxes = {name: value_range.leaves for name, value_range in self.ranges.items() if value_range.leaves}
        if not boxes or self.batch is None:
            return
        rows = min(max(map(len, boxes.values())), MOST)
        total = max(value_range.leaf_count for value_range in self.ranges.values())
        if rows < total:
            yield Note(f"{rows:,} of the {total:,} leaves of the trees were visited on purpose")
        case = self.drawn("every leaf of the trees", self._tree_sizes(rows), 9, "normal")
        inputs = dict(case.inputs)
        for spec in self.signature.inputs:
            if spec.name in boxes and inputs[spec.name].ndim == 2:
                inputs[spec.name] = in_leaves(boxes[spec.name], inputs[spec.name], spec.dtype)
        yield replace(case, inputs=inputs)

    def _branches(self) -> Iterator[Case | Note]:
        """Yield a case for each branch of an If node that usual inputs do not take."""
        if not self.ranges.conditions:
            return
        rng = np.random.default_rng(29)
        usual = {spec.name: self._usual(spec, self.sizes, rng) for spec in self.signature.inputs}
        unmet = {(c, way) for c in self.ranges.conditions for way in (True, False) if c.evaluate(usual) is not way}
        shapes = {spec.name: usual[spec.name].shape for spec in self._floats()}
        for values in zip(*(tried(shape, rng) for shape in shapes.values()), strict=True):
            arrays = dict(usual)
            for spec, array in zip(self._floats(), values, strict=True):
                arrays[spec.name] = typed(array, spec.dtype)
            met = {(condition, way) for condition, way in unmet if condition.evaluate(arrays) is way}
            unmet -= met
            for condition, way in sorted(met, key=lambda pair: pair[0].node):
                yield Case(f"the {'then' if way else 'else'} branch of {condition.node}", dict(self.sizes), arrays)
        for condition, way in sorted(unmet, key=lambda pair: pair[0].node):
            yield Note(f"no input was found that takes the {'then' if way else 'else'} branch of {condition.node}")

    def _integers(self) -> Iterator[Case]:
        if not any("int" in dtype for dtype in self.dtypes):
            return
        sizes = self._ample()
        for seed, distribution in enumerate(("signed", "wide"), start=11):
            yield self.drawn(f"{distribution} integers", sizes, seed, distribution)
        for distribution, needed in (
            ("ends of tables", lambda value_range: value_range.high is not None),
            ("integers of the graph", lambda value_range: bool(value_range.named)),
            ("negative indices", lambda value_range: value_range.indexed),
            ("integers beyond float32", lambda value_range: value_range.high is None and not value_range.integers),
        ):
            names = [
                spec.name
                for spec in self.signature.inputs
                if "int" in spec.dtype and spec.shape and needed(self.ranges.get(spec.name, ValueRange()))
            ]
            if names:
                yield self.drawn(distribution, sizes, 13, distribution)

    def _vocabulary(self) -> Iterator[Case]:
        """Yield a case in which every word of every vocabulary stands once, where it is not too long."""
        words = {spec.name: self.ranges.get(spec.name, ValueRange()).strings for spec in self.signature.inputs}
        longest = max(len(dict.fromkeys(found)) for found in words.values())
        if self.batch and 1 < longest <= _LONGEST:
            case = self.drawn("every word of the vocabulary", {**self.sizes, self.batch: longest}, 23, "normal")
            inputs = dict(case.inputs)
            for spec in self.signature.inputs:
                if words[spec.name] and spec.dtype == "string":
                    found = list(dict.fromkeys(words[spec.name]))
                    column = np.resize(np.asarray(found, object), longest)
                    array = inputs[spec.name].reshape(longest, -1).copy()
                    array[:, 0] = column
                    inputs[spec.name] = array.reshape(inputs[spec.name].shape)
            yield replace(case, inputs=inputs)

    def _floats(self) -> list[TensorSpec]:
        return [spec for spec in self.signature.inputs if "float" in spec.dtype or spec.dtype.startswith("complex")]


def _turned(names: Sequence[str], place: int) -> list[str]:
    """Return the patterns for an input at a place: in the first row of each pattern the same for all, else another for each."""
    turns = [sum(name == other for other in names[:row]) for row, name in enumerate(names)]
    return [names[(row + 7 * place * turn) % len(names)] for row, turn in enumerate(turns)]


def _bytes(spec: TensorSpec, sizes: Mapping[str, int]) -> int:
    return math.prod(shape_at(spec, sizes)) * 4
