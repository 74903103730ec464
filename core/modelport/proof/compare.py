"""Comparing two observations of one output: a pure function of both, the tolerance and what is known of the reference.

Outputs are compared as they are, never up to a permutation or a reshape.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.proof.tolerance import Tolerance, epsilon
from modelport.report import RATIO_EDGES, CaseResult, Figures

ROUNDINGS = 64
"""Machine epsilons of an output's magnitude that two right answers may always be apart, however little it varies."""

NOISE = 4
"""How many times its own rounding error a reference's answer may be away from another right one."""

_TINY = 1.2e-38
"""The smallest normal float32: below it digits are lost one by one."""

_NARROW = ("float16", "bfloat16")


@dataclass(frozen=True)
class Spread:
    """How an output varies over the cases.

    Attributes:
        deviation: its standard deviation: of the whole output, or of each column, infinite where it does not bind.
        magnitude: its largest magnitude.
    """

    deviation: float | NDArray[Any]
    magnitude: float


@dataclass(frozen=True)
class Allowance:
    """What is known of a reference's output beside its values.

    Attributes:
        spread: how it varies over the cases; None where that does not bind.
        noise: the rounding error of each value, from the same computation in float64; None where it was not measured.
        tied: where the reference might as well have answered what the candidate did, as the values chosen from are equal.
    """

    spread: Spread | None = None
    noise: NDArray[Any] | None = None
    tied: NDArray[Any] | None = None


STRICT = Allowance()


def compare_outputs(
    expected: Mapping[str, Any],
    got: Mapping[str, Any],
    tolerance: Tolerance,
    allowances: Mapping[str, Allowance],
) -> list[Figures]:
    """Compare all outputs of one case, by name; those that one side lacks are failures.

    Args:
        expected, got: the reference's and the candidate's values.
        tolerance: for floats.
        allowances: what is known of the reference, by output.
    """
    figures = [
        compare(name, value, got[name], tolerance, allowances.get(name, STRICT))
        if name in got
        else Figures(name, 0, reason="the output is missing")
        for name, value in expected.items()
    ]
    return figures + [
        Figures(name, 0, reason="the reference has no such output") for name in got if name not in expected
    ]


def compare(output: str, expected: Any, got: Any, tolerance: Tolerance, allowance: Allowance = STRICT) -> Figures:
    """Compare one output with its reference.

    Arrays must agree in dtype and shape; strings, integers and booleans exactly; floats within tolerance, with NaN and
    infinities in the same places. Sequences and maps (ZipMap) must agree in length and keys, and their values as arrays do.

    Args:
        output: its name.
        expected, got: the reference's and the candidate's values.
        tolerance: for floats.
        allowance: what is known of the reference; it applies to arrays.
    """
    if isinstance(expected, dict) or isinstance(got, dict):
        return _compare_maps(output, [expected], [got], tolerance)
    if isinstance(expected, list) or isinstance(got, list):
        return _compare_sequences(output, expected, got, tolerance)
    return _compare_arrays(output, np.asarray(expected), np.asarray(got), tolerance, allowance)


def _compare_sequences(output: str, expected: Any, got: Any, tolerance: Tolerance) -> Figures:
    if not (isinstance(expected, list) and isinstance(got, list)) or len(expected) != len(got):
        return Figures(output, 0, reason=f"a sequence of {_length(got)} instead of {_length(expected)}")
    if any(isinstance(item, dict) for item in (*expected, *got)):
        return _compare_maps(output, expected, got, tolerance)
    return merge(output, [compare(output, e, g, tolerance) for e, g in zip(expected, got, strict=True)])


def _compare_maps(output: str, expected: Sequence[Any], got: Sequence[Any], tolerance: Tolerance) -> Figures:
    pairs = list(zip(expected, got, strict=True))
    for index, (e, g) in enumerate(pairs):
        if not isinstance(e, dict) or not isinstance(g, dict) or list(e) != list(g):
            have, want = (list(m) if isinstance(m, dict) else type(m).__name__ for m in (g, e))
            return Figures(output, 0, reason=f"map {index} has the keys {have} instead of {want}")
    wanted, given = (
        np.asarray([value for item in side for value in item.values()]) for side in zip(*pairs, strict=True)
    )
    if {wanted.dtype.kind, given.dtype.kind} <= set("biuf"):  # plain Python numbers carry no dtype to compare
        common = np.result_type(wanted, given)
        wanted, given = wanted.astype(common), given.astype(common)
    return _compare_arrays(output, wanted, given, tolerance)


def _compare_arrays(
    output: str, expected: NDArray[Any], got: NDArray[Any], tolerance: Tolerance, allowance: Allowance = STRICT
) -> Figures:
    if dtype_of(expected) != dtype_of(got):
        return Figures(output, expected.size, reason=f"dtype {dtype_of(got)} instead of {dtype_of(expected)}")
    if expected.shape != got.shape:
        return Figures(output, expected.size, reason=f"shape {got.shape} instead of {expected.shape}")
    if expected.dtype.kind == "c":
        parts = [_compare_arrays(output, part(expected), part(got), tolerance) for part in (np.real, np.imag)]
        return merge(output, parts)
    if is_float(expected):
        return _compare_floats(output, expected, got, tolerance, allowance)
    wrong = expected != got
    if allowance.tied is not None:
        wrong &= ~allowance.tied
    flips = int(np.count_nonzero(wrong))
    reason = f"{flips} of {expected.size} values differ, first at {_first(wrong, expected, got)}" if flips else ""
    return Figures(output, expected.size, flips=flips, reason=reason)


@np.errstate(over="ignore")  # a difference beyond the largest float64 is infinite, and so out of tolerance
def _compare_floats(
    output: str, expected: NDArray[Any], got: NDArray[Any], tolerance: Tolerance, allowance: Allowance
) -> Figures:
    rtol, atol = tolerance.of(dtype_of(expected))
    want, have = expected.astype(np.float64), got.astype(np.float64)
    finite = np.isfinite(want) & np.isfinite(have)
    misplaced = ~finite & ~((np.isnan(want) & np.isnan(have)) | (want == have))
    e, g = want[finite], have[finite]
    difference, magnitude = np.abs(g - e), np.abs(e)
    tolerated = atol + rtol * magnitude
    allowed = _allowed(want, tolerated, finite, dtype_of(expected), tolerance, allowance)
    beyond = np.zeros(want.shape, bool)
    beyond[finite] = difference > allowed
    nonzero = magnitude > 0
    wrong = int(np.count_nonzero(beyond))
    figures = {
        "max_abs": float(difference.max(initial=0.0)),
        "mean_abs": float(difference.mean()) if difference.size else 0.0,
        "max_rel": float((difference[nonzero] / magnitude[nonzero]).max(initial=0.0)),
        "cosine": _cosine(e, g),
        "ratios": _ratios(difference, tolerated, want.size - e.size, int(np.count_nonzero(misplaced))),
    }
    reasons = []
    if misplaced.any():
        count = int(np.count_nonzero(misplaced))
        reasons.append(f"{count} NaN or infinities in other places, first at {_first(misplaced, expected, got)}")
    if wrong:
        spread_only = not (difference > tolerated).any()
        limit = "what the output varies by over the cases" if spread_only else f"rtol {rtol:g} and atol {atol:g}"
        reasons.append(
            f"{wrong} of {expected.size} values beyond {limit}, max difference "
            f"{figures['max_abs']:.3g}, first at {_first(beyond, expected, got)}"
        )
    return Figures(output, expected.size, out_of_tolerance=wrong, reason="; ".join(reasons), **figures)  # type: ignore[arg-type]


def _allowed(
    want: NDArray[Any],
    tolerated: NDArray[Any],
    finite: NDArray[Any],
    dtype: str,
    tolerance: Tolerance,
    allowance: Allowance,
) -> NDArray[Any]:
    """Return what the finite values may differ by: the tolerance, less where the output varies less, more where it is noise."""
    allowed = tolerated
    if allowance.spread is not None:
        share, floor = tolerance.of_spread(dtype)
        rounding = ROUNDINGS * epsilon(dtype) * np.maximum(scale_of(want), allowance.spread.magnitude)
        floor = max(floor, _TINY)
        limit = np.maximum(np.maximum(share * np.asarray(allowance.spread.deviation), floor), rounding)
        allowed = np.minimum(allowed, np.broadcast_to(limit, want.shape)[finite])
    if allowance.noise is not None:
        noise = np.broadcast_to(NOISE * scale_of(allowance.noise), want.shape)
        allowed = np.maximum(allowed, noise[finite])
    return allowed


def scale_of(values: NDArray[Any]) -> NDArray[Any]:
    """Return the largest finite magnitude of each row (the first axis), shaped to be broadcast."""
    magnitude = np.where(np.isfinite(values), np.abs(values), 0.0)
    if magnitude.ndim < 2:
        return np.asarray(magnitude.max(initial=0.0))
    return np.asarray(magnitude.max(axis=tuple(range(1, magnitude.ndim)), keepdims=True, initial=0.0))


@np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore")
def _ratios(difference: NDArray[Any], allowed: NDArray[Any], not_finite: int, misplaced: int) -> list[int]:
    """Count the values by their share of the tolerance, in the bins of `Figures.ratios`.

    NaN and infinities are equal in the same places, and beyond every edge where they are misplaced. One comparison an edge is
    several times quicker than searching the bin of each value, or taking its logarithm.
    """
    ratio = difference / allowed  # NaN where nothing is allowed and nothing differs
    above = [np.count_nonzero(difference), *(np.count_nonzero(ratio > edge) for edge in RATIO_EDGES)]
    equal, *between, beyond = (-int(step) for step in np.diff([difference.size, *above, 0]))
    return [equal + not_finite - misplaced, *between, beyond + misplaced]


def is_float(array: NDArray[Any]) -> bool:
    """Whether the values are floats, also of the narrow types that NumPy has not."""
    return array.dtype.kind == "f" or array.dtype.name in _NARROW


def merge(output: str, group: Sequence[Figures]) -> Figures:
    """Combine figures: maxima of maxima, the element-weighted mean, the lowest cosine, all reasons once."""
    floats = [f for f in group if f.max_abs is not None]
    elements = sum(f.elements for f in floats)
    weighted = math.fsum((f.mean_abs or 0.0) * f.elements for f in floats)
    return Figures(
        output,
        sum(f.elements for f in group),
        max_abs=max((f.max_abs or 0.0 for f in floats), default=None),
        max_rel=max((f.max_rel or 0.0 for f in floats), default=None),
        mean_abs=weighted / elements if elements else (0.0 if floats else None),
        cosine=min((f.cosine for f in floats if f.cosine is not None), default=None),
        out_of_tolerance=sum(f.out_of_tolerance for f in group),
        flips=sum(f.flips for f in group),
        reason="; ".join(dict.fromkeys(f.reason for f in group if f.reason)),
        ratios=_sums([f.ratios for f in group if f.ratios is not None]),
    )


def _sums(counts: Sequence[Sequence[int]]) -> list[int] | None:
    return [sum(column) for column in zip(*counts, strict=True)] or None


def over_all(results: Iterable[CaseResult]) -> list[Figures]:
    """Combine the figures of all cases, output by output."""
    by_output: dict[str, list[Figures]] = {}
    for result in results:
        for figures in result.outputs:
            by_output.setdefault(figures.output, []).append(figures)
    return [merge(output, group) for output, group in by_output.items()]


def _cosine(e: NDArray[Any], g: NDArray[Any]) -> float | None:
    scale = float(np.linalg.norm(e) * np.linalg.norm(g))
    return float(np.dot(e, g) / scale) if e.size and math.isfinite(scale) and scale > 0 else None


def _first(mask: NDArray[Any], expected: NDArray[Any], got: NDArray[Any]) -> str:
    index = tuple(int(axis[0]) for axis in np.nonzero(np.atleast_1d(mask)))
    want, have = np.atleast_1d(expected)[index], np.atleast_1d(got)[index]
    return f"{list(index)}: {have} instead of {want}"


def dtype_of(value: Any) -> str:
    """Return the name of an output's dtype: "string" for texts, "sequence" for lists and maps."""
    if isinstance(value, list | dict):
        return "sequence"
    dtype = np.asarray(value).dtype
    return "string" if dtype.kind in "OUST" else dtype.name


def _length(value: Any) -> str:
    return str(len(value)) if isinstance(value, list) else type(value).__name__
