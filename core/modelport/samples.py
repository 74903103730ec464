"""Inputs to prove with: the user's own, the plugin's, or generated from the signature and the graph.

A plan has a minimum, which a proof must run: every symbolic dimension at the example's size, at 1 and at another size (or, where
the reference refuses one of them, at three sizes that it admits). Further cases bring other seeds and distributions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from modelport.domains import Domain
from modelport.errors import InvalidSignature
from modelport.signature import Signature, TensorSpec

Arrays = Mapping[str, NDArray[Any]]

_ROWS = 256
_BATCH_BYTES = 16 * 2**20
"""User samples run in batches of at most this many rows and bytes: a network's activations are many times its input."""

_TREE_ROWS = 512
_TABLE_ROWS = 64
_TABLE_COLUMNS = 1024
_WORDS = ("modelport", "alpha", "beta", "gamma", "delta", "")
_UNKNOWN = "\u2603 not in any vocabulary"
_FALLBACK_SIZES = (64, 224, 16, 8, 128, 4, 2, 1)
"""Sizes tried for dimensions that nobody has sized, when the reference refuses the guess."""

_STEPS = np.asarray(
    [near + sign * 2.0**-power for near in (0, -0.5, 0.5) for sign in (-1, 1) for power in (2, 4, 8, 16, 29)]
)
_THRESHOLD_STEPS = np.concatenate([[-1.0, -0.5, 0.0, 0.5, 1.0], _STEPS])
"""Where a tree is probed, in float32 spacings around each threshold.

Rounding to float32 moves a threshold by up to a half of one and by as little as 2**-29, a float64 spacing, and a feature across
the middle between two float32 numbers: steps that close in on 0 and 1/2 geometrically fall between, however near they are."""


@dataclass(frozen=True)
class Case:
    """One set of inputs: an array for each input of the signature."""

    label: str
    sizes: Mapping[str, int]
    inputs: Arrays
    required: bool = False


@dataclass(frozen=True)
class Slot:
    """One part of the minimum: the first alternative that the reference admits fills it."""

    alternatives: Iterable[Case]
    missing: str


@dataclass(frozen=True)
class Plan:
    """The cases of a proof; both parts are made as they are consumed, once."""

    required: Iterable[Slot]
    further: Iterable[Case]
    notes: list[str] = field(default_factory=list)


def plan(
    signature: Signature,
    domains: Mapping[str, Domain],
    *,
    user: Arrays | None = None,
    plugin: Callable[[int], Arrays | None] | None = None,
) -> Plan:
    """Plan the cases of a proof.

    Args:
        signature: the inputs; every dtype and rank known.
        domains: what the graph admits, by input (missing ones are free).
        user: the user's samples, fitted to the signature; where given, all cases are made of them.
        plugin: returns the plugin's samples for a seed, or None; where it has some, the minimum is made of them.

    Raises:
        InvalidSignature: when an input's dtype or rank is unknown.
    """
    require_known(signature)
    if user is not None:
        maker = _Maker(signature, domains, user)
        return Plan(maker.user_slots(user), iter(()), maker.notes)
    drawn = _plugin_cases(signature, plugin, 0) if plugin else iter(())
    first = next(drawn, None)
    maker = _Maker(signature, domains, first.inputs if first else None)
    if plugin is None or first is None:
        return Plan(maker.slots("normal"), maker.further(), maker.notes)
    again = itertools.chain(drawn, *(_plugin_cases(signature, plugin, seed) for seed in (1, 2)))
    return Plan(maker.slots("samples of the plugin"), itertools.chain(again, maker.further()), maker.notes)


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
    def __init__(self, signature: Signature, domains: Mapping[str, Domain], base: Arrays | None) -> None:
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
        """Yield cases beyond the minimum: values at decision thresholds first, then other seeds and distributions."""
        if any(domain.thresholds for domain in self.domains.values()):
            yield self._case("at the thresholds of trees", self.sizes, 7, "thresholds")
        sizes = self._ample()
        for seed, distribution in enumerate(("normal", "uniform", "small", "sparse"), start=1):
            yield self._case(f"{distribution}, seed {seed}", sizes, seed, distribution)
        dtypes = {spec.dtype for spec in self.signature.inputs}
        if any("int" in dtype for dtype in dtypes):
            for seed, distribution in enumerate(("signed", "wide"), start=11):
                yield self._case(f"{distribution} integers", sizes, seed, distribution)
        if "string" in dtypes:
            yield self._case("strings outside the vocabulary", sizes, 21, "unknown")

    def _ample(self) -> dict[str, int]:
        """Return the example's sizes, with more rows where they cost nothing: a few rows of a table rarely meet every label."""
        leads = {(spec.shape or (None,))[0] for spec in self.signature.inputs}
        widths = [self._table_width(spec) for spec in self.signature.inputs]
        known = [width for width in widths if width is not None]
        lead = next(iter(leads))
        if len(leads) > 1 or not isinstance(lead, str) or len(known) < len(widths) or sum(known) > _TABLE_COLUMNS:
            return dict(self.sizes)
        return {**self.sizes, lead: max(_TABLE_ROWS, self.sizes[lead])}

    def _table_width(self, spec: TensorSpec) -> int | None:
        """Return the number of columns of a table, or None for what is none: images, texts, rows of token ids."""
        shape = spec.shape or ()
        width = shape[1] if len(shape) == 2 else 1
        tokens = "int" in spec.dtype and self.domains.get(spec.name, Domain()).high is not None
        return width if isinstance(width, int) and len(shape) <= 2 and not tokens else None

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
            return self._case(label, sizes, 0, "normal", required=True)
        arrays = {spec.name: _stretch(self.base[spec.name], spec, sizes) for spec in self.signature.inputs}
        return Case(label, dict(sizes), arrays, required=True)

    def _case(self, label: str, sizes: Mapping[str, int], seed: int, distribution: str, required: bool = False) -> Case:
        rng = np.random.default_rng(seed)
        arrays, actual = {}, dict(sizes)
        if distribution == "thresholds":
            actual = {symbol: _TREE_ROWS if _leads(self.signature, symbol) else size for symbol, size in sizes.items()}
        for spec in self.signature.inputs:
            shape = tuple(actual[dim] if isinstance(dim, str) else dim for dim in spec.shape or ())
            drawn = _draw(spec, shape, self.domains.get(spec.name, Domain()), distribution, rng)
            arrays[spec.name] = np.asarray(drawn)  # what is drawn for a scalar is no array
        return Case(label, actual, arrays, required)

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


def sizes_in(signature: Signature, arrays: Arrays) -> dict[str, int]:
    """Return the size that each symbolic dimension has in a set of arrays."""
    return {
        dim: int(size)
        for spec in signature.inputs
        for dim, size in zip(spec.shape or (), arrays[spec.name].shape, strict=True)
        if isinstance(dim, str)
    }


def _leads(signature: Signature, symbol: str) -> bool:
    return any(spec.shape and spec.shape[0] == symbol for spec in signature.inputs)


def _stretch(array: NDArray[Any], spec: TensorSpec, sizes: Mapping[str, int]) -> NDArray[Any]:
    """Repeat or cut an array along its symbolic axes until it has the sizes asked for."""
    for axis, dim in enumerate(spec.shape or ()):
        if isinstance(dim, str) and array.shape[axis] != sizes[dim]:
            array = np.take(array, np.arange(sizes[dim]) % array.shape[axis], axis=axis)
    return array


def _draw(
    spec: TensorSpec, shape: tuple[int, ...], domain: Domain, distribution: str, rng: np.random.Generator
) -> NDArray[Any]:
    if spec.dtype == "bool":
        return rng.random(shape) < 0.5
    if spec.dtype == "string":
        return _draw_strings(shape, domain, distribution, rng)
    if "int" in spec.dtype:
        return _draw_integers(spec.dtype, shape, domain, distribution, rng)
    if distribution == "thresholds" and domain.thresholds:
        return _draw_at_thresholds(shape, domain, rng).astype(spec.dtype)
    values = _draw_floats(shape, distribution, rng)
    if spec.dtype.startswith("complex"):
        return (values + 1j * _draw_floats(shape, distribution, rng)).astype(spec.dtype)
    return values.astype(ml_dtypes.bfloat16 if spec.dtype == "bfloat16" else spec.dtype)


def _draw_floats(shape: tuple[int, ...], distribution: str, rng: np.random.Generator) -> NDArray[Any]:
    if distribution == "uniform":
        return rng.random(shape)
    values = rng.standard_normal(shape)
    if distribution == "small":  # a normalisation's epsilon shows only where the variance is about as small
        return values * 1e-2
    if distribution == "sparse":  # exact zeros reach the poles of logarithms and quotients
        return np.where(rng.random(shape) < 0.5, 0.0, values)
    return values


def _draw_integers(
    dtype: str, shape: tuple[int, ...], domain: Domain, distribution: str, rng: np.random.Generator
) -> NDArray[Any]:
    info = np.iinfo(dtype)
    if domain.integers and distribution != "wide":
        return rng.choice(np.asarray(domain.integers, dtype), shape)
    if domain.high is not None and domain.low is not None:
        low, high = max(domain.low, int(info.min)), min(domain.high, int(info.max) + 1)
        return rng.integers(low, max(high, low + 1), shape, dtype=np.int64).astype(dtype)
    if info.bits == 8 or (
        distribution == "wide" and shape
    ):  # a lone number may say how often to repeat, or how much to make
        return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    low = -100 if distribution == "signed" and info.min < 0 else 0
    return rng.integers(low, 101 if distribution == "signed" else 8, shape, dtype=dtype)


def _draw_strings(shape: tuple[int, ...], domain: Domain, distribution: str, rng: np.random.Generator) -> NDArray[Any]:
    words = list(dict.fromkeys(domain.strings)) or list(_WORDS)
    if distribution == "unknown":
        words = [*words, _UNKNOWN]
    count = int(np.prod(shape))
    if domain.text:
        texts = [" ".join(words[i] for i in rng.integers(0, len(words), rng.integers(1, 12))) for _ in range(count)]
    else:
        texts = [words[i] for i in rng.integers(0, len(words), count)]
        if distribution == "unknown" and count:
            texts[0] = _UNKNOWN
    return np.asarray(texts, dtype=object).reshape(shape)


def _draw_at_thresholds(shape: tuple[int, ...], domain: Domain, rng: np.random.Generator) -> NDArray[Any]:
    """Draw float64 values at, and by fractions of a float32 spacing beside, the thresholds of each feature."""
    values = rng.standard_normal(shape)
    for feature, thresholds in domain.thresholds.items():
        if shape and feature < shape[-1]:
            at = rng.choice(thresholds, shape[:-1])
            step = rng.choice(_THRESHOLD_STEPS, shape[:-1]) * np.abs(np.spacing(at.astype(np.float32))).astype(
                np.float64
            )
            values[..., feature] = at + step
    return values
