"""Inputs to prove with: the user's own, the plugin's, or generated from the signature and the graph.

A plan has a minimum, which a proof must run: every symbolic dimension at the example's size, at 1 and at another size (or, where
the reference refuses one of them, at three sizes that it admits). Further cases bring other seeds and distributions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from modelport.errors import InvalidSignature
from modelport.proof.cases.case import Arrays, Case, Note, Plan, Reach, Search, Sizes, Slot
from modelport.proof.cases.drawing import sizes_in, stretch
from modelport.proof.cases.further import Further
from modelport.proof.value_ranges import ValueRange
from modelport.signature import Signature

__all__ = ["Arrays", "Case", "Note", "Plan", "Slot", "inputs_at", "plan", "require_known", "sizes_in"]

_ROWS = 256
_BATCH_BYTES = 16 * 2**20
"""User samples run in batches of at most this many rows and bytes: a network's activations are many times its input."""

_FALLBACK_SIZES = (64, 224, 16, 8, 128, 4, 2, 1)
"""Sizes tried for dimensions that nobody has sized, when the reference refuses the guess."""


def plan(
    signature: Signature,
    ranges: Mapping[str, ValueRange],
    *,
    user: Arrays | None = None,
    plugin: Callable[[int], Arrays | None] | None = None,
    reach: Reach = "everything",
) -> Plan:
    """Plan the cases of a proof.

    Args:
        signature: the inputs; every dtype and rank known.
        ranges: what the graph admits, by input (missing ones are free).
        user: the user's samples, fitted to the signature; where given, they are the minimum, and what would be generated without
            them is run beside.
        plugin: returns the plugin's samples for a seed, or None; where it has some, the minimum is made of them.
        reach: how far the cases beyond the minimum go.

    Raises:
        InvalidSignature: when an input's dtype or rank is unknown.
    """
    require_known(signature)
    drawn = list(_plugin_cases(signature, plugin, 0))
    label = "samples of the plugin" if drawn else "normal"
    maker = _Maker(signature, ranges, drawn[0].inputs if drawn else None, reach)

    def again() -> Iterator[Case]:
        yield from drawn[1:]
        for seed in (1, 2) if drawn else ():
            yield from _plugin_cases(signature, plugin, seed)

    if user is None:
        return Plan(
            lambda: maker.slots(label), lambda sizes: itertools.chain(again(), maker.further(sizes)), maker.search
        )
    mine = _Maker(signature, ranges, user, reach)
    if reach == "usual":  # a loss is measured on the user's own data
        return Plan(mine.user_slots, lambda sizes: ())
    return Plan(
        lambda: itertools.chain(mine.user_slots(), map(_beside, maker.slots(label))),
        lambda sizes: itertools.chain(again(), mine.first_batch().further(sizes)),
        maker.search,
    )


def _beside(part: Slot | Note) -> Slot | Note:
    """Return a part of the minimum as it is run beside the user's samples: a proof lacks nothing where it is refused."""
    if isinstance(part, Note):
        return part
    return Slot((replace(case, beside=True) for case in part.alternatives), None)


def require_known(signature: Signature) -> None:
    """Raise InvalidSignature when an input's dtype or rank is unknown."""
    for spec in signature.inputs:
        if not spec.dtype or spec.shape is None:
            raise InvalidSignature(
                f"the {'rank' if spec.dtype else 'dtype'} of the input {spec.name!r} is unknown",
                remedy=f"say it: --input '{spec.name}:{spec.dtype or 'float32'}[N,…]'",
            )


def _plugin_cases(signature: Signature, plugin: Callable[[int], Arrays | None] | None, seed: int) -> Iterator[Case]:
    """Yield what the plugin draws, in batches of the model's own size where that is fixed; rows are repeated to fill the last."""
    arrays = plugin(seed) if plugin else None
    if arrays is None:
        return
    leads = {(spec.shape or ("",))[0] for spec in signature.inputs}
    size, rows = next(iter(leads)), max((len(array) for array in arrays.values() if array.ndim), default=0)
    if len(leads) > 1 or not isinstance(size, int) or not size or not rows:
        yield Case(f"samples of the plugin, seed {seed}", sizes_in(signature, arrays), arrays)
        return
    for at in range(0, rows, size):
        places = np.arange(at, at + size) % rows
        batch = {name: array[places] for name, array in arrays.items()}
        label = f"samples of the plugin, seed {seed}, rows from {at + 1}"
        yield Case(label, sizes_in(signature, batch), batch)


@dataclass(frozen=True)
class _Maker:
    """Makes the cases of one signature.

    Attributes:
        signature, ranges, reach: as for `plan`.
        base: usual inputs, whose rows are repeated or cut to other sizes; None to draw them.
    """

    signature: Signature
    ranges: Mapping[str, ValueRange]
    base: Arrays | None
    reach: Reach = "everything"

    @property
    def sizes(self) -> dict[str, int]:
        """The example's size of every symbolic dimension."""
        known = {symbol: self.signature.size_of(symbol) for symbol in self.signature.symbols}
        return known | (sizes_in(self.signature, self.base) if self.base is not None else {})

    def slots(self, label: str) -> Iterator[Slot]:
        """Yield the minimum: the example's sizes, then two more for every symbolic dimension."""
        sizes = self.sizes
        yield Slot(self._at_example(label, sizes), "the source refuses every generated input at the example's size")
        for symbol in self.signature.symbols:
            others = _other_sizes(sizes[symbol])
            for _ in range(2):
                yield Slot(
                    (self.sized(f"{label}, {symbol}={size}", {**sizes, symbol: size}) for size in others),
                    f"the dimension {symbol} does not run at three sizes: fix it in --input, or give another size, {symbol}=…",
                )

    def user_slots(self) -> Iterator[Slot | Note]:
        """Yield all of the user's rows in batches, then the other sizes of every symbolic dimension."""
        batches, left_out = self._batches()
        for number, batch in enumerate(batches, start=1):
            case = Case(f"your samples, batch {number}", sizes_in(self.signature, batch), batch, required=True)
            yield Slot([case], "the source refuses your samples")
        if left_out:
            yield left_out
        yield from itertools.islice(self.first_batch().slots("your samples"), 1, None)

    def first_batch(self) -> _Maker:
        """Return what makes cases of the user's first batch: the other sizes are made of one batch, not of all rows."""
        batches, _ = self._batches()
        return replace(self, base=batches[0]) if batches else self

    def further(self, sizes: Sizes) -> Iterator[Case | Note]:
        """Yield cases beyond the minimum."""
        yield from self._further({**self.sizes, **sizes}).cases()

    @property
    def search(self) -> Search | None:
        """What finds cases by asking the reference."""
        return self._further(self.sizes).search

    def _further(self, sizes: Sizes) -> Further:
        return Further(self.signature, self.ranges, sizes, self.base, reach=self.reach)

    def _at_example(self, label: str, sizes: dict[str, int]) -> Iterator[Case]:
        """Yield the case at the example's sizes; those that nobody has named are set anew in `sizes` until one is admitted."""
        yield self.sized(label, sizes)
        guessed = [
            symbol
            for symbol in self.signature.symbols
            if symbol not in self.signature.examples and self.signature.size_of(symbol) == 32 and self.base is None
        ]
        for size in _FALLBACK_SIZES if guessed else ():
            sizes.update(dict.fromkeys(guessed, size))
            yield self.sized(label, sizes)

    def sized(self, label: str, sizes: Sizes) -> Case:
        """Make a required case: of the base's rows, or drawn."""
        if self.base is None:
            return replace(self._further(sizes).drawn(label, sizes, 0, "normal"), required=True)
        arrays = {spec.name: stretch(self.base[spec.name], spec, sizes) for spec in self.signature.inputs}
        return Case(label, dict(sizes), arrays, required=True)

    def _batches(self) -> tuple[list[Arrays], Note | None]:
        """Cut the rows into batches: of the model's own size where it is fixed, of at most `_ROWS` where it is not."""
        assert self.base is not None
        leads = {spec.shape[0] for spec in self.signature.inputs if spec.shape}
        if len(leads) != 1:
            return [self.base], None
        lead = leads.pop()
        rows = min(len(array) for array in self.base.values())
        row_bytes = sum(array.nbytes // max(len(array), 1) for array in self.base.values())
        size = lead if isinstance(lead, int) else min(rows, _ROWS, max(_BATCH_BYTES // max(row_bytes, 1), 1))
        batches = [
            {name: array[at : at + size] for name, array in self.base.items()} for at in range(0, rows, max(size, 1))
        ]
        whole: list[Arrays] = [
            batch for batch in batches if isinstance(lead, str) or all(len(array) == size for array in batch.values())
        ]
        text = f"the last {rows % max(size, 1)} samples do not fill the model's batch of {size} and were left out"
        return whole, Note(text) if len(whole) < len(batches) else None


def _other_sizes(example: int) -> Iterator[int]:
    others = [
        1,
        2 * example if example > 8 else example + 2,
        example + 1,
        2 * example,
        example // 2,
        4 * example,
        example // 4,
    ]
    return iter([size for size in dict.fromkeys(others) if size > 0 and size != example])


def inputs_at(
    signature: Signature, ranges: Mapping[str, ValueRange], sizes: Mapping[str, int], base: Arrays | None = None
) -> Arrays:
    """Return one set of inputs with symbolic dimensions of the given sizes, the others at the example's.

    Args:
        signature: the inputs; every dtype and rank known.
        ranges: what the graph admits, by input.
        sizes: by symbolic dimension.
        base: samples to repeat or cut to these sizes; drawn at random when None.
    """
    maker = _Maker(signature, ranges, base)
    return maker.sized("", {**maker.sizes, **sizes}).inputs
