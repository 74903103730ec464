"""Inputs to prove with: the user's own, the plugin's, or generated from the signature and the graph.

A plan has a minimum, which a proof must run: every symbolic dimension at the example's size, at 1 and at another size (or, where
the reference refuses one of them, at three sizes that it admits). Further cases bring other seeds and distributions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from modelport.errors import InvalidSignature
from modelport.proof.cases.case import Arrays, Case, Plan, Reach, Slot
from modelport.proof.cases.drawing import sizes_in, stretch
from modelport.proof.cases.further import Further
from modelport.proof.value_ranges import Domain
from modelport.signature import Signature

__all__ = ["Arrays", "Case", "Plan", "Slot", "inputs_at", "plan", "require_known", "sizes_in"]

_ROWS = 256
_BATCH_BYTES = 16 * 2**20
"""User samples run in batches of at most this many rows and bytes: a network's activations are many times its input."""

_FALLBACK_SIZES = (64, 224, 16, 8, 128, 4, 2, 1)
"""Sizes tried for dimensions that nobody has sized, when the reference refuses the guess."""


def plan(
    signature: Signature,
    domains: Mapping[str, Domain],
    *,
    user: Arrays | None = None,
    plugin: Callable[[int], Arrays | None] | None = None,
    reach: Reach = "everything",
) -> Plan:
    """Plan the cases of a proof.

    Args:
        signature: the inputs; every dtype and rank known.
        domains: what the graph admits, by input (missing ones are free).
        user: the user's samples, fitted to the signature; where given, all cases are made of them.
        plugin: returns the plugin's samples for a seed, or None; where it has some, the minimum is made of them.
        reach: how far the cases beyond the minimum go.

    Raises:
        InvalidSignature: when an input's dtype or rank is unknown.
    """
    require_known(signature)
    if user is not None:
        maker = _Maker(signature, domains, user, reach)
        return Plan(maker.user_slots(user), iter(()), maker.notes)
    drawn = _plugin_cases(signature, plugin, 0) if plugin else iter(())
    first = next(drawn, None)
    maker = _Maker(signature, domains, first.inputs if first else None, reach)
    if plugin is None or first is None:
        return Plan(maker.slots("normal"), maker.further(), maker.notes, maker.search)
    again = itertools.chain(drawn, *(_plugin_cases(signature, plugin, seed) for seed in (1, 2)))
    return Plan(
        maker.slots("samples of the plugin"), itertools.chain(again, maker.further()), maker.notes, maker.search
    )


def require_known(signature: Signature) -> None:
    """Raise InvalidSignature when an input's dtype or rank is unknown."""
    for spec in signature.inputs:
        if not spec.dtype or spec.shape is None:
            raise InvalidSignature(
                f"the {'rank' if spec.dtype else 'dtype'} of the input {spec.name!r} is unknown",
                remedy=f"say it: --input '{spec.name}:{spec.dtype or 'float32'}[N,…]'",
            )


def _plugin_cases(signature: Signature, plugin: Callable[[int], Arrays | None], seed: int) -> Iterator[Case]:
    """Yield what the plugin draws, in batches of the model's own size where that is fixed; rows are repeated to fill the last."""
    arrays = plugin(seed)
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


class _Maker:
    def __init__(
        self, signature: Signature, domains: Mapping[str, Domain], base: Arrays | None, reach: Reach = "everything"
    ) -> None:
        self.reach = reach
        self.signature = signature
        self.domains = domains
        self.base = base
        self.sizes = {symbol: signature.size_of(symbol) for symbol in signature.symbols}
        if base is not None:
            self.sizes.update(sizes_in(signature, base))
        self.notes: list[str] = []

    def slots(self, label: str) -> Iterator[Slot]:
        """Yield the minimum: the example's sizes, then two more for every symbolic dimension."""
        yield Slot(self._at_example(label), "the source refuses every generated input at the example's size")
        for symbol in self.signature.symbols:
            sizes = self._other_sizes(symbol)
            for _ in range(2):
                yield Slot(
                    (self._resized(label, symbol, size) for size in sizes),
                    f"the dimension {symbol} does not run at three sizes: fix it in --input, or give another size, {symbol}=…",
                )

    def user_slots(self, user: Arrays) -> Iterator[Slot]:
        """Yield all of the user's rows in batches, then the other sizes of every symbolic dimension."""
        for number, batch in enumerate(self._batches(user)):
            if number == 0:  # the other sizes are made of one batch, not of all rows
                self.base, self.sizes = batch, {**self.sizes, **sizes_in(self.signature, batch)}
            case = Case(f"your samples, batch {number + 1}", sizes_in(self.signature, batch), batch, required=True)
            yield Slot([case], "the source refuses your samples")
        slots = self.slots("your samples")
        next(slots)
        yield from slots

    def further(self) -> Iterator[Case]:
        """Yield cases beyond the minimum."""
        yield from self._further().cases()

    def search(self, run: Callable[[Arrays], Mapping[str, Any]], answers: list[Any]) -> Iterable[Case]:
        """Yield cases found by asking the reference."""
        search = self._further().search
        return search(run, answers) if search else ()

    def _further(self) -> Further:
        return Further(self.signature, self.domains, self.sizes, self.base, self.notes, reach=self.reach)

    def _at_example(self, label: str) -> Iterator[Case]:
        yield self.sized(label, dict(self.sizes))
        guessed = [
            symbol
            for symbol in self.signature.symbols
            if symbol not in self.signature.examples and self.signature.size_of(symbol) == 32 and self.base is None
        ]
        for size in _FALLBACK_SIZES if guessed else ():
            self.sizes.update(dict.fromkeys(guessed, size))
            yield self.sized(label, dict(self.sizes))

    def _other_sizes(self, symbol: str) -> Iterator[int]:
        example = self.sizes[symbol]
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

    def _resized(self, label: str, symbol: str, size: int) -> Case:
        return self.sized(f"{label}, {symbol}={size}", {**self.sizes, symbol: size})

    def sized(self, label: str, sizes: Mapping[str, int]) -> Case:
        """Make a required case: of the base's rows, or drawn."""
        if self.base is None:
            further = Further(self.signature, self.domains, self.sizes, None, self.notes)
            return replace(further.drawn(label, sizes, 0, "normal"), required=True)
        arrays = {spec.name: stretch(self.base[spec.name], spec, sizes) for spec in self.signature.inputs}
        return Case(label, dict(sizes), arrays, required=True)

    def _batches(self, user: Arrays) -> Iterator[Arrays]:
        """Cut the rows into batches: of the model's own size where it is fixed, of at most `_ROWS` where it is not."""
        leads = {spec.shape[0] for spec in self.signature.inputs if spec.shape}
        if len(leads) != 1:
            yield user
            return
        lead = leads.pop()
        rows = min(len(array) for array in user.values())
        row_bytes = sum(array.nbytes // max(len(array), 1) for array in user.values())
        size = lead if isinstance(lead, int) else min(rows, _ROWS, max(_BATCH_BYTES // max(row_bytes, 1), 1))
        batches = [{name: array[at : at + size] for name, array in user.items()} for at in range(0, rows, max(size, 1))]
        whole = [
            batch for batch in batches if isinstance(lead, str) or all(len(array) == size for array in batch.values())
        ]
        if len(whole) < len(batches):
            self.notes.append(
                f"the last {rows % size} samples do not fill the model's batch of {size} and were left out"
            )
        yield from whole


def inputs_at(
    signature: Signature, domains: Mapping[str, Domain], sizes: Mapping[str, int], base: Arrays | None = None
) -> Arrays:
    """Return one set of inputs with symbolic dimensions of the given sizes, the others at the example's.

    Args:
        signature: the inputs; every dtype and rank known.
        domains: what the graph admits, by input.
        sizes: by symbolic dimension.
        base: samples to repeat or cut to these sizes; drawn at random when None.
    """
    maker = _Maker(signature, domains, base)
    return maker.sized("", {**maker.sizes, **sizes}).inputs
